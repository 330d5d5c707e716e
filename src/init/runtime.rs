//! How a folder is built and started: by its package.json, Python files, go.mod, Procfile, Dockerfile or
//! apphosting files.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// A way to build and start a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// The evidence: `package.json (express)`.
    pub seen: String,
    /// The name that the project gives itself.
    pub name: Option<String>,
    /// A shell line that fetches dependencies and builds; empty if there is nothing to build.
    pub build: String,
    /// A shell line that starts the service on `$PORT`.
    pub run: String,
    pub framework: Framework,
}

/// What the code of a health route depends on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framework {
    Next,
    Express,
    /// `node:http`, or a framework without an example.
    Node,
    Flask,
    FastApi,
    Python,
    #[default]
    Other,
}

/// The runtime of a folder, if one is recognised.
pub(super) fn recognise(folder: &Path) -> Option<Runtime> {
    let found = node(folder).or_else(|| python(folder)).or_else(|| go(folder));
    match (found, procfile(folder)) {
        (Some(runtime), Some(run)) if runtime.framework.is_python() => {
            // A Procfile names programs that are installed into the virtual environment.
            let run = format!("PATH=\"$PWD/.venv/bin:$PATH\"; {run}");
            Some(Runtime { seen: format!("Procfile, {}", runtime.seen), run, ..runtime })
        }
        (None, Some(run)) => Some(Runtime { seen: "Procfile".into(), run, ..Runtime::default() }),
        (found, _) => found.or_else(|| dockerfile(folder)).or_else(|| apphosting(folder)),
    }
}

impl Framework {
    fn is_python(self) -> bool {
        matches!(self, Self::Flask | Self::FastApi | Self::Python)
    }
}

/// The version that package.json or pyproject.toml declares.
pub(super) fn declared_version(folder: &Path) -> Option<String> {
    let package = package(folder)?;
    let version = package["version"].as_str()?;
    (version != "0.0.0").then(|| version.to_owned())
}

fn text(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok()
}

fn package(folder: &Path) -> Option<Value> {
    serde_json::from_str(&text(folder, "package.json")?).ok()
}

fn node(folder: &Path) -> Option<Runtime> {
    let package = package(folder)?;
    // The root of a monorepo starts nothing itself.
    if package.get("workspaces").is_some() || folder.join("pnpm-workspace.yaml").exists() {
        return None;
    }
    let script = |name: &str| package["scripts"][name].is_string();
    let depends = |name: &str| package["dependencies"].get(name).is_some();
    let entry = || {
        let main = package["main"].as_str().map(str::to_owned);
        let usual = ["server.js", "index.js", "app.js", "server.mjs", "index.mjs"];
        let all = main.into_iter().chain(usual.map(str::to_owned));
        all.into_iter().find(|name| folder.join(name).is_file())
    };
    let run = if script("start") { "npm start".to_owned() } else { format!("node {}", entry()?) };
    let framework = match () {
        () if depends("next") => Framework::Next,
        () if depends("express") => Framework::Express,
        () => Framework::Node,
    };
    let known = ["next", "express", "fastify", "koa", "hono", "@nestjs/core", "@angular/core"];
    let named = known.into_iter().find(|name| depends(name));
    let seen = named.map_or("package.json".into(), |name| format!("package.json ({name})"));
    let locks = [
        ("package-lock.json", "npm ci"),
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn install --frozen-lockfile"),
    ];
    let install = locks.iter().find(|(lock, _)| folder.join(lock).exists()).map(|(_, run)| *run);
    let has_dependencies = ["dependencies", "devDependencies"]
        .iter()
        .any(|group| package[*group].as_object().is_some_and(|group| !group.is_empty()));
    let install = install.or(has_dependencies.then_some("npm install"));
    let build = script("build").then_some("npm run build");
    let build = install.into_iter().chain(build).collect::<Vec<_>>().join(" && ");
    let name = package["name"].as_str().map(str::to_owned);
    Some(Runtime { seen, name, build, run, framework })
}

fn python(folder: &Path) -> Option<Runtime> {
    let requirements = text(folder, "requirements.txt");
    let project = text(folder, "pyproject.toml");
    let entry =
        ["main.py", "app.py", "server.py", "wsgi.py", "asgi.py", "app/main.py", "src/main.py"]
            .into_iter()
            .find_map(|name| Some((name, text(folder, name)?)));
    let django = folder.join("manage.py").is_file();
    if entry.is_none() && !django {
        return None;
    }
    let declared = format!(
        "{}\n{}",
        requirements.clone().unwrap_or_default(),
        project.clone().unwrap_or_default()
    );
    let declared = declared.to_lowercase();
    let install = match (&requirements, &project) {
        (Some(_), _) => Some("-r requirements.txt"),
        (None, Some(_)) => Some("."),
        (None, None) => None,
    };
    let build = install.map_or(String::new(), |what| {
        format!("python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check {what}")
    });
    let bin = if install.is_some() { ".venv/bin/" } else { "" };
    let (file, source) = entry.unwrap_or(("manage.py", String::new()));
    let module = &file.trim_end_matches(".py").replace('/', ".");
    let (framework, run) = if let Some(app) = variable(&source, "FastAPI(") {
        (Framework::FastApi, format!("{bin}uvicorn {module}:{app} --host 127.0.0.1 --port $PORT"))
    } else if let Some(app) = variable(&source, "Flask(") {
        let run = if declared.contains("gunicorn") {
            format!("{bin}gunicorn --bind 127.0.0.1:$PORT {module}:{app}")
        } else {
            format!("{bin}flask --app {module} run --port $PORT")
        };
        (Framework::Flask, run)
    } else if django {
        (Framework::Python, format!("{bin}python manage.py runserver --noreload 127.0.0.1:$PORT"))
    } else if install.is_some() {
        (Framework::Python, format!("{bin}python {file}"))
    } else {
        (Framework::Python, format!("python3 {file}"))
    };
    let list = if requirements.is_some() {
        Some("requirements.txt")
    } else {
        project.map(|_| "pyproject.toml")
    };
    let seen = list.map_or(file.to_owned(), |list| format!("{list}, {file}"));
    Some(Runtime { seen, name: None, build, run, framework })
}

