//! Error codes: `PM0123`. One table holds every code with its cause and remedy; `pointsman explain` prints a row, and the
//! page Troubleshooting of the manual is generated from all of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The code of an error: `PM` and four digits. A code keeps its meaning for good. One that this version does not
/// know is kept as it is, since errors are part of recorded facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(u16);

/// A code's row in the table.
#[derive(Debug, Clone, Copy)]
pub struct Explanation {
    pub code: Code,
    /// What happened, without names.
    pub title: &'static str,
    pub cause: &'static str,
    /// What to do, with commands as they are typed.
    pub remedy: &'static str,
}

impl Code {
    /// Its row; nothing for a code of a newer version.
    pub fn explanation(self) -> Option<&'static Explanation> {
        EXPLANATIONS.iter().find(|row| row.code == self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PM{:04}", self.0)
    }
}

impl FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_uppercase();
        let digits = upper.strip_prefix("PM").unwrap_or(&upper);
        let number = digits.parse().ok().filter(|_| (3..=4).contains(&digits.len()));
        number.map(Self).ok_or_else(|| format!("{text:?} is no error code: PM and four digits"))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $cause:literal, $remedy:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Self = Self($number);)*
        }

        /// Every code, in order.
        pub const EXPLANATIONS: &[Explanation] = &[$(Explanation {
            code: Code::$name, title: $title, cause: $cause, remedy: $remedy,
        },)*];
    };
}

