//! Checks that health answers identify the build that sends them.

use super::rules::Rules;
use super::schema::environment::EnvironmentConfig;

impl Rules<'_> {
    /// A health answer must name its release; otherwise no check after a switch proves which build answers (N1).
    /// Google passes no build id to a service, so a revision alone is not enough there.
    pub(super) fn identity(
        &mut self,
        path: &[&str],
        service: &str,
        environment: &EnvironmentConfig,
    ) {
        let Some(health) = self.config.services.get(service).map(|known| &known.health) else {
            return;
        };
        let local = environment.platform.endpoint.is_some();
        if health.version.is_none() && (health.revision.is_none() || !local) {
            let message = format!(
                "the health answer of {service} must tell its release here: set services.{service}.health.version \
                 to the JSON pointer of it"
            );
            self.say(path, message);
        }
    }
}
