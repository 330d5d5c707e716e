//! Runs the probe keeper on a separate thread, because it writes to the store. Forwards its reports to the screen.

use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Sender};

use crate::app::App;
use crate::domain::alert::Notify;
use crate::engine::watch::{Keeper, Order, Report};
use crate::tui::msg::Msg;

/// Starts the keeper. It ends when the returned sender is dropped or the screen's message channel closes.
pub(super) fn spawn(app: &App, notify: Notify, sender: Sender<Msg>) -> Sender<Order> {
    let (order, orders) = mpsc::channel(64);
    let (reporter, mut reports) = mpsc::channel(64);
    let samples = app.samples().ok().map(|samples| Box::new(samples) as _);
    let keeper = Keeper::new(app.services(), notify, samples);
    let (runtime, alarms) = (Handle::current(), sender.clone());
    std::thread::spawn(move || {
        if let Err(problem) = runtime.block_on(keeper.run(orders, reporter)) {
            let _ = alarms.blocking_send(Msg::Alarm(format!("no probe runs: {problem}")));
        }
    });
    tokio::spawn(async move {
        while let Some(report) = reports.recv().await {
            let Report::States { environment, probes, recent, .. } = report else { continue };
            if sender.send(Msg::Probed(environment, probes, recent)).await.is_err() {
                return;
            }
        }
    });
    order
}
