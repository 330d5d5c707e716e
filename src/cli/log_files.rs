//! The program's own log.

use std::fs;

use crate::app::{App, private_folder};

/// Sends the program's log to rolling files in the state folder, never to the terminal. If the files cannot be
/// created there is no log: that must not prevent a rollback.
pub(super) fn log_to_files(app: &App) -> Option<tracing_appender::non_blocking::WorkerGuard> {
    let folder = app.state.join("logs");
    private_folder(&folder).ok()?;
    let files = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("pointsman")
        .filename_suffix("log")
        .max_log_files(14)
        .build(&folder)
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    let filter = tracing_subscriber::EnvFilter::try_from_env("POINTSMAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).init();
    restrict(&folder);
    Some(guard)
}

fn restrict(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let _ = fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600));
    }
}
