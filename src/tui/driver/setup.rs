//! The initial state of the screen.

use super::Options;
use super::report;
use crate::app::App;
use crate::config::Loaded;
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::tui::model::remembered::Remembered;
use crate::tui::session::{Place, Setup};

/// The setup of the screen, from the config, the options and what was remembered.
pub(super) fn setup(
    app: &App,
    loaded: &Loaded,
    options: &Options,
    remembered: Remembered,
) -> Result<Setup, Problem> {
    Ok(Setup {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        actor: app.actor(),
        own: app.own_command(),
        environments: places(loaded)?,
        offered: loaded.offered()?,
        custom_commands: loaded.custom_commands()?,
        themes: options.looks.themes.names(),
        keys: loaded.config.ui.keys.clone(),
        zone: jiff::tz::TimeZone::system().iana_name().map(str::to_owned),
        read_only: options.read_only,
        connection_alone: report::connection_alone(),
        mouse: loaded.config.ui.mouse,
        motion: options.looks.motion(&loaded.config.ui),
        rehearsal: app.is_demo(),
        remembered,
    })
}

fn places(loaded: &Loaded) -> Result<Vec<Place>, Problem> {
    let mut places = Vec::new();
    // Sort in promotion order; the order in the file has no meaning.
    let mut names = loaded.environments();
    names.sort_by_key(|name| stages_before(loaded, name));
    for name in names {
        // An invalid environment is shown with its reason, and does not affect the others.
        let spec = loaded.spec(name).ok();
        let members = spec.iter().flat_map(|spec| &spec.members);
        let services = members.map(|member| member.service().to_string()).collect();
        let tested = spec.as_ref().is_some_and(|spec| spec.pipeline.is_some());
        let protection = loaded.protection(name)?;
        places.push(Place { name: EnvironmentName::new(name)?, protection, services, tested });
    }
    Ok(places)
}

/// Number of environments before this one in its promotion chain; at most 10, in case the chain is circular.
fn stages_before(loaded: &Loaded, name: &str) -> usize {
    let before = |name: &str| loaded.promote_from(name).ok().flatten();
    std::iter::successors(before(name), |name| before(name.as_str())).take(10).count()
}
