//! `migrate export`: begins a managed export of a database, and follows it to its end. The export runs at Google: leaving
//! this command does not stop it.

use std::time::Duration;

use serde_json::json;

use super::Session;
use super::args::{Where, Yes};
use super::confirm::confirm;
use super::exit::{FAILED, Failed, Finished, INCONCLUSIVE, OK, USAGE};
use super::print;
use crate::domain::error::Problem;
use crate::domain::export::{Export as Progress, ExportState};
use crate::domain::gate::Answers;
use crate::domain::google_api::GoogleApi;
use crate::domain::plan::PlannedDatabase;
use crate::domain::planner::EnvironmentSpec;
use crate::ports::database::{DatabaseError, Refused};
use crate::ports::database_admin::DatabaseAdmin;

/// Interval at which the progress is read.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// Maximum readings in a row without an answer.
const SILENT_READINGS: u32 = 12;

/// What is wanted.
pub(super) enum Export<'a> {
    /// A new export to a folder of a bucket.
    Begin(&'a str),
    /// An export that has begun, by the name of its operation.
    Follow(&'a str),
}

pub(super) async fn export(
    session: &Session,
    at: &Where,
    wish: &Export<'_>,
    yes: &Yes,
) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let spec = session.config()?.spec(&at.environment).map_err(usage)?;
    let planned = one_of(&spec, at.database.as_deref()).map_err(usage)?;
    let database = session.app.services().database(planned, true).await?;
    let admin = database.as_ref().and_then(|database| database.admin());
    let admin = admin.ok_or_else(|| {
        Problem::new(format!("{} has no exports", planned.name))
            .because(format!("it is not served by {}", GoogleApi::FirestoreAdmin))
    })?;
    let operation = match wish {
        Export::Follow(operation) => (*operation).to_owned(),
        Export::Begin(to) => {
            if to.strip_prefix("gs://").is_none_or(str::is_empty) {
                let what = format!("{to:?} is no folder of a bucket");
                return Err(usage(Problem::new(what).try_this("write gs://bucket/folder")));
            }
            confirmed(&spec, planned, to, yes)?;
            let begun = admin.export(to).await.map_err(|error| refused(planned, &error))?;
            print::note(format!(
                "export {begun} has begun; it continues if you leave this command"
            ));
            begun
        }
    };
    follow(session, admin, planned, &operation).await
}

fn one_of<'a>(
    spec: &'a EnvironmentSpec,
    name: Option<&str>,
) -> Result<&'a PlannedDatabase, Problem> {
    let mut found = spec.databases.iter().filter(|d| name.is_none_or(|name| name == d.name));
    let names: Vec<_> = spec.databases.iter().map(|d| d.name.as_str()).collect();
    let what = format!("{} has no database of that name", spec.environment);
    let first = found.next().ok_or_else(|| Problem::new(what))?;
    match found.next() {
        None => Ok(first),
        Some(_) => Err(Problem::new(format!("{} has several databases", spec.environment))
            .try_this(format!("name one: --database {}", names.join(" or ")))),
    }
}

fn confirmed(
    spec: &EnvironmentSpec,
    planned: &PlannedDatabase,
    to: &str,
    yes: &Yes,
) -> Result<(), Failed> {
    let what = format!(
        "Export every document of {} ({}/{}) to {to}. Google bills one read for each document.",
        planned.name, planned.project, planned.database
    );
    let answers = Answers { yes: yes.yes, confirm: yes.confirm.clone() };
    let environment = &spec.environment;
    confirm(environment, environment.as_str(), spec.policy.protection, answers, &what)
}

fn refused(planned: &PlannedDatabase, error: &DatabaseError) -> Failed {
    let name = &planned.name;
    let problem =
        Problem::new(format!("{name} was not exported")).because(error.problem.sentence());
    let problem = match error.refused {
        Refused::Denied => problem.try_this(format!(
            "grant roles/datastore.importExportAdmin on {} to the account that runs this, and let the service agent of \
             Firestore write to the bucket",
            planned.project
        )),
        Refused::Lost => problem
            .try_this("whether it has begun is not known: gcloud firestore operations list shows it"),
        Refused::Invalid | Refused::NotFound | Refused::Changed => {
            problem.try_this("the bucket must exist in the location of the database")
        }
        _ => problem.try_this("try again; gcloud firestore operations list shows what is under way"),
    };
    let code = if error.refused == Refused::Lost { INCONCLUSIVE } else { FAILED };
    Failed::with(code, problem)
}

async fn follow(
    session: &Session,
    admin: &dyn DatabaseAdmin,
    planned: &PlannedDatabase,
    operation: &str,
) -> Finished {
    let (mut silent, mut said) = (0, String::new());
    loop {
        let export = match admin.exported(operation).await {
            Ok(export) => export,
            Err(error) if error.refused == Refused::Lost && silent < SILENT_READINGS => {
                silent += 1;
                session.app.clock.sleep(PROGRESS_EVERY).await;
                continue;
            }
            Err(error) => return Err(unknown(planned, operation, &error)),
        };
        silent = 0;
        if export.state == ExportState::Running {
            let now = export.progress();
            if now != said {
                print::note(format!("{}: {now}", planned.name));
                said = now;
            }
            session.app.clock.sleep(PROGRESS_EVERY).await;
            continue;
        }
        return ended(session, planned, operation, &export);
    }
}

fn ended(
    session: &Session,
    planned: &PlannedDatabase,
    operation: &str,
    export: &Progress,
) -> Finished {
    if let ExportState::Failed(why) = &export.state {
        let problem = Problem::new(format!("the export of {} failed", planned.name));
        return Err(Failed::with(FAILED, problem.because(why.clone())));
    }
    let to = export.to.as_deref().unwrap_or("a folder that the server does not name");
    let text = format!("{} is exported to {to} ({})", planned.name, export.progress());
    session.result(
        &text,
        &json!({ "database": planned.name, "operation": operation, "export": export }),
    );
    Ok(OK)
}

fn unknown(planned: &PlannedDatabase, operation: &str, error: &DatabaseError) -> Failed {
    let environment = &planned.environment;
    let problem = Problem::new(format!("how far the export of {} is, is not known", planned.name))
        .because(error.problem.sentence())
        .try_this(format!("pointsman migrate export {environment} --follow {operation}"));
    Failed::with(INCONCLUSIVE, problem)
}
