//! Refs as git writes them, and as it never would.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::Settings;
use probity_sdk::config;
use probity_sdk::testing::{Folder, Host};
use proptest::prelude::*;

const OBJECT: &str = "0123456789012345678901234567890123456789";

fn repository(keys: &str) -> Repository {
    let json = format!(r#"{{"repositories":[{{"name":"a","path":"/a"{keys}}}]}}"#);
    let mut settings: Settings = config::parse(&json).unwrap();
    settings.repositories.0.remove(0)
}

fn gather(folder: &Folder, keys: &str, mut budget: Budget) -> Result<Refs, Unseen> {
    let place = Place {
        git: folder.path(""),
        common: folder.path(""),
    };
    let repository = repository(keys);
    let mut host = Host::new().grant_read(folder.path(""));
    host.inside(|| Refs::gather(&place, &repository, Some("refs/heads/asked"), &mut budget))
}

fn names(refs: &Refs) -> Vec<(&str, bool)> {
    refs.branches
        .iter()
        .map(|(name, has_file)| (name.as_str(), *has_file))
        .collect()
}

fn folder() -> Folder {
    let folder = Folder::new();
    let packed = format!(
        "# pack-refs with: peeled fully-peeled sorted \n{OBJECT} refs/heads/asked\n{OBJECT} refs/heads/both\n\
         {OBJECT} refs/remotes/origin/far\n{OBJECT} refs/tags/v1\n^{OBJECT}\n"
    );
    folder
        .write("packed-refs", packed)
        .write("refs/heads/both", OBJECT)
        .write("refs/heads/feature/x/y", OBJECT)
        .write("refs/heads/main", OBJECT)
        .write("refs/heads/main.lock", "")
        .write("refs/heads/.hidden", "");
    folder
}

#[test]
fn branches_are_gathered_from_files_and_the_packed_ones() {
    let refs = gather(&folder(), r#","require":["main","gone"]"#, Budget::new()).unwrap();
    let all = [
        ("asked", false),
        ("both", true),
        ("feature/x/y", true),
        ("main", true),
    ];
    assert_eq!(names(&refs), all);
    assert_eq!(refs.required, [true, false]);
    assert!(refs.is_packed && refs.packed_at.is_some());
    assert_eq!(refs.locks, ["refs/heads/main.lock"]);
    assert_eq!(refs.broken, (1, Some("refs/heads/.hidden".to_owned())));
}

#[test]
fn patterns_and_another_beginning_choose_among_them() {
    let keys = r#","branches":["f*","ma?n"],"require":["both"]"#;
    let refs = gather(&folder(), keys, Budget::new()).unwrap();
    assert_eq!(names(&refs), [("feature/x/y", true), ("main", true)]);
    assert_eq!(refs.required, [true], "whether or not it matches");
    let refs = gather(&folder(), r#","refs":"refs/remotes/origin""#, Budget::new()).unwrap();
    assert_eq!(names(&refs), [("far", false)]);
    let refs = gather(&Folder::new(), "", Budget::new()).unwrap();
    assert!(refs.branches.is_empty() && refs.packed_at.is_none());
}

#[test]
fn damaged_lines_are_counted() {
    let folder = Folder::new();
    let packed = format!(
        "x\n{OBJECT}\n{OBJECT} refs/heads/../../x\n0 refs/heads/a\n{OBJECT} refs/heads/good\n{OBJECT} refs/heads/\u{1}\n"
    );
    folder.write("packed-refs", packed);
    let refs = gather(&folder, "", Budget::new()).unwrap();
    assert_eq!(names(&refs), [("good", false)]);
    assert_eq!(refs.broken, (5, Some("x".to_owned())));
}

#[test]
fn what_is_too_much_is_not_measured() {
    let too_much = |folder: &Folder, budget| match gather(folder, "", budget) {
        Err(Unseen::TooMuch(message)) => message,
        other => panic!("{other:?}"),
    };
    let budget = Budget {
        names: 3,
        ..Budget::new()
    };
    assert!(too_much(&folder(), budget).contains("has too many names"));
    let budget = Budget {
        bytes: 100_000,
        ..Budget::new()
    };
    let large = Folder::new();
    large.write(
        "packed-refs",
        format!("{OBJECT} refs/tags/v1\n").repeat(10_000),
    );
    assert!(too_much(&large, budget).contains("is too large to be read"));
    let many: String = (0..50_000)
        .map(|number| format!("{OBJECT} refs/heads/{}{number}\n", "long/".repeat(20)))
        .collect();
    large.write("packed-refs", many);
    assert!(too_much(&large, Budget::new()).contains("narrow `branches`"));
    large.write("packed-refs", vec![b'x'; 100_000]);
    assert!(matches!(
        gather(&large, "", Budget::new()),
        Err(Unseen::Broken(_))
    ));
}

#[test]
fn a_large_repository_leaves_the_others_half() {
    let mut budget = Budget::new();
    let part = budget.take_part(2);
    assert_eq!((part.names, part.bytes), (2000, PACKED_BYTES / 2));
    // It was used up.
    budget.give_back(Budget { names: 0, bytes: 0 });
    let part = budget.take_part(1);
    assert_eq!(part.names, 1000);
    // It was not needed.
    budget.give_back(part);
    assert_eq!(budget.take_part(0).names, 2000);
    assert_eq!(budget, Budget { names: 0, bytes: 0 });
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), near in "[0-9a]{38,41} refs/[a-z./]{0,20}") {
        let repository = repository("");
        let mut refs = Refs::default();
        refs.packed_line(&bytes, &repository, None);
        refs.packed_line(near.as_bytes(), &repository, None);
    }
}
