//! What a config must say for answers to prove anything.

use super::rules::Rules;
use super::schema::environment::EnvironmentConfig;

impl Rules<'_> {
    /// An answer must tell who gives it, or nothing after a switch can be believed (N1). Google puts
    /// no build id into a service, so a revision alone proves nothing there.
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
