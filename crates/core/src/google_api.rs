//! Google's APIs that Pointsman calls, with their hosts and the smallest documented role for each
//! (`docs/internals/google-apis.md`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of Google's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoogleApi {
    AppHosting,
    /// The service below an App Hosting backend.
    CloudRun,
    SecretManager,
    /// Databases, their backups and indexes; not their documents.
    FirestoreAdmin,
    /// The security rules of databases.
    Rules,
    Logging,
    /// Figures of running builds.
    Monitoring,
    /// Which permissions the caller has in a project.
    ResourceManager,
}

impl GoogleApi {
    /// The name that Google's console shows.
    pub fn label(self) -> &'static str {
        match self {
            Self::AppHosting => "App Hosting",
            Self::CloudRun => "Cloud Run",
            Self::SecretManager => "Secret Manager",
            Self::FirestoreAdmin => "Firestore's Admin API",
            Self::Rules => "Firebase Rules",
            Self::Logging => "Cloud Logging",
            Self::Monitoring => "Cloud Monitoring",
            Self::ResourceManager => "Resource Manager",
        }
    }

    /// The host, which is the name of the service to enable too.
    pub fn host(self) -> &'static str {
        match self {
            Self::AppHosting => "firebaseapphosting.googleapis.com",
            Self::CloudRun => "run.googleapis.com",
            Self::SecretManager => "secretmanager.googleapis.com",
            Self::FirestoreAdmin => "firestore.googleapis.com",
            Self::Rules => "firebaserules.googleapis.com",
            Self::Logging => "logging.googleapis.com",
            Self::Monitoring => "monitoring.googleapis.com",
            Self::ResourceManager => "cloudresourcemanager.googleapis.com",
        }
    }

    /// The role that its calls need.
    pub fn role(self) -> &'static str {
        match self {
            Self::AppHosting => "roles/firebaseapphosting.admin",
            Self::CloudRun => "roles/run.viewer",
            Self::SecretManager => "roles/secretmanager.viewer",
            Self::FirestoreAdmin => "roles/datastore.viewer",
            Self::Rules => "roles/firebaserules.viewer",
            Self::Logging => "roles/logging.viewer",
            Self::Monitoring => "roles/monitoring.viewer",
            Self::ResourceManager => "roles/browser",
        }
    }

    /// The command that enables the API in a project.
    pub fn enable(self, project: &str) -> String {
        format!("gcloud services enable {} --project {project}", self.host())
    }

    /// The command that grants its role to a member, such as `user:ana@example.com`.
    pub fn grant(self, project: &str, member: &str) -> String {
        format!(
            "gcloud projects add-iam-policy-binding {project} --member {member} --role {}",
            self.role()
        )
    }
}

impl fmt::Display for GoogleApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
