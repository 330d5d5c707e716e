//! Reads the team's custom commands from the config.

use super::file::Loaded;
use super::schema::{CommandConfig, CommandOn};
use pointsman_core::custom_command::{CustomCommand, On};
use pointsman_core::error::Problem;
use pointsman_core::ids::EnvironmentName;

impl Loaded {
    /// The custom commands, in the order of the file.
    pub fn custom_commands(&self) -> Result<Vec<CustomCommand>, Problem> {
        let one = |command: &CommandConfig| {
            let environment = command.environment.as_ref().map(EnvironmentName::new).transpose()?;
            Ok(CustomCommand {
                name: command.name.clone(),
                argv: command.run.clone(),
                folder: self.folder.join(command.cwd.as_deref().unwrap_or(".")),
                port: self.port_of(command),
                environment,
                on: match command.on {
                    CommandOn::Environment => On::Environment,
                    CommandOn::Service => On::Service,
                    CommandOn::Run => On::Run,
                    CommandOn::Probe => On::Probe,
                },
                subject: None,
                long: command.long,
            })
        };
        self.config.commands.iter().map(one).collect()
    }

    /// The port of the service whose folder a command runs in, if that service runs on this machine.
    fn port_of(&self, command: &CommandConfig) -> Option<u16> {
        let (cwd, environment) = (command.cwd.as_deref()?, command.environment.as_ref()?);
        let of = self.config.environments.get(environment)?;
        let here = |name: &str| {
            let service = self.config.services.get(name);
            name == cwd || service.is_some_and(|service| service.root == cwd)
        };
        let (_, placed) = of.services.iter().find(|(name, _)| here(name))?;
        let url = url::Url::parse(&placed.url).ok()?;
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        local.then(|| url.port_or_known_default())?
    }
}
