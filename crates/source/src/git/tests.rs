use std::fs;

use super::*;

/// A repository with two commits, a tag and a branch with the same name, and a symlink.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    fs::create_dir(at.join("web")).unwrap();
    fs::write(at.join("web/real.yaml"), "a: 1\n").unwrap();
    std::os::unix::fs::symlink("real.yaml", at.join("web/link.yaml")).unwrap();
    git(at, &["init", "--quiet", "--initial-branch=main"]);
    git(at, &["add", "."]);
    git(at, &["commit", "--quiet", "--message=one"]);
    git(at, &["tag", "both"]);
    git(at, &["tag", "release/1.2"]);
    git(at, &["commit", "--quiet", "--allow-empty", "--message=two"]);
    git(at, &["branch", "both"]);
    dir
}

fn git(dir: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
    let output = command(dir).args(who).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

#[test]
fn ambiguous_git_names_have_two_candidates() {
    let dir = repository();
    let of = |name: &str| resolve(dir.path(), name).unwrap();
    let both = of("both");
    assert_eq!(both.iter().map(|c| c.kind).collect::<Vec<_>>(), [Kind::Tag, Kind::Branch]);
    assert_ne!(both[0].commit, both[1].commit);
    assert_eq!(of("release/1.2")[0].commit, both[0].commit);
    assert_eq!(of("main").len(), 1);
    let short = &of("main")[0].commit[..8];
    assert_eq!((of(short)[0].kind, &of(short)[0].commit), (Kind::Beginning, &of("main")[0].commit));
    assert!(of("nothing").is_empty() && of("0000000").is_empty());
    assert!(resolve(&dir.path().join("web/nowhere"), "main").is_err(), "that is no answer");
}

#[test]
fn reads_committed_files_through_symlinks() {
    let dir = repository();
    let commit = &resolve(dir.path(), "main").unwrap()[0].commit;
    let read = |path: &str| blob(dir.path(), commit, path).unwrap();
    assert_eq!(read("web/link.yaml").unwrap(), b"a: 1\n");
    assert_eq!(read("web/none.yaml"), None);
    let all = entries(dir.path(), commit, "web").unwrap();
    let found: Vec<_> = all.iter().map(|e| (e.kind, e.path.as_str())).collect();
    assert_eq!(found, [(EntryKind::Link, "web/link.yaml"), (EntryKind::File, "web/real.yaml")]);
}

#[test]
fn finds_the_repository_root_from_a_subfolder() {
    let dir = repository();
    let root = fs::canonicalize(dir.path()).unwrap();
    assert_eq!(super::root(&dir.path().join("web")).unwrap(), root);
    assert_eq!(repository_above(&dir.path().join("web")), Some(root));
}