/// The name of a variable that a module sets with a call: `app = Flask(__name__)`.
fn variable(source: &str, call: &str) -> Option<String> {
    let line = source.lines().find(|line| line.contains(call) && line.contains('='))?;
    let name = line.split('=').next()?.split(':').next()?.trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    plain.then(|| name.to_owned())
}

fn go(folder: &Path) -> Option<Runtime> {
    let module = text(folder, "go.mod")?;
    if !folder.join("main.go").is_file() {
        return None;
    }
    let name = module.lines().find_map(|line| line.strip_prefix("module "));
    Some(Runtime {
        seen: "go.mod".into(),
        name: name.map(|name| name.trim().to_owned()),
        build: "go build -o server .".into(),
        run: "./server".into(),
        framework: Framework::Other,
    })
}

fn procfile(folder: &Path) -> Option<String> {
    let text = text(folder, "Procfile")?;
    let web = text.lines().find_map(|line| line.strip_prefix("web:"))?;
    Some(web.trim().to_owned())
}

/// The command of a Dockerfile. The emulator runs no containers, so it is run on this machine.
fn dockerfile(folder: &Path) -> Option<Runtime> {
    let text = text(folder, "Dockerfile")?;
    let line = text.lines().rev().map(str::trim).find(|line| line.starts_with("CMD "))?;
    let command = line.trim_start_matches("CMD ").trim();
    let run = match serde_json::from_str::<Vec<String>>(command) {
        Ok(words) => words.join(" "),
        Err(_) => command.to_owned(),
    };
    Some(Runtime { seen: "Dockerfile (CMD)".into(), run, ..Runtime::default() })
}

/// The commands of apphosting files: a folder that is deployed already.
fn apphosting(folder: &Path) -> Option<Runtime> {
    ["apphosting.emulator.yaml", "apphosting.yaml"].into_iter().find_map(|name| {
        let yaml: serde_yaml::Value = serde_yaml::from_str(&text(folder, name)?).ok()?;
        let script = |key: &str| Some(yaml.get("scripts")?.get(key)?.as_str()?.to_owned());
        Some(Runtime {
            seen: name.into(),
            build: script("buildCommand").unwrap_or_default(),
            run: script("runCommand")?,
            ..Runtime::default()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and texts.
    type Files<'a> = &'a [(&'a str, &'a str)];

    fn recognised(files: Files<'_>) -> Option<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        recognise(folder.path()).map(|found| (found.build, found.run))
    }

    #[test]
    fn recognises_how_a_folder_is_built_and_started() {
        let flask = ("app.py", "from flask import Flask\nweb = Flask(__name__)\n");
        let venv = "python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt";
        let start = (
            "package.json",
            "{\"scripts\":{\"start\":\"next start\",\"build\":\"next build\"},\"dependencies\":{\"next\":\"15\"}}",
        );
        let cases: [(Files<'_>, &str, &str); 11] = [
            (
                &[("app/main.py", "api = FastAPI()"), ("requirements.txt", "")],
                venv,
                ".venv/bin/uvicorn app.main:api --host 127.0.0.1 --port $PORT",
            ),
            (&[("apphosting.yaml", "scripts: { runCommand: ./serve }")], "", "./serve"),
            (&[start, ("package-lock.json", "{}")], "npm ci && npm run build", "npm start"),
            (
                &[start, ("pnpm-lock.yaml", "")],
                "pnpm install --frozen-lockfile && npm run build",
                "npm start",
            ),
            (&[("package.json", "{}"), ("server.js", "")], "", "node server.js"),
            (
                &[flask, ("requirements.txt", "flask\ngunicorn\n")],
                venv,
                ".venv/bin/gunicorn --bind 127.0.0.1:$PORT app:web",
            ),
            (
                &[flask, ("requirements.txt", "flask\n")],
                venv,
                ".venv/bin/flask --app app run --port $PORT",
            ),
            (
                &[("main.py", "app: FastAPI = FastAPI()\n"), ("requirements.txt", "")],
                venv,
                ".venv/bin/uvicorn main:app --host 127.0.0.1 --port $PORT",
            ),
            (&[("main.py", "")], "", "python3 main.py"),
            (
                &[("go.mod", "module example.com/api\n"), ("main.go", "")],
                "go build -o server .",
                "./server",
            ),
            (&[("Dockerfile", "FROM x\nCMD [\"./run\", \"--fast\"]\n")], "", "./run --fast"),
        ];
        for (files, build, run) in cases {
            let found = recognised(files);
            assert_eq!(found, Some((build.to_owned(), run.to_owned())), "{files:?}");
        }
        assert_eq!(recognised(&[("package.json", "{\"workspaces\":[\"apps/*\"]}")]), None);
        assert_eq!(recognised(&[("package.json", "not JSON")]), None);
        assert_eq!(recognised(&[("requirements.txt", "pytest\n")]), None);
    }
}
