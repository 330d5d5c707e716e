//! Features that were never tried against Google's servers: each is off unless the config turns it on.

use super::Findings;
use super::file::Loaded;
use super::schema::store::StoreKind;
use pointsman_core::endpoint::{Endpoint, Server};
use pointsman_core::preview::PreviewBy;

impl Loaded {
    /// A warning for each place that turns one on at Google.
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
        let store = self.config.store.iter().filter_map(|store| {
            let google = store.kind == StoreKind::Firestore && store.endpoint.is_none();
            let why = "a shared store was never tried against Google's servers, only against Google's emulator";
            google.then(|| (["store", "kind"], why.to_owned()))
        });
        let mut all = self.warned(store);
        all.findings.extend(self.warned(previews.chain(cloud_run)).findings);
        all
    }
}
