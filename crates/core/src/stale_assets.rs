//! Browsers with an open page of the previous build request its files long after the switch (N15). The check shows
//! whether the public address still has them, before the previous build is deleted.

use std::sync::LazyLock;

use regex::Regex;

/// Maximum files checked per page: if those exist, the others do.
const MOST_FILES: usize = 20;

#[expect(clippy::expect_used, reason = "the pattern is a constant, and a test compiles it")]
static FILES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:src|href)=["'](/[^/"'?#][^"'?#]*\.(?:m?js|css|woff2))["'?#]"#)
        .expect("it compiles")
});

/// The files that a page loads from the same origin: scripts, styles and fonts, by absolute paths.
pub fn files_of(page: &str) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for found in FILES.captures_iter(page) {
        let file = found[1].to_owned();
        if !files.contains(&file) && files.len() < MOST_FILES {
            files.push(file);
        }
    }
    files
}

/// The warning about missing files. None: all exist.
pub fn warning(service: &str, gone: &[String], of: usize) -> Option<String> {
    let first = gone.first()?;
    Some(format!(
        "{service}: {} of {of} files of BLUE's pages are gone at the public address ({first}): whoever has an old \
         page open may be broken",
        gone.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_same_origin_assets_once() {
        let page = r#"<link rel="stylesheet" href="/_next/static/css/a1.css?v=1"><script src='/app.js'></script>
            <script src="/app.js"></script><script src="https://cdn.example/x.js"></script>
            <script src="//cdn.example/y.js"></script><a href="/about">about</a>"#;
        assert_eq!(files_of(page), ["/_next/static/css/a1.css", "/app.js"]);
        assert_eq!(warning("toto-app", &[], 2), None);
        let gone = ["/app.js".to_owned()];
        assert!(warning("toto-app", &gone, 2).unwrap().contains("1 of 2 files"));
    }
}
