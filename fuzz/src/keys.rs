//! Keys, pastes, the mouse and the size of the window, in any order. Each two bytes are one of them.

use std::path::Path;
use std::time::Duration;

use pointsman::config::load_text;
use pointsman::domain::time::Timestamp;
use pointsman::tui::keys::{Code, Key};
use pointsman::tui::model::Model;
use pointsman::tui::model::environments::Environment;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::Pane;
use pointsman::tui::theme::Theme;
use pointsman::tui::update::update;
use pointsman::tui::view::render;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::CONFIG;

/// Maximum messages of one input: a longer one shows nothing new, and costs time.
const MOST: usize = 200;

fn code(byte: u8) -> Code {
    match byte {
        0 => Code::Enter,
        1 => Code::Esc,
        2 => Code::Tab,
        3 => Code::BackTab,
        4 => Code::Backspace,
        5 => Code::Delete,
        6 => Code::Up,
        7 => Code::Down,
        8 => Code::Left,
        9 => Code::Right,
        10 => Code::Home,
        11 => Code::End,
        12 => Code::PageUp,
        13 => Code::PageDown,
        14..=26 => Code::Function(byte - 13),
        27 => Code::Char('é'),
        28 => Code::Char('🦀'),
        29 => Code::Char('\u{301}'),
        30 | 31 => Code::Char(' '),
        other => Code::Char(char::from(other)),
    }
}

fn message(kind: u8, byte: u8) -> Msg {
    let key = |ctrl, alt| Key { code: code(byte), ctrl, alt, repeat: kind & 8 != 0 };
    let pane = Pane::ALL[usize::from(byte) % Pane::ALL.len()];
    match kind % 16 {
        0 => Msg::Resize(u16::from(byte), u16::from(byte / 3)),
        1 => Msg::Resize(u16::from(byte / 3), u16::from(byte)),
        2 => Msg::Paste(char::from(byte).to_string().repeat(usize::from(byte))),
        3 => Msg::Click(pane, (byte > 128).then(|| byte.to_string())),
        4 => Msg::Wheel(pane, isize::from(byte) - 128),
        5 => Msg::Drag(u16::from(byte)),
        6 => Msg::Key(key(true, false)),
        7 => Msg::Key(key(false, true)),
        _ => Msg::Key(key(false, false)),
    }
}

/// Sends them to a screen of two environments, and draws it after each.
pub fn run(data: &[u8]) {
    let loaded = load_text(CONFIG, Path::new("config.yaml")).unwrap();
    let environments = ["development", "production"].map(|name| {
        let spec = loaded.spec(name).unwrap();
        let services = spec.members.iter().map(|member| member.service().to_string()).collect();
        Environment::new(spec.environment, spec.policy.protection, services)
    });
    let releases = vec!["1.0.0".to_owned(), "1.1.0".to_owned()];
    let mut model = Model::new(environments.into(), releases, "ana".to_owned());
    let theme = Theme::without_colour(false);
    update(&mut model, Msg::Resize(100, 30));
    let mut elapsed = Duration::ZERO;
    for pair in data.chunks_exact(2).take(MOST) {
        elapsed += Duration::from_millis(u64::from(pair[0]) * 4);
        update(&mut model, Msg::Tick(Timestamp::UNIX_EPOCH + elapsed, elapsed));
        let effects = update(&mut model, message(pair[0], pair[1]));
        // The program asks for these right away.
        drop(effects);
        let (width, height) = model.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        render(&model, &theme, buffer.area, &mut buffer);
    }
}
