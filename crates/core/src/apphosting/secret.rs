//! Parses the names of secrets in `apphosting.yaml`.

/// The version that a secret's name refers to. A build rejects a malformed name (`fah/improper-secret-format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Pinned,
    /// The latest version at build time.
    Latest,
}

/// Parses a secret's name: `id`, `id@N`, `projects/P/secrets/S` or that with `/versions/V`. None if it is malformed.
pub fn version(secret: &str) -> Option<Version> {
    let id = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !text.is_empty() && text.chars().all(allowed)
    };
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let parts: Vec<&str> = secret.split('/').collect();
    match parts[..] {
        [name] => match name.split_once('@') {
            None => id(name).then_some(Version::Latest),
            Some((name, version)) => (id(name) && number(version)).then_some(Version::Pinned),
        },
        ["projects", project, "secrets", name] => {
            (!project.is_empty() && id(name)).then_some(Version::Latest)
        }
        ["projects", project, "secrets", name, "versions", version] => {
            let known = !project.is_empty() && id(name) && !version.is_empty();
            let kind = if version == "latest" { Version::Latest } else { Version::Pinned };
            known.then_some(kind)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_four_forms_of_secret_names() {
        let cases = [
            ("jwt-secret", Some(Version::Latest)),
            ("jwt-secret@5", Some(Version::Pinned)),
            ("projects/p/secrets/s", Some(Version::Latest)),
            ("projects/p/secrets/s/versions/5", Some(Version::Pinned)),
            ("projects/p/secrets/s/versions/latest", Some(Version::Latest)),
            ("jwt-secret@latest", None),
            ("jwt-secret@", None),
            ("my secret", None),
            ("projects/p/secret/s", None),
            ("projects//secrets/s", None),
            ("", None),
        ];
        for (name, wanted) in cases {
            assert_eq!(version(name), wanted, "{name:?}");
        }
    }
}
