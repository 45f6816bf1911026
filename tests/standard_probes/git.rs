//! Git repositories that git itself makes, moves and leaves in the middle of a merge, and some that nobody should make.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::until::often;

/// Runs git in a folder, with nothing of this machine's configuration.
fn git(folder: &Path, arguments: &[&str]) -> bool {
    let status = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "init.defaultBranch=main", "-c", "gc.auto=0"])
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", folder)
        .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b.c")])
        .envs([
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@b.c"),
        ])
        .envs([
            ("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z"),
            ("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.expect("git is installed").success()
}

fn commit(folder: &Path, content: &str) {
    fs::write(folder.join("file"), content).unwrap();
    assert!(git(folder, &["add", "file"]));
    assert!(git(folder, &["commit", "-m", content]));
}

/// A repository with a few branches, a linked working tree and a bare clone.
fn repositories() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    fs::create_dir(&app).unwrap();
    assert!(git(&app, &["init"]));
    commit(&app, "one");
    for branch in ["feature/a", "feature/b", "release/1.0"] {
        assert!(git(&app, &["branch", branch]));
    }
    assert!(git(&app, &["pack-refs", "--all"]));
    assert!(git(&app, &["worktree", "add", "-b", "linked", "../linked"]));
    assert!(git(folder.path(), &["clone", "--bare", "app", "bare.git"]));
    folder
}

fn section(folder: &tempfile::TempDir, repositories: &str) -> String {
    let folder = folder.path().to_str().unwrap();
    let repositories = repositories.replace("FOLDER", folder);
    format!("grant.read = [\"{folder}\"]\nconfig.repositories = [{repositories}]")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_repository_is_seen() {
    let folder = repositories();
    let watching = often(
        "git",
        &section(
            &folder,
            r#"{ name = "app", path = "FOLDER/app", branches = ["feature/*", "main"], require = ["release/1.0"] },
               { name = "linked", path = "FOLDER/linked", head = "linked" },
               { name = "bare", path = "FOLDER/bare.git", newest_max_age = { warn = "1d" } }"#,
        ),
    )
    .await;
    watching
        .until_value(r#"git_branches{repository="app"}"#, |count| count == 3.0)
        .await;
    watching
        .until_value(r#"git_branches{repository="linked"}"#, |count| count == 5.0)
        .await;
    // The reflog has the committer's time, which is that of the move.
    let age = r#"git_branch_age_seconds{repository="app",branch="main"}"#;
    watching.until_value(age, |age| age > 1e8).await;
    watching
        .until_value(r#"git_branches_stale{repository="app"}"#, |count| {
            count == 3.0
        })
        .await;
    watching
        .until_value(
            r#"git_head_info{repository="linked",branch="linked"}"#,
            |one| one == 1.0,
        )
        .await;
    watching
        .until_check("linked", "pass", "HEAD is on linked")
        .await;
    watching
        .until_check("bare", "warn", "when the newest moved is not known")
        .await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_git_leaves_behind_is_seen() {
    let folder = repositories();
    let app = folder.path().join("app");
    let one = r#"{ name = "app", path = "FOLDER/app", branches = ["feature/*", "main"], require = ["release/1.0"] }"#;
    let watching = often("git", &section(&folder, one)).await;
    watching.until_check("app", "pass", "HEAD is on main").await;
    assert!(git(&app, &["branch", "-D", "release/1.0"]));
    watching
        .until_check("app", "fail", "required and not there: release/1.0")
        .await;
    assert!(git(&app, &["checkout", "-b", "feature/c"]));
    commit(&app, "two");
    assert!(git(&app, &["checkout", "main"]));
    commit(&app, "three");
    assert!(!git(&app, &["merge", "feature/c"]), "both changed the file");
    let merging = r#"git_operation{repository="app",git_operation="merge"}"#;
    watching.until_value(merging, |active| active == 1.0).await;
    watching.until_check("app", "fail", "merge under way").await;
    assert!(git(&app, &["merge", "--abort"]));
    assert!(!git(&app, &["rebase", "feature/c"]));
    let rebasing = r#"git_operation{repository="app",git_operation="rebase"}"#;
    watching.until_value(rebasing, |active| active == 1.0).await;
    assert!(git(&app, &["rebase", "--abort"]));
    assert!(git(&app, &["checkout", "--detach"]));
    watching
        .until_value(r#"git_head_info{repository="app",branch="HEAD"}"#, |one| {
            one == 1.0
        })
        .await;
    watching
        .until_value(r#"git_branches{repository="app"}"#, |count| count == 4.0)
        .await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_repositories_end_in_words() {
    let folder = repositories();
    let path = folder.path();
    let object = "0123456789012345678901234567890123456789";
    let repository = |name: &str, head: &str| {
        let refs = path.join(name).join("refs/heads");
        fs::create_dir_all(&refs).unwrap();
        fs::write(path.join(name).join("HEAD"), head).unwrap();
        refs
    };
    let refs = repository("circle", "ref: refs/heads/a");
    fs::write(refs.join("a"), "ref: refs/heads/b").unwrap();
    fs::write(refs.join("b"), "ref: refs/heads/a").unwrap();
    repository("escape", "ref: refs/heads/../../../../../etc/passwd");
    let refs = repository("links", "ref: refs/heads/main");
    fs::write(refs.join("main"), object).unwrap();
    for (name, to) in [
        ("itself", "itself"),
        ("up", ".."),
        ("outside", "/etc/passwd"),
    ] {
        std::os::unix::fs::symlink(to, refs.join(name)).unwrap();
    }
    repository("large", "ref: refs/heads/main");
    let line = format!("{object} refs/tags/a-tag-with-a-long-name\n");
    fs::write(path.join("large/packed-refs"), line.repeat(700_000)).unwrap();
    repository("line", "ref: refs/heads/main");
    fs::write(path.join("line/packed-refs"), vec![b'x'; 1 << 20]).unwrap();
    let refs = repository("many", "ref: refs/heads/main");
    for number in 0..4500 {
        fs::write(refs.join(format!("b{number}")), object).unwrap();
    }
    let names = ["circle", "escape", "links", "line", "many", "large", "app"];
    let all = names.map(|name| format!(r#"{{ name = "{name}", path = "FOLDER/{name}" }}"#));
    let watching = often("git", &section(&folder, &all.join(","))).await;
    for (name, status, words) in [
        ("circle", "fail", "points from ref to ref without an end"),
        ("escape", "fail", "holds neither an object's name nor a ref"),
        ("links", "warn", "damaged refs 3"),
        ("line", "fail", "has a line of over 32 KiB"),
        ("many", "warn", "too many names to be read in this run"),
        ("large", "warn", "is too large to be read in this run"),
    ] {
        watching.until_check(name, status, words).await;
    }
    watching.stop().await;
}
