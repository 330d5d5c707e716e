//! What Pointsman changes at Google, with the permission of each change and the smallest documented role that contains it
//! (`docs/internals/google-apis.md`).

use super::google_api::GoogleApi;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoogleWrite {
    /// Builds and rollouts of App Hosting.
    Rollouts,
    /// Revisions, traffic and tags of a Cloud Run service.
    Services,
    /// Composite indexes and expiry of documents.
    Indexes,
    /// Managed exports of a database.
    Exports,
}

impl GoogleWrite {
    pub fn api(self) -> GoogleApi {
        match self {
            Self::Rollouts => GoogleApi::AppHosting,
            Self::Services => GoogleApi::CloudRun,
            Self::Indexes | Self::Exports => GoogleApi::FirestoreAdmin,
        }
    }

    /// What it is for, after "to".
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Rollouts => "build and roll out",
            Self::Services => "change revisions, traffic and tags",
            Self::Indexes => "create and delete indexes",
            Self::Exports => "export the database",
        }
    }

    /// The permission that is tested.
    pub fn permission(self) -> &'static str {
        match self {
            Self::Rollouts => "firebaseapphosting.rollouts.create",
            Self::Services => "run.services.update",
            Self::Indexes => "datastore.indexes.create",
            Self::Exports => "datastore.databases.export",
        }
    }

    pub fn role(self) -> &'static str {
        match self {
            Self::Rollouts => "roles/firebaseapphosting.admin",
            Self::Services => "roles/run.developer",
            Self::Indexes => "roles/datastore.indexAdmin",
            Self::Exports => "roles/datastore.importExportAdmin",
        }
    }

    /// The command that grants its role to a member, such as `user:ana@example.com`.
    pub fn grant(self, project: &str, member: &str) -> String {
        format!(
            "gcloud projects add-iam-policy-binding {project} --member {member} --role {}",
            self.role()
        )
    }
}
