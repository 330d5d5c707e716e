//! What a person adds to a service so that its health answer reports its release and build.

use super::Service;
use super::runtime::Framework;

/// The code of a health route for the service's framework; nothing if its route reports both already.
pub fn hint(service: &Service) -> Option<(String, String)> {
    if service.health.as_ref().is_some_and(|route| route.reports) {
        return None;
    }
    let (file, code) = match service.runtime.framework {
        Framework::Next => ("app/api/health/route.ts", NEXT),
        Framework::Express => ("", EXPRESS),
        Framework::Node => ("", NODE),
        Framework::Flask => ("", FLASK),
        Framework::FastApi => ("", FASTAPI),
        Framework::Python => ("", PYTHON),
        Framework::Other => ("", ANY),
    };
    let seen = service.health.as_ref().map(|route| route.file.display().to_string());
    let file = seen.unwrap_or_else(|| file.to_owned());
    let path = service.health.as_ref().map_or(USUAL_PATH, |route| route.path.as_str());
    Some((file, code.replace(USUAL_PATH, path)))
}

/// The route of the examples.
const USUAL_PATH: &str = "/api/health";

const NEXT: &str = r#"export const dynamic = "force-dynamic";
export function GET() {
  return Response.json({
    status: "ok",
    version: process.env.POINTSMAN_RELEASE ?? process.env.npm_package_version,
    revision: process.env.K_REVISION,
  });
}"#;

const EXPRESS: &str = r#"app.get("/api/health", (request, response) => response.json({
  status: "ok",
  version: process.env.POINTSMAN_RELEASE ?? process.env.npm_package_version,
  revision: process.env.K_REVISION,
}));"#;

const NODE: &str = r#"if (request.url.split("?")[0] === "/api/health") {   // health checks add ?probe=…
  response.setHeader("Content-Type", "application/json");
  return response.end(JSON.stringify({
    status: "ok",
    version: process.env.POINTSMAN_RELEASE ?? process.env.npm_package_version,
    revision: process.env.K_REVISION,
  }));
}"#;

const FLASK: &str = r#"import os

@app.get("/api/health")
def health():
    return {
        "status": "ok",
        "version": os.environ.get("POINTSMAN_RELEASE"),
        "revision": os.environ.get("K_REVISION"),
    }"#;

const FASTAPI: &str = r#"import os

@app.get("/api/health")
async def health():
    return {
        "status": "ok",
        "version": os.environ.get("POINTSMAN_RELEASE"),
        "revision": os.environ.get("K_REVISION"),
    }"#;

const PYTHON: &str = r#"import json, os

if self.path.split("?")[0] == "/api/health":   # health checks add ?probe=…
    body = json.dumps({
        "status": "ok",
        "version": os.environ.get("POINTSMAN_RELEASE"),
        "revision": os.environ.get("K_REVISION"),
    }).encode()
    self.send_response(200)
    self.send_header("Content-Type", "application/json")
    self.end_headers()
    self.wfile.write(body)
    return"#;

const ANY: &str = r#"GET /api/health answers 200 with this JSON, from the variables of the same names:
{ "status": "ok", "version": "$POINTSMAN_RELEASE", "revision": "$K_REVISION" }"#;
