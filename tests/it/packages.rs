//! Packages have this version and contain all promised files.

use std::fs;

use super::docs::root;

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn packages_are_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let formula = read("packaging/homebrew/pointsman.rb");
    assert!(formula.contains(&format!("version \"{version}\"")), "homebrew/pointsman.rb");
    assert!(formula.contains(&format!("/v{version}.tar.gz")), "homebrew/pointsman.rb");
    // The flake reads the version from the manifest.
    let flake = read("packaging/nix/flake.nix");
    assert!(flake.contains(".workspace.package") && flake.contains("manifest.version"));
    let rust = read("Cargo.toml");
    let rust = rust.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let toolchain = rust.trim_matches('"');
    assert!(
        read("packaging/Dockerfile").contains(&format!("FROM rust:{toolchain}-")),
        "Dockerfile"
    );
}

#[test]
fn packages_contain_program_manual_completions_and_themes() {
    let manifest = read("Cargo.toml");
    for format in ["[package.metadata.deb]", "[package.metadata.generate-rpm]"] {
        let section = manifest.split(format).nth(1).unwrap_or_else(|| panic!("{format}"));
        let section = section.split("\n[").next().unwrap();
        for part in ["release/pointsman", "man/", "completions/_pointsman", "themes/"] {
            assert!(section.contains(part), "{format} lacks {part}");
        }
    }
    // cargo-binstall and the workflow must agree on the archives' names.
    let binstall = manifest.split("[package.metadata.binstall]").nth(1).unwrap();
    for target in ["linux-x86_64", "linux-aarch64", "macos-aarch64"] {
        assert!(binstall.contains(&format!("pointsman-{target}.tar.gz")), "binstall: {target}");
        assert!(read(".github/workflows/release.yml").contains(&format!("name: {target}")));
    }
}
