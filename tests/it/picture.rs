//! A terminal's screen as SVG. With `POINTSMAN_SCREENSHOTS=1` the journeys write `screenshots/`.

use std::fmt::Write as _;
use std::path::Path;

use unicode_width::UnicodeWidthStr as _;

use super::sandbox::wait_until;
use super::terminal::Terminal;

const CELL: (u16, u16) = (9, 18);
const INK: &str = "#d8d8d8";
const PAPER: &str = "#101014";
const COLOURS: [&str; 16] = [
    "#3a3a42", "#e5534b", "#57ab5a", "#d9a441", "#539bf5", "#b083f0", "#39c5cf", "#c8c8c8",
    "#8b8b95", "#ff938a", "#6bc46d", "#e9c46a", "#6cb6ff", "#dcbdfb", "#56d4dd", "#ffffff",
];

/// Writes a picture, if `POINTSMAN_SCREENSHOTS` is set.
fn take(screen: &vt100::Screen, name: &str) {
    if std::env::var_os("POINTSMAN_SCREENSHOTS").is_none() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.svg")), svg(screen)).unwrap();
}

impl Terminal {
    /// Writes a picture to `screenshots/` once the screen shows a text at the size of the terminal.
    #[track_caller]
    pub(crate) fn picture(&self, text: &str, name: &str) {
        self.wants(text);
        // After a resize, the text may still be that of a frame of the old size.
        wait_until("the frame has the size of the terminal", || self.fills());
        // The screen is drawn before anything is read.
        wait_until("the live builds are read", || !self.text().contains("live not read yet"));
        self.wants(text);
        self.take(name);
    }

    /// Writes a picture of what is on the screen.
    pub(crate) fn take(&self, name: &str) {
        take(&self.screen(), name);
    }

    /// Whether the clock is at the right end of the first row, and keys are in the last one.
    fn fills(&self) -> bool {
        let screen = self.screen();
        let (rows, columns) = screen.size();
        let mut lines = screen.rows(0, columns.get());
        let first = lines.next().unwrap_or_default();
        let last = lines.nth(usize::from(rows.get()).saturating_sub(2)).unwrap_or_default();
        first.trim_end().ends_with('Z')
            && first.trim_end().width() + 2 >= usize::from(columns.get())
            && ["quit", "Esc", "stay"].iter().any(|key| last.contains(key))
    }
}

fn svg(screen: &vt100::Screen) -> String {
    let (rows, cols) = screen.size();
    let (rows, cols) = (rows.get(), cols.get());
    let (width, height) =
        (u32::from(cols) * u32::from(CELL.0), u32::from(rows) * u32::from(CELL.1));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"ui-monospace,Menlo,DejaVu Sans Mono,monospace\" font-size=\"15\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{PAPER}\"/>\n"
    );
    for row in 0..rows {
        let mut col = 0;
        while col < cols {
            let Some(first) = screen.cell(row, col) else { break };
            let look = look(first);
            let (from, mut text) = (col, String::new());
            while let Some(cell) = screen.cell(row, col).filter(|cell| self::look(cell) == look) {
                text.push_str(if cell.has_contents() { cell.contents() } else { " " });
                col += 1;
                if col == cols {
                    break;
                }
            }
            run(&mut out, row, from, col - from, &text, &look);
        }
    }
    out.push_str("</svg>\n");
    out
}

type Look = (String, String, bool);

fn look(cell: &vt100::Cell) -> Look {
    let ink = colour(cell.fgcolor(), INK);
    let paper = colour(cell.bgcolor(), PAPER);
    let (ink, paper) = if cell.inverse() { (paper, ink) } else { (ink, paper) };
    (ink, paper, cell.bold())
}

fn colour(colour: vt100::Color, usual: &str) -> String {
    match colour {
        vt100::Color::Default => usual.to_owned(),
        vt100::Color::Idx(n) => COLOURS.get(usize::from(n)).map_or(usual, |c| c).to_owned(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    }
}

/// Draws cells of the same style. `textLength` keeps the columns aligned in any font.
fn run(out: &mut String, row: u16, col: u16, cells: u16, text: &str, look: &Look) {
    let (x, y) = (u32::from(col) * u32::from(CELL.0), u32::from(row) * u32::from(CELL.1));
    let width = u32::from(cells) * u32::from(CELL.0);
    let (ink, paper, bold) = look;
    if paper != PAPER {
        let height = CELL.1;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{paper}\"/>"
        );
    }
    let weight = if *bold { " font-weight=\"bold\"" } else { "" };
    let base = y + 14;
    // Position each group of words separately, so that the font of one cannot shift the next.
    let mut at = 0;
    for words in text.split("  ") {
        let columns = words.width();
        if !words.trim().is_empty() {
            let (x, length) = (x + at * u32::from(CELL.0), columns * usize::from(CELL.0));
            let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{base}\" textLength=\"{length}\" \
                 lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" \
                 fill=\"{ink}\"{weight}>{words}</text>"
            );
        }
        at += u32::try_from(columns).unwrap() + 2;
    }
}
