use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use super::*;

const ALL: Rules<'static> = Rules { without_ignored: false, state: None };
const SHARED: Rules<'static> = Rules { without_ignored: true, state: None };

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The files of a folder, each with its kind in a build.
fn found(dir: &Path, rules: Rules<'_>) -> BTreeMap<String, &'static str> {
    let word = |kind: &Kind| match kind {
        Kind::Folder => "folder",
        Kind::File(_) => "file",
        Kind::Link(_) => "link",
    };
    let all = items(dir, rules).unwrap();
    let named = all.iter().map(|i| (i.path.display().to_string(), word(&i.kind)));
    named.filter(|(_, word)| *word != "folder").collect()
}

fn git(dir: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
    assert!(git::command(dir).args(who).args(arguments).output().unwrap().status.success());
}

#[test]
fn leaves_out_git_ignored_files_without_a_repository_too() {
    let dir = tempfile::tempdir().unwrap();
    let shop = dir.path().join("shop");
    write(&shop, ".gitignore", ".env.local\n/web/dist/\n[[]id].log\n*.pem\n");
    write(&shop, "web/sub/.gitignore", "inner.key\n");
    for name in [
        ".env.local",
        "dist/a.js",
        "lib/dist/a.js",
        "a/[id].log",
        "a/i.log",
        "a/[slug].tsx",
        "server.pem",
        "forced.pem",
        "sub/inner.key",
        "sub/kept.key",
        "node_modules/x/x.js",
        "new\nline.pem",
        "package.json",
    ] {
        write(&shop, &format!("web/{name}"), "x");
    }
    let kept = [
        "a/[slug].tsx",
        "a/i.log",
        "lib/dist/a.js",
        "package.json",
        "sub/.gitignore",
        "sub/kept.key",
    ];
    let names = || found(&shop.join("web"), SHARED).into_keys().collect::<Vec<_>>();
    assert_eq!(names(), kept, "without git");
    git(&shop, &["init", "--quiet"]);
    assert_eq!(names(), kept, "with an empty repository");
    git(&shop, &["add", "--force", "web/forced.pem"]);
    assert!(names().contains(&"forced.pem".to_owned()), "what is tracked is source");
    fs::remove_dir_all(shop.join(".git")).unwrap();
    write(&shop, ".git", "gitdir: /nowhere\n");
    let refused = items(&shop.join("web"), SHARED).unwrap_err();
    assert!(matches!(refused, SourceError::Git(_)), "{refused}");
}

#[test]
fn inner_symlinks_stay_and_outer_ones_become_files() {
    let dir = tempfile::tempdir().unwrap();
    let web = dir.path().join("web");
    write(&web, "real.txt", "inside");
    write(dir.path(), "shared/strings.json", "outside");
    for (target, name) in [
        ("real.txt", "alias.txt"),
        ("../shared/strings.json", "strings.json"),
        ("../shared", "shared"),
        ("gone", "dangling"),
        (".", "itself"),
        // Out of the folder and back: in a build, the folder has another name.
        ("../web/real.txt", "again.txt"),
    ] {
        symlink(target, web.join(name)).unwrap();
    }
    let expected = [
        ("again.txt", "file"),
        ("alias.txt", "link"),
        ("dangling", "link"),
        ("itself", "link"),
        ("real.txt", "file"),
        ("shared/strings.json", "file"),
        ("strings.json", "file"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(n, w)| (n.to_owned(), w)).into();
    assert_eq!(found(&web, ALL), expected);
    let copied = dir.path().join("copied");
    fs::create_dir(&copied).unwrap();
    copy(&web, &copied, ALL).unwrap();
    let texts = [("again.txt", "inside"), ("alias.txt", "inside"), ("strings.json", "outside")];
    for (name, text) in texts {
        assert_eq!(fs::read_to_string(copied.join(name)).unwrap(), text);
    }
    let archive = pack(&web, ALL, 1 << 20).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive.as_slice()));
    let packed = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned());
    let packed: Vec<_> = packed.filter(|p| p.extension().is_some()).collect();
    let names = ["again.txt", "alias.txt", "real.txt", "shared/strings.json", "strings.json"];
    assert_eq!(packed, names.map(PathBuf::from));
    let refused = pack(&web, ALL, 64).unwrap_err().to_string();
    assert_eq!(refused, "packed it has more than the 64 bytes allowed");
}

#[test]
fn refuses_special_files_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let web = dir.path().join("web");
    write(&web, "real.txt", "x");
    symlink("../..", web.join("up")).unwrap();
    let refused = items(&web, ALL).unwrap_err().to_string();
    assert!(refused.contains("up is a link to a folder that it is in itself"), "{refused}");
    fs::remove_file(web.join("up")).unwrap();
    let pipe = web.join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(items(&web, ALL).unwrap_err().to_string().ends_with("is a pipe"));
}

#[test]
fn leaves_out_our_state_folder() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join(".pointsman");
    write(&state, "emulator/token", "secret");
    write(dir.path(), "index.js", "x");
    let rules = Rules { state: Some(&state), ..ALL };
    assert_eq!(found(dir.path(), rules).into_keys().collect::<Vec<_>>(), ["index.js"]);
}
