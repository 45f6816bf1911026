//! HEAD, and refs that point to refs.

use probity_sdk::files::{self, FileError, Refused};

use crate::Place;
use crate::names::{is_object, is_ref};

/// As far as git itself follows refs that point to refs.
const MAX_DEPTH: usize = 5;
/// No ref's file is longer.
const MAX_BYTES: usize = 4096;

/// What a ref's file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An object.
    Object,
    /// Another ref, by its full name.
    Ref(String),
}

/// Where HEAD is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The ref that it points to; nothing when it is detached.
    pub points_to: Option<String>,
    /// The ref at the end of all pointing, which has no file of its own and may be packed; nothing when there is a file.
    pub unresolved: Option<String>,
}

impl Head {
    /// Reads it and follows it to the end.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(place: &Place) -> Result<Self, String> {
        let first = match target(&place.own("HEAD"))? {
            None => return Err(format!("{} has gone", place.own("HEAD"))),
            Some(Target::Object) => {
                return Ok(Self {
                    points_to: None,
                    unresolved: None,
                });
            }
            Some(Target::Ref(name)) => name,
        };
        let unresolved = follow(place, &first)?;
        Ok(Self {
            points_to: Some(first),
            unresolved,
        })
    }
}

/// Follows a ref to the end of all pointing; gives the name of the last one when it has no file.
///
/// # Errors
/// That there is no end, or what a file holds instead of a ref.
pub fn follow(place: &Place, name: &str) -> Result<Option<String>, String> {
    let mut current = name.to_owned();
    for _ in 0..MAX_DEPTH {
        match target(&place.shared(&current))? {
            None => return Ok(Some(current)),
            Some(Target::Object) => return Ok(None),
            Some(Target::Ref(next)) => current = next,
        }
    }
    Err(format!("{name} points from ref to ref without an end"))
}

/// What a ref's file holds; nothing when there is none.
///
/// # Errors
/// That it holds neither, or cannot be read.
pub fn target(path: &str) -> Result<Option<Target>, String> {
    let part = match files::beginning(path, MAX_BYTES) {
        Err(FileError {
            reason: Refused::Missing,
            ..
        }) => return Ok(None),
        // `a` where there is `a/b`, or the other way round: no ref of that name has a file.
        Err(FileError {
            reason: Refused::Because("a folder" | "not a folder"),
            ..
        }) => return Ok(None),
        part => part.map_err(|error| error.to_string())?,
    };
    let parsed = parse(&part.bytes).filter(|_| part.is_whole);
    match parsed {
        Some(target) => Ok(Some(target)),
        None => Err(format!("{path} holds neither an object's name nor a ref")),
    }
}

fn parse(bytes: &[u8]) -> Option<Target> {
    let text = core::str::from_utf8(bytes).ok()?.trim_end();
    match text.strip_prefix("ref:") {
        Some(name) => {
            let name = name.trim_start();
            is_ref(name).then(|| Target::Ref(name.to_owned()))
        }
        None => is_object(text.as_bytes()).then_some(Target::Object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_sdk::testing::{Folder, Host};
    use proptest::prelude::*;

    const OBJECT: &str = "0123456789012345678901234567890123456789\n";

    fn head(folder: &Folder) -> Result<Head, String> {
        let place = Place {
            git: folder.path(""),
            common: folder.path(""),
        };
        let mut host = Host::new().grant_read(folder.path(""));
        host.inside(|| Head::read(&place))
    }

    fn on(name: &str, unresolved: Option<&str>) -> Result<Head, String> {
        Ok(Head {
            points_to: Some(name.to_owned()),
            unresolved: unresolved.map(str::to_owned),
        })
    }

    #[test]
    fn a_branch_that_has_a_file_is_resolved_and_another_may_be_packed() {
        let folder = Folder::new();
        folder
            .write("HEAD", "ref: refs/heads/main\n")
            .write("refs/heads/main", OBJECT);
        assert_eq!(head(&folder), on("refs/heads/main", None));
        folder
            .write("HEAD", "ref:   refs/heads/a\n")
            .write("refs/heads/a/b", OBJECT);
        assert_eq!(head(&folder), on("refs/heads/a", Some("refs/heads/a")));
        folder.write("refs/heads/main", "ref: refs/heads/packed");
        folder.write("HEAD", "ref: refs/heads/main");
        assert_eq!(
            head(&folder),
            on("refs/heads/main", Some("refs/heads/packed"))
        );
        folder.write("HEAD", OBJECT);
        let detached = Head {
            points_to: None,
            unresolved: None,
        };
        assert_eq!(head(&folder), Ok(detached));
    }

    #[test]
    fn pointing_in_circles_ends() {
        let folder = Folder::new();
        folder
            .write("HEAD", "ref: refs/heads/a\n")
            .write("refs/heads/a", "ref: refs/heads/b\n")
            .write("refs/heads/b", "ref: refs/heads/a\n");
        let said = head(&folder).expect_err("it has no end");
        assert_eq!(said, "refs/heads/a points from ref to ref without an end");
    }

    #[test]
    fn what_is_no_ref_is_told() {
        let folder = Folder::new();
        for content in [
            "",
            "main",
            "ref: refs/heads/../../../../etc/passwd",
            "ref: /etc/passwd",
            "0123",
        ] {
            folder.write("HEAD", content);
            let said = head(&folder).expect_err(content);
            assert!(
                said.ends_with("HEAD holds neither an object's name nor a ref"),
                "{said}"
            );
        }
        folder.write("HEAD", "x".repeat(100_000));
        assert!(head(&folder).is_err());
    }

    proptest! {
        #[test]
        fn no_content_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            parse(&bytes);
        }
    }
}
