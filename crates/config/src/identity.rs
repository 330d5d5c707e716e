//! The project that a config belongs to. State is stored per project, so that two projects on one machine do not share
//! history, locks or rollback targets.

use std::fs;
use std::path::Path;

use pointsman_core::hash::Hash;

/// The top-level key that names the project.
const KEY: &str = "name:";

/// The name of a project's state folder: the config's `name`, or else its folder's name and a hash of its path.
/// `None` if the config does not exist. The file is read line by line, so that a broken config keeps its project.
pub fn project_key(config: &Path) -> Option<String> {
    let path = fs::canonicalize(config).ok()?;
    let text = pointsman_source::text(&path).ok()?;
    let named = text.lines().find_map(|line| line.strip_prefix(KEY)).map(named);
    if let Some(name) = named.filter(|name| !name.is_empty()) {
        return Some(name);
    }
    let folder = path.parent()?.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let hash = Hash::of(path.as_os_str().as_encoded_bytes());
    Some(format!("{}-{}", folder_name(&folder), hash.short()))
}

/// A YAML value without quotes and trailing comment, as a folder name.
fn named(value: &str) -> String {
    let value = value.split(" #").next().unwrap_or_default().trim();
    folder_name(value.trim_matches(['"', '\'']))
}

/// Replaces characters that are unsafe in a folder name, and cuts it to 64 characters.
fn folder_name(text: &str) -> String {
    let kept =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' });
    let kept: String = kept.take(64).collect();
    kept.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_identity_is_its_name_or_its_config_path() {
        let dir = tempfile::tempdir().unwrap();
        let config = |folder: &str, text: &str| {
            let folder = dir.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            let file = folder.join("config.yaml");
            fs::write(&file, text).unwrap();
            project_key(&file).unwrap()
        };
        let (a, b) = (config("shop a", "version: 1\n"), config("b", "version: 1\n"));
        assert!(a.starts_with("shop-a-") && b.starts_with("b-"), "{a} {b}");
        assert_eq!(config("b", "version: 1\nservices: [\n"), b, "broken, and still the same");
        assert_eq!(config("b", "version: 1\nname: \"shop\"  # ours\n"), "shop");
        assert_eq!(config("c", "name: shop\n"), "shop", "wherever it lies");
        assert_eq!(config("c", "services:\n  name: x\n"), config("c", "version: 1\n"));
        assert_eq!(project_key(&dir.path().join("none.yaml")), None);
        std::os::unix::fs::symlink(dir.path().join("b"), dir.path().join("link")).unwrap();
        config("b", "version: 1\n");
        assert_eq!(project_key(&dir.path().join("link/config.yaml")).unwrap(), b, "through a link");
    }
}
