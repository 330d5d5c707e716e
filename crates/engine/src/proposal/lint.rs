//! Lints the files that a deploy would build from.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Refusal;
use pointsman_config::schema::ProjectConfig;
use pointsman_config::{
    Findings, Loaded, Severity, Text, apphosting_files, declared, limits, lint, lint_texts, merged,
    named_in, texts,
};
use pointsman_core::apphosting::{AppHostingYaml, RunConfig, over_quota};
use pointsman_core::build_config::SecretRef;
use pointsman_core::describe;
use pointsman_core::endpoint::{Endpoint, HostingFiles};
use pointsman_core::error::Problem;
use pointsman_core::ids::EnvironmentName;
use pointsman_core::lint_report::{About, LintFinding, LintReport, OwnFile};
use pointsman_core::plan::{Member, Plan};
use pointsman_core::planner::EnvironmentSpec;

/// The names of the files that apply to an environment. App Hosting uses the environment name of the backend, which
/// should be this one.
fn names(endpoint: &Endpoint, environment: &EnvironmentName) -> Vec<String> {
    endpoint.capabilities().hosting_files.names(environment)
}

/// The config key of a project's CPU quota.
const QUOTA: &str = "cpu_quota";

/// The projects whose services may use more CPUs than their quota, each with a message. Only services on Google's
/// platform use the quota, and services without known limits are skipped.
fn over_quotas(
    loaded: &Loaded,
    endpoint: &Endpoint,
    services: &[(Member, Option<RunConfig>)],
) -> Vec<(String, String)> {
    if !endpoint.capabilities().quotas {
        return Vec::new();
    }
    let over = |(name, project): (&String, &ProjectConfig)| {
        let of = services.iter().filter(|(m, _)| m.target.project().as_str() == name);
        let of: Vec<_> =
            of.filter_map(|(m, limits)| Some((m.service().clone(), (*limits)?))).collect();
        Some((name.clone(), over_quota(project.cpu_quota?.get(), &of)?))
    };
    loaded.config.projects.iter().filter_map(over).collect()
}

/// The limits of a service in its current files. A service deployed as an external image has no files that count.
fn limits_now(loaded: &Loaded, member: &Member, names: &[String]) -> Option<RunConfig> {
    let service = loaded.config.services.get(member.service().as_str());
    let root = loaded.folder.join(&service.filter(|service| service.image.is_none())?.root);
    limits(&texts(named_in(&root, names)))
}

/// Warnings about the quotas of an environment's projects, by the current files.
pub fn quotas(loaded: &Loaded, spec: &EnvironmentSpec) -> Findings {
    let names = names(&spec.endpoint, &spec.environment);
    let limited = |m: &Member| (m.clone(), limits_now(loaded, m, &names));
    let services: Vec<_> = spec.members.iter().map(limited).collect();
    let over = over_quotas(loaded, &spec.endpoint, &services);
    loaded.warned(over.iter().map(|(name, why)| (["projects", name.as_str(), QUOTA], why.clone())))
}

/// Adds the lint report to a plan. What App Hosting would reject is refused here, with its place and before anything is
/// built.
pub(super) fn judged(loaded: &Loaded, plan: &mut Plan) -> Result<(), Refusal> {
    let names = names(&plan.endpoint, &plan.environment);
    let mut linted = LintReport::default();
    let mut services = Vec::new();
    for member in &plan.members {
        let texts = apphosting_files(member, &names);
        if plan.endpoint.capabilities().hosting_files == HostingFiles::OfEmulator {
            has_dummies(member, &texts)?;
        }
        services.push((member.clone(), limits(&texts)));
        let variables = declared(&texts);
        if !variables.is_empty() {
            linted.declared.insert(member.service().clone(), variables);
        }
        let secrets: BTreeSet<SecretRef> = merged(&texts).iter().flat_map(named_secrets).collect();
        if !secrets.is_empty() {
            linted.secrets.insert(member.service().clone(), secrets);
        }
        if let Some(own) = own_file(&texts, &names) {
            linted.own_files.insert(member.service().clone(), own);
        }
        for findings in lint_texts(texts) {
            linted.files += 1;
            if findings.count(Severity::Error) > 0 {
                return Err(Refusal::Written(Box::new(findings)));
            }
            let name = findings.file.file_name().unwrap_or_default().to_string_lossy();
            let warnings = findings.findings.iter().filter(|f| f.severity == Severity::Warning);
            linted.flaws.extend(warnings.map(|f| LintFinding {
                about: f.about,
                place: format!("{}/{name}:{}:{}", member.service(), f.line, f.column),
                what: f.message.clone(),
            }));
        }
    }
    // Services that are not deployed now use the same quota.
    let spec = loaded.spec(plan.environment.as_str()).map_err(Refusal::Usage)?;
    let others = spec
        .members
        .into_iter()
        .filter(|other| plan.members.iter().all(|member| member.service() != other.service()));
    services.extend(others.map(|other| {
        let limits = limits_now(loaded, &other, &names);
        (other, limits)
    }));
    let over = over_quotas(loaded, &plan.endpoint, &services);
    linted.flaws.extend(over.into_iter().map(|(project, what)| LintFinding {
        about: About::Config,
        place: format!("projects.{project}.{QUOTA}"),
        what,
    }));
    plan.lint = Some(linted);
    Ok(())
}

