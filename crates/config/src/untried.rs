//! Features that were never tried against Google's servers: each is off unless the config turns it on.

use super::Findings;
use super::file::Loaded;
use pointsman_core::endpoint::{Endpoint, Server};
use pointsman_core::preview::PreviewBy;

impl Loaded {
    /// A warning for each environment at Google that turns one on.
    pub fn untried(&self) -> Findings {
        let previews = self.config.environments.iter().filter_map(|(name, of)| {
            let google = of.platform.resolve(&self.folder) == Endpoint::Google;
            let PreviewBy::CloudRunTag = of.platform.preview.filter(|_| google)?;
            let why = "preview tags were never tried against Google's servers: App Hosting may remove them, and each \
                       run changes the traffic settings of the Cloud Run service";
            Some((["environments", name.as_str(), "platform", "preview"], why.to_owned()))
        });
        let cloud_run = self.config.environments.iter().filter_map(|(name, of)| {
            let google = of.platform.resolve(&self.folder) == Endpoint::CloudRun(Server::Google);
            let why = "services of Cloud Run were never tried against Google's servers: try a deploy and a rollback with a \
                       service that nobody needs first";
            google.then(|| (["environments", name.as_str(), "platform", "kind"], why.to_owned()))
        });
        self.warned(previews.chain(cloud_run))
    }
}