codes! {
    CONFIG_MISSING = 101, "There is no config",
        "Neither `--config` nor `POINTSMAN_CONFIG` names a file, and neither this folder nor a folder above it in the git repository has a `config.yaml`.",
        "Run `pointsman init` in the project's folder, or name the file with `--config FILE`.";
    CONFIG_INVALID = 102, "The config cannot be used",
        "The file has unknown keys, wrong types, or values that contradict each other. Each finding has its line.",
        "Fix the findings of `pointsman check`. `pointsman config explain KEY` prints what a key means.";
    UNKNOWN_ENVIRONMENT = 103, "There is no such environment",
        "The name is not under `environments:` of the config that was read, which may be another project's.",
        "Use a name that the message lists. `pointsman doctor` prints which config is used.";
    UNKNOWN_NAME = 104, "There is nothing of that name",
        "A service, database, probe, command, job, item or theme was named that the config does not have.",
        "Use a name that the message lists.";
    NO_SUCH_RUN = 105, "There is no such run",
        "The state folder has no run of that number. State is kept per project and machine.",
        "`pointsman history` lists the runs. `--state-dir` and `--config` choose another state.";
    NOT_CONFIRMED = 106, "The action was not confirmed",
        "The environment requires a confirmation, and none was given: the prompt was answered with no, or there is no terminal to prompt on.",
        "Add `--yes`; a `typed` environment also needs `--confirm ENV`.";
    REASON_NEEDED = 107, "A reason is needed",
        "The action is recorded for the people who read the history later.",
        "Add `--reason TEXT`.";
    TERMINAL_NEEDED = 108, "A terminal is needed",
        "The console and the questions of `init` need a terminal on stdin and stdout.",
        "Use a command instead, such as `pointsman status`; `pointsman init --yes` asks nothing.";
    WOULD_OVERWRITE = 109, "A file exists",
        "Pointsman never overwrites a file that it did not write itself.",
        "Move the file away, or choose another name.";
    NOT_RECOGNISED = 110, "No service was recognised",
        "`init` found no package.json with a start script, no Python or Go program, no Procfile, no Dockerfile with a command and no apphosting.yaml with one, two folders deep.",
        "Run `pointsman init` in the project's folder, or answer its question with the command that starts your service.";
    FROZEN = 201, "The environment is frozen",
        "A maintenance window of `freeze:` is in force. Rollbacks are not affected.",
        "Wait until the time in the message, or add `--override freeze --reason TEXT`.";
    NOT_PROMOTED_BEFORE = 202, "The release was not promoted on the environment before",
        "`promote_from` accepts only releases that passed their soak on another environment.",
        "Deploy it there first, or add `--override promotion --reason TEXT`.";
    MARKED_BAD = 203, "The release is marked bad",
        "It was rolled back or failed after it was live.",
        "Deploy a fixed release, or add `--override bad --reason TEXT`.";
    CHECKLIST_OPEN = 204, "The checklist has open required items",
        "Required items are neither ticked nor verified automatically.",
        "`pointsman checklist ENV --release RELEASE` lists them; tick them, or add `--override checklist --reason TEXT`.";
    SCHEMA_BLOCKS = 205, "A database blocks the action",
        "A migration is half done, or a build does not accept the version that its database has.",
        "`pointsman migrate status ENV` shows the versions, and `pointsman migrate repair ENV` the half-done migration.";
    LOCKED = 206, "A person locked the environment",
        "A teammate took the lock; the message shows the reason.",
        "Ask that person, or run `pointsman lock ENV release --reason TEXT`.";
    PLAN_CHANGED = 207, "The plan differs from the reviewed one",
        "The release, the config, the live builds or the migrations changed since the plan was reviewed.",
        "Review it again: `pointsman plan ENV --release RELEASE`.";
    READ_ONLY = 208, "`--read-only` refuses changes",
        "The command changes something, and Pointsman was started with `--read-only`.",
        "Run it without `--read-only`.";
    NO_ROLLBACK_TARGET = 209, "There is no release to roll back to",
        "No other release was live on the environment, or each one is marked bad, deleted or does not accept the database's version.",
        "`pointsman history ENV` lists past releases. Deploy one with `pointsman deploy ENV --release RELEASE`.";
    UNSAFE_CHOICE = 210, "The choice is not safe",
        "What was observed since then rules that recovery choice out.",
        "`pointsman resume RUN` shows the safe choices.";
    COMMAND_REFUSED = 211, "The run refused the command",
        "The run is in a state in which the command has no effect, or it changed since you saw it.",
        "`pointsman status ENV` shows the run; repeat the command if it is still right.";
    GATE_EXPIRED = 212, "The gate expired",
        "No one approved it, or completed its checklist, within `deploy.gate.expires`. Traffic was not touched.",
        "Deploy again. `pointsman extend RUN` and the key `+` give a waiting gate its full time again; `deploy.gate: { then: wait }` lets gates wait without limit.";
    NOT_PERMITTED = 213, "The person may not do this",
        "The environment's `approvals` or `may` names who may, or the person started the run that they approve, or has approved it already.",
        "Ask a person whom the message names. `pointsman doctor` prints as whom you act.";
    STORE_UNUSABLE = 301, "The state folder cannot be read",
        "The database in the state folder was not opened, or is not a database of Pointsman.",
        "`pointsman doctor` shows the folder and the cause.";
    STORE_UNWRITABLE = 302, "The state folder cannot be written",
        "The disk is full, or the folder is read-only or belongs to another user.",
        "Free space, or fix the folder's permissions; then `pointsman doctor`.";
    STORE_DAMAGED = 303, "Records of a run are damaged",
        "A record is torn, edited or missing. Only this run is affected.",
        "`pointsman verify RUN` shows the place. Compare the store with a backup; everything else works, rollbacks included.";
    BUSY = 304, "Another run has the environment",
        "One run at a time changes an environment.",
        "Follow it with `pointsman attach RUN`, wait with `--lock-wait 10m`, or end it with `pointsman abort RUN`.";
    LEASE_LOST = 305, "Another process took the run over",
        "This process was suspended or too slow to renew its lease, so it stops acting.",
        "`pointsman attach RUN` follows the run where it continues.";
    IN_DOUBT = 306, "The run is in doubt",
        "Its process died, and what it had begun may or may not have happened.",
        "`pointsman resume RUN` observes the platform and offers the safe choices.";
    NO_ANSWER_FROM_RUN = 307, "The run does not answer",
        "Its process is busy or suspended, and did not read the command in time.",
        "Try again; `pointsman status ENV` shows its process.";
    PLATFORM_SILENT = 401, "The platform does not answer",
        "The network, a proxy or the platform is down, or the address is wrong.",
        "`pointsman doctor` tests each platform. Try again; the request changed nothing unless the message reports a change.";
    PLATFORM_REFUSED = 402, "The platform refused a request",
        "The message quotes the platform: missing permissions, quotas or a wrong request.",
        "Fix what it names. Permissions are listed in the guide Production on App Hosting.";
    NO_CREDENTIALS = 403, "There are no usable Google credentials",
        "None of the places that Google's libraries read has credentials, or they are expired or refused.",
        "`gcloud auth application-default login`; in CI, `google-github-actions/auth`. `pointsman doctor` shows which are used.";
    NO_BACKEND = 404, "The App Hosting backend does not exist",
        "The project has no backend of that name in that region, or the credentials cannot see it.",
        "Create it with `firebase apphosting:backends:create`, or correct `backend:` and `location:`.";
    WRONG_ENVIRONMENT = 405, "A project or backend belongs to another environment",
        "Deploying would change an environment that was not named.",
        "Correct the project of the service in the config.";
    EMULATOR_UNAVAILABLE = 406, "The emulator is not available",
        "It did not start, did not answer, or its port is used by another program.",
        "`pointsman emulator status`, then `pointsman emulator start`; its log is in the state folder.";
    BUILD_FAILED = 407, "A build failed",
        "The platform could not build or start the release. No traffic was moved.",
        "Read `pointsman logs RUN`, fix the cause, deploy again.";
    BUILD_UNAVAILABLE = 408, "A build cannot become live",
        "It was deleted, or did not finish.",
        "Deploy the release again: `pointsman deploy ENV --release RELEASE`.";
    TRAFFIC_SPLIT = 409, "Traffic is split between builds",
        "A switch stopped half-way, or the traffic was split outside of Pointsman.",
        "`pointsman status ENV` shows the shares; `pointsman rollback ENV` brings all services to one release.";
    TRAFFIC_MOVED = 410, "Traffic was moved outside of the run",
        "A person or a tool changed the traffic during the run. Pointsman does not override them.",
        "Find out who did it, then deploy or roll back again.";
    SWITCH_UNKNOWN = 411, "The result of a switch is unknown",
        "The platform did not answer, so the switch may or may not have happened.",
        "`pointsman status ENV` reads the traffic; then `pointsman resume RUN` or `pointsman rollback ENV`.";
    SECRET_UNREADABLE = 412, "A secret that the build needs cannot be read",
        "It does not exist, or the version that it needs is missing, disabled or destroyed. Nothing was built.",
        "The message has the command that creates or enables it. `firebase apphosting:secrets:set NAME` adds a version.";
    CANDIDATE_UNHEALTHY = 501, "The candidate is not healthy",
        "Its health route did not answer as the config expects. No traffic was moved.",
        "Read `pointsman logs RUN`. Typical causes: the service does not listen on `$PORT`, its route does not accept a query (`?probe=…`), or it reports another release.";
    VERIFY_FAILED = 502, "The public address was not verified",
        "The answers of the public address did not come from the new build in a row, so customers may get another one.",
        "Read `pointsman logs RUN` and `pointsman status ENV`. Check that the address leads to this backend and that no cache answers.";
    SOAK_FAILED = 503, "The service became unhealthy after the switch",
        "The new build failed its health checks while it was monitored.",
        "Traffic was rolled back if `on_failure: rollback` is set; `pointsman status ENV` shows the live build.";
    DATABASE_SILENT = 601, "A database does not answer",
        "The network or Firestore is down, or the credentials cannot read it.",
        "`pointsman doctor` tests each database.";
    DATABASE_LOCKED = 602, "A database is locked",
        "Another run changes its schema, or a dead one left its lock, which expires.",
        "Wait until the time in the message; `pointsman migrate status ENV` shows the holder.";
    MIGRATION_FAILED = 603, "A migration failed",
        "An operation could not be applied. The documents before it are recorded.",
        "Fix the cause and run `pointsman migrate up ENV`; it continues where it stopped. After manual changes, use `pointsman migrate repair ENV`.";
    NO_BACKUP = 604, "The database has not the backup that the config requires",
        "`backup: { required: … }` of the database asks for point-in-time recovery or a recent backup. Nothing was written.",
        "Switch point-in-time recovery on, or wait for a backup; the message says which is missing.";
    NO_PIPELINE = 701, "The environment has no pipeline",
        "The config has no `pipeline:` there.",
        "Add one, such as `pipeline: { kind: github, repository: owner/name, workflow: deploy.yml }`.";
    GITHUB_UNAVAILABLE = 702, "GitHub cannot be read",
        "GitHub did not answer, refused the token, or its rate limit is reached.",
        "Check the variable that `token_env` names; the message says when the limit ends.";
    NO_CHANNEL = 801, "There is no alert channel",
        "The config has no `notify:`, or its variable is not set on this machine.",
        "Set the variable, then `pointsman alerts test`.";
    GIT_UNUSABLE = 901, "The git repository cannot be read",
        "git is not installed, the folder is no repository, or git refuses it.",
        "The message quotes git. `pointsman doctor` tests git.";
    NO_SUCH_RELEASE = 902, "The release does not exist",
        "The repository has no tag, branch or commit of that name, or it names several commits.",
        "`git tag` lists tags; a commit can be named in full.";
    BUG = 999, "Unexpected error",
        "A bug in Pointsman.",
        "Report it with the message and the file that it names. A session that was started with `--record FILE` helps.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_ordered_and_parse() {
        assert!(EXPLANATIONS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for row in EXPLANATIONS {
            assert_eq!(row.code.to_string().parse(), Ok(row.code));
            assert_eq!(row.code.explanation().map(|found| found.title), Some(row.title));
        }
        assert_eq!("pm0101".parse(), Ok(Code::CONFIG_MISSING));
        assert!("PM1".parse::<Code>().is_err() && "PMxxxx".parse::<Code>().is_err());
        // A newer version's code in a fact must come back as it was, or its chain would break.
        let newer: Code = serde_json::from_str("\"PM4242\"").unwrap();
        assert_eq!(serde_json::to_string(&newer).unwrap(), "\"PM4242\"");
    }
}
