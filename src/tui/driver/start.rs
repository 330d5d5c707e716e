//! Starts the tasks and threads that send messages to the screen.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::acts::Acts;
use super::watch::{Reload, Stamps, Told};
use super::{Options, health, log, store, watch};
use crate::app::App;
use crate::config::Loaded;
use crate::engine::watch::watch_runs;
use crate::tui::model::Model;
use crate::tui::msg::Msg;

/// Capacity of the message queue; senders wait when it is full.
const QUEUE_LENGTH: usize = 256;

/// Where the screen's messages come from, and who carries out its effects.
pub(super) struct Sources {
    pub(super) acts: Acts,
    pub(super) receiver: mpsc::Receiver<Msg>,
    pub(super) reloads: mpsc::Receiver<Reload>,
    pub(super) watcher: std::sync::mpsc::Sender<Told>,
    pub(super) watching: AbortOnDropHandle<()>,
}

/// Starts all of them. They end when what is returned is dropped.
/// `stamps`: of the config and the theme as they were read.
pub(super) fn sources(
    app: &App,
    model: &Model,
    (loaded, stamps): (Loaded, Stamps),
    options: Options,
) -> Sources {
    let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
    let names = model.environments.iter().map(|e| e.name.clone()).collect();
    store::spawn(app.clone(), names, !options.read_only, sender.clone());
    let log = log::spawn(app.clone(), sender.clone());
    let (saved, reloads) = mpsc::channel(1);
    let config = loaded.config.clone();
    let watcher = watch::spawn(options.looks, options.config.clone(), config, stamps, saved);
    let notify = loaded.notify();
    let health = health::spawn(app, notify.clone(), sender.clone());
    let names = model.environments.iter().map(|e| e.name.as_str());
    let specs = names.filter_map(|name| loaded.spec(name).ok()).collect();
    let watching = tokio::spawn(watch_runs(app.services(), notify, specs));
    let acts = Acts::new(app.clone(), loaded, options.config, sender, log, health);
    acts.look_regularly();
    acts.read_calendars_regularly();
    Sources { acts, receiver, reloads, watcher, watching: AbortOnDropHandle::new(watching) }
}
