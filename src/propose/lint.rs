//! What the lint says of the very files that a deploy would build from.

use std::path::PathBuf;

use super::Refusal;
use crate::config::{Loaded, Severity, apphosting_files, declared, lint, lint_texts};
use crate::domain::ids::EnvironmentName;
use crate::domain::linted::{Flaw, Linted};
use crate::domain::plan::{Endpoint, Plan};
use crate::domain::planner::Ground;

/// The files that count for an environment. App Hosting goes by the name that the backend calls its
/// environment, which should be this one.
fn names(endpoint: &Endpoint, environment: &EnvironmentName) -> Vec<String> {
    let environment = match endpoint {
        Endpoint::Emulator => "emulator",
        Endpoint::Google | Endpoint::Url(_) => environment.as_str(),
        // Another platform reads none.
        Endpoint::Command(_) => return Vec::new(),
    };
    vec!["apphosting.yaml".to_owned(), format!("apphosting.{environment}.yaml")]
}

/// Puts into a plan what is to be said of its files. What App Hosting would refuse is refused here, with
/// its place and before anything is built.
pub(super) fn judged(plan: &mut Plan) -> Result<(), Refusal> {
    let names = names(&plan.endpoint, &plan.environment);
    let mut linted = Linted::default();
    for member in &plan.members {
        let texts = apphosting_files(member, &names);
        let variables = declared(&texts);
        if !variables.is_empty() {
            linted.declared.insert(member.service().clone(), variables);
        }
        for findings in lint_texts(texts) {
            linted.files += 1;
            if findings.count(Severity::Error) > 0 {
                return Err(Refusal::Written(Box::new(findings)));
            }
            let name = findings.file.file_name().unwrap_or_default().to_string_lossy();
            let warnings = findings.findings.iter().filter(|f| f.severity == Severity::Warning);
            linted.flaws.extend(warnings.map(|f| Flaw {
                about: f.about,
                place: format!("{}/{name}:{}:{}", member.service(), f.line, f.column),
                what: f.message.clone(),
            }));
        }
    }
    plan.lint = Some(linted);
    Ok(())
}

/// The files that an environment's services are configured by, as they lie there now.
pub fn hosting_files(loaded: &Loaded, ground: &Ground) -> Vec<PathBuf> {
    let names = names(&ground.endpoint, &ground.environment);
    let roots = ground.members.iter().filter_map(|member| {
        let service = loaded.config.services.get(member.service().as_str())?;
        Some(loaded.folder.join(&service.root))
    });
    let files = roots.flat_map(|root| names.clone().into_iter().map(move |name| root.join(name)));
    files.filter(|file| file.exists()).collect()
}

/// What is wrong with files, in a few words; nothing where nothing is.
pub fn troubles(files: &[PathBuf]) -> Option<String> {
    let judged = lint(files);
    let count = |severity| judged.iter().map(|file| file.count(severity)).sum::<usize>();
    let words = [(Severity::Error, "error"), (Severity::Warning, "warning")];
    let counts = words.map(|(severity, word)| (count(severity), word));
    let told = counts.iter().filter(|(many, _)| *many > 0);
    let plural = |many: usize| if many == 1 { "" } else { "s" };
    let told: Vec<_> = told.map(|(many, word)| format!("{many} {word}{}", plural(*many))).collect();
    (!told.is_empty()).then(|| told.join(", "))
}
