//! A project belongs to one environment, and a target can only be created where the two agree. This prevents a
//! "staging" deploy from shipping to production (defects dB1, dR2).

use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::ids::{BackendId, BuildId, EnvironmentName, Location, ProjectId, ServiceName};

/// A Firebase project and the one environment it may be used in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id at Google.
    pub id: ProjectId,
    pub environment: EnvironmentName,
}

/// Where one service of one environment runs. The environment is part of it: targets of different environments are
/// never equal, and none can be created from another environment's project.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    environment: EnvironmentName,
    service: ServiceName,
    project: ProjectId,
    location: Location,
    backend: BackendId,
}

impl Target {
    /// Connects a service to its backend, if the project belongs to the environment.
    pub fn new(
        environment: &EnvironmentName,
        service: ServiceName,
        project: &Project,
        location: Location,
        backend: BackendId,
    ) -> Result<Self, Problem> {
        if &project.environment != environment {
            return Err(Problem::new(format!(
                "project {} belongs to {}, not to {environment}",
                project.id, project.environment
            ))
            .because(format!("service {service} of {environment} names it"))
            .try_this("give the service a separate project for this environment"));
        }
        let (environment, project) = (environment.clone(), project.id.clone());
        Ok(Self { environment, service, project, location, backend })
    }

    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    pub fn project(&self) -> &ProjectId {
        &self.project
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    pub fn backend(&self) -> &BackendId {
        &self.backend
    }

    /// The backend's full name in the API: `projects/P/locations/L/backends/B`.
    pub fn backend_name(&self) -> String {
        format!("projects/{}/locations/{}/backends/{}", self.project, self.location, self.backend)
    }

    /// The full name of the Cloud Run service that it is: `projects/P/locations/L/services/S`.
    pub fn service_name(&self) -> String {
        format!("projects/{}/locations/{}/services/{}", self.project, self.location, self.backend)
    }

    /// The name of a build as a revision of that service. Cloud Run requires the service's name in front.
    pub fn revision_name(&self, build: &BuildId) -> String {
        format!("{}-{build}", self.backend)
    }

    /// A build's full name in the API.
    pub fn build_name(&self, build: &BuildId) -> String {
        format!("{}/builds/{build}", self.backend_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_projects_are_refused() {
        let staging = EnvironmentName::new("staging").unwrap();
        let project = Project {
            id: ProjectId::new("toto-f9d2f").unwrap(),
            environment: EnvironmentName::new("production").unwrap(),
        };
        let refused = Target::new(
            &staging,
            ServiceName::new("toto-app").unwrap(),
            &project,
            Location::new("us-central1").unwrap(),
            BackendId::new("toto-app").unwrap(),
        );
        assert!(refused.unwrap_err().what.contains("belongs to production"));
    }
}
