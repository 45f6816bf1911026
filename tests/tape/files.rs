//! Files that are there on recording and gone on replay.

use std::fs;
use std::os::unix::fs::symlink;

use crate::scene::{REACH, reach_again, reach_otherwise, record, replay, section, try_load};
use probity::probe::Tape;

/// A folder `in` with a file, a link out of it and a FIFO, and a file beside it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("in");
    fs::create_dir_all(inside.join("deep/er")).unwrap();
    fs::write(inside.join("file"), "text").unwrap();
    fs::write(inside.join("deep/er/file"), [0xff, 0x00]).unwrap();
    fs::write(folder.path().join("outside"), "secret").unwrap();
    symlink("../outside", inside.join("link")).unwrap();
    symlink("file", inside.join("near")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(inside.join("fifo"))
        .status();
    assert!(made.unwrap().success());
    folder
}

#[tokio::test]
async fn what_was_found_is_found_again_when_the_folder_is_gone() {
    for (verb, to, wanted) in [
        ("read", "in/file", "ok: text"),
        ("read", "in/near", "ok: text"),
        ("read", "in/deep/../file", "ok: text"),
        ("read", "in/deep/er/file", "ok: \u{fffd}\\u{0}"),
        ("stat", "in/file", "ok: DescriptorType::RegularFile of 4"),
        ("stat", "in/none", "error: no-entry"),
        ("list", "", "ok: deep fifo file link near"),
        ("read", "in/none", "error: no-entry"),
        ("read", "in/link", "error: not-permitted"),
        ("read", "in/fifo", "error: not-permitted"),
        ("read", "in/../outside", "error: not-permitted"),
        ("write", "in/file", "error: not-permitted"),
        ("write", "in/new/", "error: not-permitted"),
        ("read", "outside", "error: nothing granted leads there"),
    ] {
        let folder = folder();
        let root = folder.path().canonicalize().unwrap();
        let path = |name: &str| root.join(name).display().to_string();
        let granted = format!("read = [\"{}\"]", path("in"));
        let gone = || fs::remove_dir_all(&root).unwrap();
        let (said, text) = reach_again(&granted, &[("do", verb), ("to", &path(to))], gone).await;
        assert_eq!(said, wanted, "{verb} {to}");
        assert!(!text.contains("secret\""), "{text}");
    }
}

#[tokio::test]
async fn a_single_file_is_found_again_and_nothing_else_of_its_folder() {
    for (verb, to, wanted) in [
        ("read", "in/near", "ok: text"),
        ("stat", "in/near", "ok: DescriptorType::RegularFile of 4"),
        ("read", "in/file", "error: not-permitted"),
        ("stat", "in/file", "error: not-permitted"),
        ("write", "in/other", "error: not-permitted"),
        ("list", "", "error: not-directory"),
    ] {
        let folder = folder();
        let root = folder.path().canonicalize().unwrap();
        let path = |name: &str| root.join(name).display().to_string();
        let granted = format!("read = [\"{}\"]", path("in/near"));
        let gone = || fs::remove_dir_all(&root).unwrap();
        let (said, _) = reach_again(&granted, &[("do", verb), ("to", &path(to))], gone).await;
        assert_eq!(said, wanted, "{verb} {to}");
    }
}

#[tokio::test]
async fn files_are_as_they_were_in_each_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    let (granted, to) = (
        format!("read = [\"{}\"]", folder.path().display()),
        file.display().to_string(),
    );
    let section = section("reach", &granted, &[("do", "read"), ("to", &to)]);
    let tape = Tape::recording(None);
    let mut probe = try_load(&tape, REACH.as_ref(), &section).unwrap();
    for value in ["one", "two"] {
        fs::write(&file, value).unwrap();
        crate::scene::run(&tape, &mut probe, 1).await;
    }
    fs::write(&file, "three").unwrap();
    let replayed = replay(REACH, &tape.recorded().unwrap()).await;
    assert_eq!(replayed.said(), ["ok: one", "ok: two"]);
    replayed.assert_same();
}

