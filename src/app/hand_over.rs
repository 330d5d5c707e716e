//! Takes an offered run.

use super::{App, Entrance};
use crate::domain::ids::RunNumber;
use crate::engine::proposal::{self, Refusal};
use crate::ports::journal::Journal as _;

impl App {
    /// Accepts an offered run, waits until its driver hands it over, and drives it in the background. Returns the pid of
    /// that process.
    pub async fn accept(&self, run: RunNumber) -> Result<u32, Refusal> {
        let plan = self.store()?.run(run)?.view.plan;
        // What the run needs here must be there before its driver lets go of it.
        self.services().platform(&plan.endpoint).await.map_err(Refusal::Failed)?;
        proposal::accept(&self.services(), run).await?;
        self.detach(run, Entrance::TakeOn).await.map_err(Refusal::InDoubt)
    }
}
