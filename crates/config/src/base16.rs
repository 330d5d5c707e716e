//! Converts a base16 scheme to a theme. A scheme is sixteen colours with agreed meanings; hundreds exist
//! (<https://github.com/tinted-theming/home/blob/main/styling.md>).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::finding::{Finding, Findings};
use super::node::{Place, parse};
use super::theme::ThemeKind;

/// The mapping of a scheme's colours to the default theme's palette.
const MEANS: [(&str, &str); 11] = [
    ("ground", "base00"),
    ("raised", "base01"),
    ("line", "base03"),
    ("dim", "base04"),
    ("ink", "base05"),
    ("bad", "base08"),
    ("gold", "base09"),
    ("care", "base0A"),
    ("good", "base0B"),
    ("blue", "base0D"),
    ("lilac", "base0E"),
];

/// A scheme file, in the current format or in the original one, which has its colours at the top level.
#[derive(Debug, Deserialize)]
struct Scheme {
    #[serde(default, alias = "scheme")]
    name: Option<String>,
    #[serde(default)]
    variant: Option<ThemeKind>,
    #[serde(default)]
    palette: BTreeMap<String, String>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_yaml::Value>,
}

impl Scheme {
    /// A colour as six hex digits. The error says what is wrong with it.
    fn colour(&self, base: &str) -> Result<String, String> {
        let top = self.rest.get(base);
        let written = self.palette.get(base).map(String::as_str).or_else(|| top?.as_str());
        let Some(written) = written else {
            return Err(match top {
                Some(_) => format!("{base} is not text: put it in quotes"),
                None => format!("{base} is missing: a base16 scheme has base00 to base0F"),
            });
        };
        let hex = written.trim_start_matches('#');
        let right = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let wrong = || format!("{base} is {written:?}, which is not rrggbb");
        right.then(|| hex.to_lowercase()).ok_or_else(wrong)
    }
}

/// A theme converted from a scheme, with the text of its file.
#[derive(Debug)]
pub struct Imported {
    pub name: String,
    pub text: String,
}

/// Converts the text of a scheme to a theme. The error names every missing or invalid colour.
pub fn import(text: &str, file: &Path, name: Option<&str>) -> Result<Imported, Findings> {
    let refuse = |findings| Findings { file: file.to_owned(), text: text.to_owned(), findings };
    let node = parse(text).map_err(|finding| refuse(vec![finding]))?;
    let scheme: Scheme = serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map(|l| Place { line: l.line(), column: l.column() });
        refuse(vec![Finding::new(place.unwrap_or(node.place), error.to_string())])
    })?;
    let (mut colours, mut findings) = (BTreeMap::new(), Vec::new());
    for (_, base) in MEANS {
        match scheme.colour(base) {
            Ok(hex) => drop(colours.insert(base, hex)),
            Err(why) => {
                let path = ["palette", base];
                let path = if scheme.palette.is_empty() { &path[1..] } else { &path[..] };
                findings.push(Finding::new(node.place_of(path), why));
            }
        }
    }
    if !findings.is_empty() {
        return Err(refuse(findings));
    }
    let kind = scheme.variant.unwrap_or_else(|| kind(&colours["base00"]));
    let name = named(name.or(scheme.name.as_deref()), file);
    let (word, parent) = match kind {
        ThemeKind::Dark => ("dark", "default-dark"),
        ThemeKind::Light => ("light", "default-light"),
    };
    let lines: Vec<_> =
        MEANS.iter().map(|(own, base)| format!("  {own}: \"#{}\"", colours[base])).collect();
    let text = format!(
        "# Made of a base16 scheme. `pointsman theme check {name}` tells what cannot be read well.\n\
         name: {name}\nkind: {word}\ninherits: {parent}\npalette:\n{}\n  \
         sky: \"#{}\"\n  green: \"#{}\"   # base0A and base0B in one: GREEN is no success\n",
        lines.join("\n"),
        colours["base0D"],
        between(&colours["base0A"], &colours["base0B"])
    );
    Ok(Imported { name, text })
}

/// The theme's file name, from the name of the scheme or else of its file.
fn named(own: Option<&str>, file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let words = |name: &str| {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
        name.chars().map(plain).collect::<String>().split_whitespace().collect::<Vec<_>>().join("-")
    };
    let names = [own.map(words), Some(words(&stem))].into_iter().flatten();
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "imported".to_owned())
}

fn parts(hex: &str) -> [u32; 3] {
    let part = |at: usize| hex.get(at..at + 2).and_then(|two| u32::from_str_radix(two, 16).ok());
    [0, 2, 4].map(|at| part(at).unwrap_or_default())
}

fn kind(spec: &str) -> ThemeKind {
    if parts(spec).iter().sum::<u32>() > 3 * 128 { ThemeKind::Light } else { ThemeKind::Dark }
}

fn between(one: &str, other: &str) -> String {
    let [a, b] = [parts(one), parts(other)];
    let mean = |at: usize| u32::midpoint(a[at], b[at]);
    format!("{:02x}{:02x}{:02x}", mean(0), mean(1), mean(2))
}