#[tokio::test]
async fn folders_that_come_go_and_take_each_others_place_do_so_again() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let put = |value: &str| {
        fs::create_dir(path("spool")).unwrap();
        fs::write(path("spool/value"), value).unwrap();
    };
    fs::create_dir(path("stays")).unwrap();
    for (stays, missing) in [("stays", "error: no-entry"), ("none", "does not exist")] {
        put("one");
        let granted = format!("read = [{:?}, {:?}]", path("spool"), path(stays));
        let to = path("spool/value").display().to_string();
        let section = section("reach", &granted, &[("do", "read"), ("to", &to)]);
        let tape = Tape::recording(None);
        let mut probe = try_load(&tape, REACH.as_ref(), &section).unwrap();
        let mut said = crate::scene::run(&tape, &mut probe, 1).await.said();
        fs::rename(path("spool"), path("old")).unwrap();
        put("two");
        said.extend(crate::scene::run(&tape, &mut probe, 2).await.said());
        fs::remove_dir_all(path("spool")).unwrap();
        said.extend(crate::scene::run(&tape, &mut probe, 1).await.said());
        assert_eq!(said[..3], ["ok: one", "ok: two", "ok: two"]);
        assert!(said[3].contains(missing), "{said:?}");
        fs::remove_dir_all(path("old")).unwrap();
        let replayed = replay(REACH, &tape.recorded().unwrap()).await;
        assert_eq!(replayed.said(), said);
        replayed.assert_same();
    }
}

#[tokio::test]
async fn a_probe_that_asks_otherwise_is_answered_as_far_as_the_tape_knows() {
    let folder = folder();
    let root = folder.path().canonicalize().unwrap();
    let path = |name: &str| root.join(name).display().to_string();
    let granted = format!("read = [\"{}\"]", path("in"));
    let file = path("in/file");
    let (_, text) = record(
        REACH,
        &section("reach", &granted, &[("do", "read"), ("to", &file)]),
        1,
    )
    .await;
    fs::remove_dir_all(&root).unwrap();
    let runs = reach_otherwise(&text, &[("do", "stat")]).await;
    assert_eq!(runs.said(), ["ok: DescriptorType::RegularFile of 4"]);
    let other = path("in/other");
    let runs = reach_otherwise(&text, &[("to", &other)]).await;
    assert_eq!(runs.codes(), ["tape.missing"]);
    assert_eq!(runs.said(), [format!("not on the tape: open {other}")]);
    let runs = reach_otherwise(&text, &[("do", "list")]).await;
    assert_eq!(
        runs.said(),
        [format!("not on the tape: list {}", path("in"))]
    );
    // What is not granted is refused as ever.
    let outside = path("outside");
    let runs = reach_otherwise(&text, &[("to", &outside)]).await;
    assert_eq!(runs.said(), ["error: nothing granted leads there"]);
}

#[tokio::test]
async fn a_grant_of_nothing_is_not_applicable_again() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    let granted = format!("read = [\"{}\"]", gone.display());
    let (said, _) = reach_again(&granted, &[("do", "list")], || {
        fs::create_dir(&gone).unwrap()
    })
    .await;
    assert!(said.contains("does not exist"), "{said}");
}

#[tokio::test]
async fn what_the_kernel_makes_up_is_recorded_as_it_was_read() {
    let (said, text) = reach_again(
        "read = [\"/proc/self\"]",
        &[("do", "read"), ("to", "/proc/self/stat")],
        || {},
    )
    .await;
    assert!(said.starts_with("ok: ") && said.len() > 50, "{said}");
    assert!(
        text.contains("\"kind\": \"file\"") && !text.contains("\"size\""),
        "{text}"
    );
}

#[tokio::test]
async fn a_file_that_is_too_large_for_a_tape_fails_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    let sized = |size| fs::File::create(&file).unwrap().set_len(size).unwrap();
    let granted = format!("read = [\"{}\"]", folder.path().display());
    let to = file.display().to_string();
    let section = section("reach", &granted, &[("do", "read"), ("to", &to)]);
    let tape = Tape::recording(None);
    let mut probe = try_load(&tape, REACH.as_ref(), &section).unwrap();
    sized(1);
    let well = crate::scene::run(&tape, &mut probe, 1).await;
    assert_eq!(well.codes(), ["other"]);
    assert!(tape.recorded().unwrap().len() < 10_000);
    sized(40 << 20);
    let runs = crate::scene::run(&tape, &mut probe, 1).await;
    assert_eq!(runs.codes(), ["tape.unrecordable"]);
    let said = &runs.said()[0];
    assert!(said.contains(&to) && said.contains("32MiB"), "{said}");
    // However the runs after it went: the recording is not whole.
    sized(1);
    let after = crate::scene::run(&tape, &mut probe, 1).await;
    assert_eq!(after.codes(), ["other"]);
    let refused = tape.recorded().unwrap_err().to_string();
    assert_eq!(refused, format!("run 2: {said}"));
}