/// The secrets that a file names. A malformed name is an error of the lint.
fn named_secrets(files: &AppHostingYaml) -> Vec<SecretRef> {
    let named = files.env.iter().filter_map(|variable| variable.secret.as_deref());
    named.filter_map(SecretRef::parse).collect()
}

/// The secrets that the current files of an environment's services name.
pub fn secrets_now(loaded: &Loaded, spec: &EnvironmentSpec) -> Vec<(Member, SecretRef)> {
    let names = names(&spec.endpoint, &spec.environment);
    let of = |member: &Member| {
        let root = &loaded.config.services.get(member.service().as_str())?.root;
        let files = merged(&texts(named_in(&loaded.folder.join(root), &names)))?;
        Some(named_secrets(&files).into_iter().map(|secret| (member.clone(), secret)).collect())
    };
    spec.members.iter().filter_map(of).flat_map(|all: Vec<_>| all).collect()
}

/// The files that a service of a plan would be built with, merged. `None`: it has none, or one cannot be read.
pub(super) fn merged_files(plan: &Plan, member: &Member) -> Option<AppHostingYaml> {
    let texts = apphosting_files(member, &names(&plan.endpoint, &plan.environment));
    if texts.is_empty() { None } else { merged(&texts) }
}

/// The environment's own file among the files of a service, if it declares variables.
fn own_file(texts: &[Text], names: &[String]) -> Option<OwnFile> {
    let (_, own) = names.split_first()?;
    let its_name = |text: &&Text| {
        let name = text.0.file_name().unwrap_or_default();
        own.iter().find(|own| own.as_str() == name).cloned()
    };
    let (text, name) = texts.iter().find_map(|text| Some((text, its_name(&text)?)))?;
    let variables = declared(std::slice::from_ref(text));
    (!variables.is_empty()).then_some(OwnFile { name, variables })
}

/// Refuses a build that the emulator cannot make, before anything is written: one with a secret that has no dummy
/// value.
fn has_dummies(member: &Member, texts: &[Text]) -> Result<(), Refusal> {
    // The lint reports a file that cannot be read, with its place.
    let Some(whole) = merged(texts) else { return Ok(()) };
    let bare: Vec<_> = whole.secret_variables().collect();
    if bare.is_empty() {
        return Ok(());
    }
    let (service, names) = (member.service(), bare.join(", "));
    let what = format!("{service} cannot be built on the emulator: no value for {names}");
    Err(Refusal::Refused(
        Problem::new(what)
            .because("the emulator has no secrets")
            .try_this("give each a dummy value in apphosting.emulator.yaml"),
    ))
}

/// The current apphosting files of an environment's services.
pub fn hosting_files(loaded: &Loaded, spec: &EnvironmentSpec) -> Vec<PathBuf> {
    let names = names(&spec.endpoint, &spec.environment);
    let roots = spec.members.iter().filter_map(|member| {
        let service = loaded.config.services.get(member.service().as_str())?;
        Some(loaded.folder.join(&service.root))
    });
    roots.flat_map(|root| named_in(&root, &names)).collect()
}

/// The number of errors and warnings in an environment's files and quotas, in words, and each of them with its place;
/// `None` if there are none.
pub fn troubles(loaded: &Loaded, spec: &EnvironmentSpec) -> (Option<String>, Vec<LintFinding>) {
    let mut judged = lint(&hosting_files(loaded, spec));
    judged.push(quotas(loaded, spec));
    let count = |severity| judged.iter().map(|file| file.count(severity)).sum::<usize>();
    let words = [(Severity::Error, "error"), (Severity::Warning, "warning")];
    let counts = words.map(|(severity, word)| (count(severity), word));
    let told = counts.iter().filter(|(many, _)| *many > 0);
    let told: Vec<_> = told.map(|(many, word)| describe::counted(*many, word)).collect();
    let place = |file: &Findings, line: usize, column: usize| {
        let path = file.file.strip_prefix(&loaded.folder).unwrap_or(&file.file);
        format!("{}:{line}:{column}", path.display())
    };
    let each = judged.iter().flat_map(|file| file.findings.iter().map(move |found| (file, found)));
    let findings = each.map(|(file, found)| LintFinding {
        about: found.about,
        place: place(file, found.line, found.column),
        what: found.message.clone(),
    });
    ((!told.is_empty()).then(|| told.join(", ")), findings.collect())
}
