//! The health route of a service, found in its source text.

use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{Kind, Rules, items};

/// A route that answers health checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRoute {
    /// `/api/health`
    pub path: String,
    /// The file that names it, relative to the service.
    pub file: PathBuf,
    /// Whether that file reads `POINTSMAN_RELEASE` and `K_REVISION`. Only then does its answer say
    /// which release and build it comes from.
    pub reports: bool,
}

/// The usual routes, the most specific first: `/health` is part of the others.
const ROUTES: [&str; 6] =
    ["/api/healthz", "/api/health", "/healthz", "/health", "/readyz", "/livez"];

/// Next.js has no route in its text: the file's place is the route.
const ROUTE_FILES: [&str; 4] = [
    "app/api/health/route.",
    "src/app/api/health/route.",
    "pages/api/health.",
    "src/pages/api/health.",
];

const ENDINGS: [&str; 12] =
    ["cjs", "go", "java", "js", "jsx", "kt", "mjs", "php", "py", "rb", "ts", "tsx"];

/// Larger files are generated.
const LARGEST: u64 = 256 * 1024;

/// Searches the files that git does not ignore.
pub(super) fn find(folder: &Path) -> Option<HealthRoute> {
    let rules = Rules { without_ignored: true, state: None };
    let files = items(folder, rules).ok()?.into_iter().filter_map(|item| match item.kind {
        Kind::File(from) => Some((item.path, from)),
        Kind::Folder | Kind::Link(_) => None,
    });
    let source = |(path, _): &(PathBuf, PathBuf)| {
        path.extension().is_some_and(|e| ENDINGS.iter().any(|ending| e == *ending))
            && !path.to_string_lossy().to_lowercase().contains("test")
    };
    let texts: Vec<_> = files
        .filter(source)
        .filter(|(_, from)| fs::metadata(from).is_ok_and(|m| m.len() <= LARGEST))
        .filter_map(|(path, from)| Some((path, fs::read_to_string(from).ok()?)))
        .collect();
    let by_place = texts.iter().find(|(path, _)| {
        ROUTE_FILES.iter().any(|start| path.to_string_lossy().starts_with(start))
    });
    let by_text = || {
        let named = |route: &&str| {
            let quoted = ['"', '\'', '`'].map(|quote| format!("{route}{quote}"));
            texts.iter().find(|(_, text)| quoted.iter().any(|route| text.contains(route)))
        };
        ROUTES.iter().find_map(|route| Some((*route, named(route)?)))
    };
    let (path, (file, text)) = by_place.map(|found| ("/api/health", found)).or_else(by_text)?;
    let reports = text.contains("POINTSMAN_RELEASE") && text.contains("K_REVISION");
    Some(HealthRoute { path: path.to_owned(), file: file.clone(), reports })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_health_routes_by_text_and_place() {
        let answer =
            "res.json({version: process.env.POINTSMAN_RELEASE, revision: process.env.K_REVISION})";
        let cases = [
            ("server.js", format!("if (url === '/healthz') {answer}"), Some(("/healthz", true))),
            (
                "app/api/health/route.ts",
                "export function GET() {}".into(),
                Some(("/api/health", false)),
            ),
            ("main.py", "@app.get(\"/api/health\")".into(), Some(("/api/health", false))),
            ("server.test.js", "get('/health')".into(), None),
            ("server.js", "get('/healthy-food')".into(), None),
        ];
        for (file, text, wanted) in cases {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &text).unwrap();
            let found = find(folder.path()).map(|found| (found.path, found.reports));
            assert_eq!(found, wanted.map(|(path, reports)| (path.to_owned(), reports)), "{text}");
        }
    }
}
