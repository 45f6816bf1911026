//! What can be opened of a folder, and that nothing else is.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::super::found::have_moved;
use super::*;

fn folder() -> (tempfile::TempDir, File) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in/file"), "text").unwrap();
    fs::write(folder.path().join("outside"), "secret").unwrap();
    let inside = File::open(folder.path().join("in")).unwrap();
    (folder, inside)
}

fn text(opened: Result<Opened, NotOpened>) -> String {
    let Opened::File(mut file) = opened.unwrap() else {
        panic!("a folder")
    };
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn regular_files_and_folders_are_opened_through_links_that_stay_inside() {
    let (folder, inside) = folder();
    symlink("file", folder.path().join("in/link")).unwrap();
    assert_eq!(text(open_below(&inside, "file", false)), "text");
    assert_eq!(text(open_below(&inside, "link", true)), "text");
    let link = open_below(&inside, "link", false);
    assert!(matches!(link, Err(NotOpened::Io(_))), "{link:?}");
    assert!(matches!(
        open_below(&inside, ".", true),
        Ok(Opened::Folder(_))
    ));
    let missing = open_below(&inside, "none", true);
    assert!(
        matches!(missing, Err(NotOpened::Io(error)) if error.kind() == io::ErrorKind::NotFound)
    );
}

#[test]
fn g35_a_fifo_a_socket_and_a_device_are_not_opened_and_not_waited_for() {
    let (folder, inside) = folder();
    let path = |name: &str| folder.path().join("in").join(name);
    let made = std::process::Command::new("mkfifo")
        .arg(path("fifo"))
        .status();
    assert!(made.unwrap().success());
    let _listener = UnixListener::bind(path("socket")).unwrap();
    for name in ["fifo", "socket"] {
        let refused = open_below(&inside, name, true);
        assert!(
            matches!(refused, Err(NotOpened::Special)),
            "{name}: {refused:?}"
        );
        let refused = open_named(&path(name));
        assert!(
            matches!(refused, Err(NotOpened::Special)),
            "{name}: {refused:?}"
        );
    }
    let devices = File::open("/dev").unwrap();
    for name in ["null", "zero"] {
        let refused = open_below(&devices, name, true);
        assert!(
            matches!(refused, Err(NotOpened::Special)),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn g36_no_way_leads_out_of_the_folder() {
    let (folder, inside) = folder();
    symlink("../outside", folder.path().join("in/up")).unwrap();
    symlink(
        folder.path().join("outside"),
        folder.path().join("in/absolute"),
    )
    .unwrap();
    for path in [
        "../outside",
        "up",
        "absolute",
        "/etc/passwd",
        "x/../../outside",
    ] {
        let refused = open_below(&inside, path, true);
        let harmless = match &refused {
            Err(NotOpened::Escapes) => true,
            Err(NotOpened::Io(error)) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        };
        assert!(harmless, "{path}: {refused:?}");
    }
    let outside = folder.path().join("outside").canonicalize().unwrap();
    let inside = folder.path().join("in");
    let inside = inside.to_str().unwrap();
    let files = Files::default();
    assert_eq!(files.target(inside, "up"), outside);
    assert_eq!(files.target("/a/b", "../c/./d"), Path::new("/a/c/d"));
}

#[test]
fn single_files_share_their_folder_and_give_nothing_else_of_it() {
    let (folder, _) = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("other"), "other").unwrap();
    let files = Files::open(&[path("outside"), path("other"), path("in")]).unwrap();
    let all: Vec<&Preopen> = files.all().collect();
    assert_eq!(all.len(), 2);
    let only: Vec<&String> = all[1].only.as_ref().unwrap().keys().collect();
    assert_eq!(only, ["other", "outside"]);
    assert!(open_below(&all[1].dir.dir, "other", true).is_err());
    assert!(files.of(&all[1].dir).is_some());
    assert_eq!(text(open_named(&path("other"))), "other");
    // A granted folder covers its files.
    let files = Files::open(&[path("in/file"), path("in")]).unwrap();
    assert_eq!(files.all().count(), 1);
    assert!(files.all().next().unwrap().only.is_none());
}

#[test]
fn what_lies_elsewhere_than_it_was_opened_has_moved() {
    let (folder, _) = folder();
    let path = |name: &str| folder.path().join(name);
    let granted = [path("in"), path("outside"), path("later")];
    let open = || Files::open(&granted).unwrap();
    let opened = open();
    let nowhere = opened.all().last().unwrap();
    assert_eq!(Path::new(&nowhere.path), path("later"));
    assert!(open_below(&nowhere.dir.dir, ".", true).is_err());
    let moved = |opened: &Files| have_moved(&granted, opened).unwrap();
    assert!(!moved(&opened));
    // A single file is opened by its path, whichever it is.
    fs::write(path("other"), "other").unwrap();
    fs::rename(path("other"), path("outside")).unwrap();
    assert!(!moved(&opened));
    fs::remove_file(path("outside")).unwrap();
    assert!(!moved(&opened));
    fs::create_dir(path("later")).unwrap();
    assert!(moved(&opened));
    let opened = open();
    assert!(!moved(&opened));
    fs::rename(path("in"), path("out")).unwrap();
    assert!(moved(&opened));
    fs::remove_dir(path("later")).unwrap();
    let left = have_moved(&granted, &opened).unwrap_err();
    assert_eq!(left.code, "unavailable");
    // What the kernel makes up stays the same folder while it is open.
    let made_up = ["/dev/fd".into()];
    let opened = Files::open(&made_up).unwrap();
    assert!(!have_moved(&made_up, &opened).unwrap());
}

#[test]
fn what_is_not_there_is_not_applicable_and_a_device_cannot_be_granted() {
    let code = |path: &str| Files::open(&[path.into()]).err().unwrap().code;
    assert_eq!(code("/nowhere/at/all"), "not-applicable");
    assert_eq!(code("/dev/null"), "grant");
}
