//! Finds the config: `--config`, `POINTSMAN_CONFIG`, or the nearest `config.yaml` in the current folder and its
//! parents.

use std::fs;
use std::path::{Path, PathBuf};

use crate::git::repository_above;

/// The file name of a config.
const NAME: &str = "config.yaml";

/// The config for a folder. Other programs have a `config.yaml` too, so one in a parent folder counts only if it has
/// `environments:`. The search ends at the root of the repository; outside a repository it stays in the folder.
pub(super) fn nearest(folder: &Path) -> PathBuf {
    let here = PathBuf::from(NAME);
    if folder.join(NAME).exists() {
        return here;
    }
    let Some(root) = repository_above(folder) else { return here };
    let parents = folder.ancestors().skip(1).take_while(|above| above.starts_with(&root));
    let ours = |config: &PathBuf| {
        let text = fs::read_to_string(config).unwrap_or_default();
        text.lines().any(|line| line.starts_with("environments:"))
    };
    parents.map(|above| above.join(NAME)).find(ours).unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_config_up_to_the_root_of_the_repository() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("repository/apps/web");
        fs::create_dir_all(&inner).unwrap();
        let config = outer.path().join("repository/config.yaml");
        fs::write(outer.path().join("config.yaml"), "environments:\n").unwrap();
        assert_eq!(nearest(&inner), Path::new("config.yaml"), "outside a repository");
        fs::create_dir(outer.path().join("repository/.git")).unwrap();
        assert_eq!(nearest(&inner), Path::new("config.yaml"), "above the repository");
        fs::write(&config, "some: other program\n").unwrap();
        assert_eq!(nearest(&inner), Path::new("config.yaml"), "another program's");
        fs::write(&config, "version: 1\nenvironments:\n").unwrap();
        assert_eq!(nearest(&inner), config);
        fs::write(inner.join("config.yaml"), "").unwrap();
        assert_eq!(nearest(&inner), Path::new("config.yaml"), "the folder's own");
    }
}
