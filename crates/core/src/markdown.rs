//! Escapes foreign text in our Markdown: no links, pictures, headings, tables or mentions.

use super::text::harmless;

/// The text as one line, without Markdown.
pub(super) fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = harmless(&line, usize::MAX);
    let mut out = String::with_capacity(line.len());
    let mut before = ' ';
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let within = before.is_alphanumeric() && chars.peek().is_some_and(|c| c.is_alphanumeric());
        let escaped = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' => true,
            // Inside a word, an underscore is no emphasis.
            '_' => !within,
            // A heading can only start a line, where our own text always comes first.
            '#' => out.is_empty(),
            _ => false,
        };
        if escaped {
            out.push('\\');
        }
        out.push(c);
        // GitHub would notify the user of that name; a backslash does not prevent it.
        if c == '@'
            && !before.is_alphanumeric()
            && chars.peek().is_some_and(|c| c.is_alphanumeric())
        {
            out.push_str("<!-- -->");
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_markdown_in_user_text() {
        for (said, written) in [
            ("INC-12, see #4", "INC-12, see #4"),
            ("toto_app is 50 % off", "toto_app is 50 % off"),
            ("[x](http://evil) ![p](http://evil)", "\\[x\\](http://evil) !\\[p\\](http://evil)"),
            (
                "<img src=x> `code` **loud** _low_",
                "\\<img src=x\\> \\`code\\` \\*\\*loud\\*\\* \\_low\\_",
            ),
            ("# big\n| a | b |\n- [x] done", "\\# big \\| a \\| b \\| - \\[x\\] done"),
            ("a\\b", "a\\\\b"),
            ("ask @ana, not bo@x.org", "ask @<!-- -->ana, not bo@x.org"),
        ] {
            assert_eq!(plain(said), written);
        }
    }
}
