//! Sets up the terminal, and restores it on every exit path.

use std::io::{self, BufWriter, Stdout, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    SetTitle, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;

use super::model::Model;
use super::theme::Theme;
use super::view::draw;
use crate::domain::text::harmless;

/// Size of the write buffer. A whole frame is one write, so that half-drawn frames are never visible.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// XTWINOPS: saves the window title on the terminal's stack while the screen sets its title, and restores it.
const PUSH_TITLE: &str = "\u{1b}[22;0t";
const POP_TITLE: &str = "\u{1b}[23;0t";

/// Whether the screen captures the mouse, which must be restored after a suspension.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// Whether the terminal is set up, so that it is restored only once.
static TAKEN: AtomicBool = AtomicBool::new(false);

type Backend = CrosstermBackend<BufWriter<Stdout>>;

/// The terminal while the screen uses it.
pub(super) struct Screen {
    terminal: ratatui::Terminal<Backend>,
    title: String,
}

impl Screen {
    /// Sets up the terminal. A panic of the drawing thread restores it before printing, and leaves a report in a file.
    /// A panic of any other thread is only logged, because the screen still works.
    pub(super) fn take(report: PathBuf) -> io::Result<Self> {
        let (before, drawing) = (std::panic::take_hook(), std::thread::current().id());
        std::panic::set_hook(Box::new(move |info| {
            tracing::error!(%info, "panicked");
            if std::thread::current().id() == drawing {
                give_back();
                before(info);
                leave_report(&report, &info.to_string());
            }
        }));
        let backend = CrosstermBackend::new(BufWriter::with_capacity(WRITE_BUFFER_BYTES, stdout()));
        // Created before the terminal is set up, so that whatever fails from there on, dropping it restores the terminal.
        let screen = Self { terminal: ratatui::Terminal::new(backend)?, title: String::new() };
        enter()?;
        Ok(screen)
    }

    /// Sets up the terminal again after a suspension, and redraws.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        enter()?;
        self.redraw()
    }

    /// Discards the drawn content, so that everything is drawn again. `Terminal::clear` would query the cursor
    /// position and fail after a suspension, because another program may have drawn meanwhile.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        let (width, height) = size()?;
        self.terminal.resize(Rect::new(0, 0, width, height))
    }

    /// Draws a frame that does not show the model.
    pub(super) fn show(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw)?;
        self.terminal.backend_mut().flush()
    }

    /// Draws one frame, as a synchronised update if the terminal supports that.
    pub(super) fn draw(&mut self, model: &Model, theme: &Theme) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let title = model.title();
        if title != self.title {
            queue!(self.terminal.backend_mut(), SetTitle(&title))?;
            self.title = title;
        }
        self.terminal.draw(|frame| draw(model, theme, frame))?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        self.terminal.backend_mut().flush()
    }
}

impl Screen {
    /// Captures the mouse, or releases it to the terminal, which selects text with it.
    pub(super) fn mouse(&mut self, taken: bool) -> io::Result<()> {
        MOUSE.store(taken, Ordering::SeqCst);
        let backend = self.terminal.backend_mut();
        if taken {
            execute!(backend, EnableMouseCapture)
        } else {
            execute!(backend, DisableMouseCapture)
        }
    }

    /// Notifies the user: a bell, and a notification if the terminal supports it (OSC 9). tmux forwards only wrapped
    /// notifications, and only if configured; it always forwards the bell.
    pub(super) fn ring(&mut self, text: &str) -> io::Result<()> {
        let said = harmless(text, 200);
        let call = format!("\u{1b}]9;{said}\u{7}");
        let inside = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let call = if inside("TMUX") {
            format!("\u{1b}Ptmux;{}\u{1b}\\", call.replace('\u{1b}', "\u{1b}\u{1b}"))
        } else {
            call
        };
        let backend = self.terminal.backend_mut();
        backend.write_all(call.as_bytes())?;
        backend.write_all(b"\x07")?;
        backend.flush()
    }

    /// Queries the background colour (OSC 11). The reply arrives as key events.
    pub(super) fn ask_ground(&mut self) -> io::Result<()> {
        let backend = self.terminal.backend_mut();
        backend.write_all(b"\x1b]11;?\x1b\\")?;
        backend.flush()
    }

    /// Sends a text to the terminal's clipboard (OSC 52).
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let backend = self.terminal.backend_mut();
        queue!(backend, CopyToClipboard::to_clipboard_from(text))?;
        backend.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(
        stdout(),
        Print(PUSH_TITLE),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange,
        Hide
    )?;
    if MOUSE.load(Ordering::SeqCst) {
        execute!(stdout(), EnableMouseCapture)?;
    }
    Ok(())
}

/// Writes a report of a panic, and prints its path. Runs are separate processes and continue.
fn leave_report(file: &Path, info: &str) {
    let trace = std::backtrace::Backtrace::force_capture();
    let text = format!("pointsman {}\n{info}\n\n{trace}\n", env!("CARGO_PKG_VERSION"));
    let told = match std::fs::write(file, text) {
        Ok(()) => format!("report: {}", file.display()),
        Err(error) => format!("no report could be written: {error}"),
    };
    let _ = writeln!(io::stderr(), "\nThe screen failed; runs continue without it. {told}");
}

/// Restores the terminal. Exit, panic, signals and suspension all use this function.
pub(super) fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // Continue after an error: a partly restored terminal is better than one that is not restored.
    let _ = execute!(
        stdout(),
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Print(POP_TITLE),
        Show
    );
    let _ = disable_raw_mode();
}
