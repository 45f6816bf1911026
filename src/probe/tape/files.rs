//! What a guest finds in its granted folders: kinds, sizes, times, names and contents, by the path that it asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::blob::{Blob, Moment};
use super::document::RunTape;
use super::{Deck, Role};
use crate::probe::grants::is_file_error;

/// One question about a path and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::probe) struct FileAnswer {
    pub(in crate::probe) ask: FileQuestion,
    /// As the guest asked for it, from its granted folder's path on, without `.` and `..`.
    pub(in crate::probe) path: String,
    /// The guest asked for a link itself, not for what it leads to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::probe) link_itself: bool,
    /// The name of WASI's error, or a failure's code and message where a grant itself could not be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) error: Option<String>,
    /// Where the path led that leads out of its folder, or a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) leads_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) stat: Option<FileStat>,
    /// Of a file that was opened, at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) content: Option<Blob>,
    /// Of a folder that was listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) names: Option<BTreeMap<String, FileKind>>,
}

/// What can be asked of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::probe) enum FileQuestion {
    /// What a grant names.
    Grant,
    Open,
    Stat,
    List,
    /// Where a link leads.
    Link,
}

/// What something in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::probe) enum FileKind {
    File,
    Folder,
    Link,
    BlockDevice,
    CharacterDevice,
    Fifo,
    Socket,
    Unknown,
}

/// What a file system says of one file or folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::probe) struct FileStat {
    pub(in crate::probe) kind: FileKind,
    /// In bytes. What the system makes up on the spot, such as /proc, says 0 of files with content.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub(in crate::probe) size: u64,
    /// Which file it is: 32 hexadecimal digits; two paths with the same ones lead to one file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::probe) identity: String,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(in crate::probe) links: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) modified: Option<Moment>,
    /// Nothing: when it was modified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) accessed: Option<Moment>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) changed: Option<Moment>,
}

fn one() -> u64 {
    1
}

fn is_nought(number: &u64) -> bool {
    *number == 0
}

fn is_one(number: &u64) -> bool {
    *number == 1
}

impl FileStat {
    /// Of a folder of which nothing is known but that it is one.
    fn folder() -> Self {
        Self::of_kind(FileKind::Folder)
    }

    /// Of something of which nothing is known but what it is.
    pub(in crate::probe) fn of_kind(kind: FileKind) -> Self {
        Self {
            kind,
            size: 0,
            identity: String::new(),
            links: 1,
            modified: None,
            accessed: None,
            changed: None,
        }
    }
}

impl FileAnswer {
    pub(in crate::probe) fn to(ask: FileQuestion, path: &str) -> Self {
        Self {
            ask,
            path: path.to_owned(),
            link_itself: false,
            error: None,
            leads_to: None,
            stat: None,
            content: None,
            names: None,
        }
    }

    /// What is wrong in it, where somebody has edited it.
    pub(super) fn fault(&self) -> Option<String> {
        let has = match self.ask {
            FileQuestion::Grant | FileQuestion::Stat => self.stat.is_some(),
            FileQuestion::Open => match &self.stat {
                Some(stat) if stat.kind == FileKind::File => self.content.is_some(),
                Some(_) => true,
                None => false,
            },
            FileQuestion::List => self.names.is_some(),
            FileQuestion::Link => self.leads_to.is_some(),
        };
        let (ask, path) = (self.ask, &self.path);
        match &self.error {
            None if !has => Some(format!(
                "{ask:?} of {path} has neither an answer nor an error"
            )),
            // A grant fails with a code and a message.
            Some(error) if ask != FileQuestion::Grant && !is_file_error(error) => {
                Some(format!("`{error}` is no error code of wasi:filesystem"))
            }
            _ => None,
        }
    }

    fn bytes(&self) -> usize {
        let content = self.content.as_ref().map_or(0, |content| content.0.len());
        let names = self.names.as_ref();
        let names: usize = names.map_or(0, |names| names.keys().map(|name| name.len() + 8).sum());
        self.path.len() + 128 + content + names
    }

    fn error_of(ask: FileQuestion, path: &str, error: &str) -> Self {
        Self {
            error: Some(error.to_owned()),
            ..Self::to(ask, path)
        }
    }

    fn stat_of(ask: FileQuestion, path: &str, stat: FileStat) -> Self {
        Self {
            stat: Some(stat),
            ..Self::to(ask, path)
        }
    }
}

impl Deck {
    /// Puts an answer onto the tape.
    pub(in crate::probe) fn record_file(&self, answer: &FileAnswer) {
        if self.role == Role::Recording {
            self.record(answer.bytes(), &answer.path, |run| {
                run.files.push(answer.clone())
            });
        }
    }

    /// What the tape answers, as it is or as it follows from its other answers; a miss of the tape is an answer without
    /// anything.
    pub(in crate::probe) fn file(
        &self,
        ask: FileQuestion,
        path: &str,
        link_itself: bool,
    ) -> FileAnswer {
        let found = self.with_run(|run| {
            let is_it = |one: &FileAnswer| {
                one.ask == ask && one.path == path && one.link_itself == link_itself
            };
            let given = run.files.next_or_last(is_it).cloned();
            given.or_else(|| follows(run, ask, path, link_itself))
        });
        let earlier = |ask| self.earlier(ask, path);
        let found = match ask {
            // An instance may be made in another run than it was on recording.
            FileQuestion::Grant => found.flatten().or_else(|| earlier(ask)),
            _ => found.flatten(),
        };
        found.unwrap_or_else(|| {
            let verb = match ask {
                FileQuestion::Grant => "grant",
                FileQuestion::Open => "open",
                FileQuestion::Stat => "look at",
                FileQuestion::List => "list",
                FileQuestion::Link => "read the link",
            };
            self.miss(&format!("{verb} {path}"));
            FileAnswer::to(ask, path)
        })
    }

    /// Whether an instance was made in this run on recording, which opened what is granted.
    pub(in crate::probe) fn opens_granted(&self) -> bool {
        let asked = |run: &mut RunTape| run.files.all().any(|one| one.ask == FileQuestion::Grant);
        self.with_run(asked).unwrap_or(false)
    }

    /// The last stat of a path that was given in this run, or the next one.
    pub(in crate::probe) fn known_stat(&self, path: &str, link_itself: bool) -> Option<FileStat> {
        let last = |run: &mut RunTape| {
            let is_it = |one: &&FileAnswer| {
                one.ask == FileQuestion::Stat && one.path == path && one.link_itself == link_itself
            };
            run.files.all().rev().find(is_it)?.stat.clone()
        };
        self.with_run(last).flatten()
    }

    /// The answer of another run.
    fn earlier(&self, ask: FileQuestion, path: &str) -> Option<FileAnswer> {
        let is_it = |one: &&FileAnswer| one.ask == ask && one.path == path;
        self.with_document(|document| {
            let mut runs = document.runs.iter();
            runs.find_map(|run| run.files.all().find(is_it).cloned())
        })
    }
}

/// What other answers of the run say: of an open file's stat, of a folder by what is below it, of a name that is not
/// listed.
fn follows(run: &RunTape, ask: FileQuestion, path: &str, link_itself: bool) -> Option<FileAnswer> {
    if !matches!(ask, FileQuestion::Open | FileQuestion::Stat) {
        return None;
    }
    let of_path = |one: &&FileAnswer| one.path == path && one.ask != FileQuestion::Link;
    let known = run.files.all().rev().filter(of_path).find_map(|one| {
        if let Some(error) = &one.error {
            return Some(FileAnswer::error_of(ask, path, error));
        }
        let stat = one.stat.clone().filter(|stat| {
            let same = one.link_itself == link_itself || stat.kind != FileKind::Link;
            let opened = ask == FileQuestion::Stat || stat.kind == FileKind::Folder;
            same && opened
        });
        Some(FileAnswer::stat_of(ask, path, stat?))
    });
    let inside = format!("{}/", path.trim_end_matches('/'));
    let is_folder = |one: &FileAnswer| {
        one.path.starts_with(&inside) || (one.path == path && one.names.is_some())
    };
    known
        .or_else(|| {
            let folder = run.files.all().any(is_folder);
            folder.then(|| FileAnswer::stat_of(ask, path, FileStat::folder()))
        })
        .or_else(|| {
            let (parent, name) = path.rsplit_once('/')?;
            let lists = |one: &&FileAnswer| one.path == parent && one.names.is_some();
            let names = run.files.all().rev().find(lists)?.names.as_ref()?;
            let absent = !names.contains_key(name);
            absent.then(|| FileAnswer::error_of(ask, path, "no-entry"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(kind: FileKind) -> FileStat {
        FileStat {
            kind,
            ..FileStat::folder()
        }
    }

    #[test]
    fn what_other_answers_say_is_not_missed() {
        let mut run = RunTape::nothing();
        let open = FileAnswer {
            stat: Some(stat(FileKind::File)),
            content: Some(Blob::default()),
            ..FileAnswer::to(FileQuestion::Open, "/a/b/file")
        };
        let list = FileAnswer {
            names: Some([("one".to_owned(), FileKind::File)].into()),
            ..FileAnswer::to(FileQuestion::List, "/a/list")
        };
        let missing = FileAnswer::error_of(FileQuestion::Stat, "/a/none", "no-entry");
        for answer in [open, list, missing] {
            run.files.push(answer);
        }
        let kind = |ask, path| {
            let answer = follows(&run, ask, path, false)?;
            Some(answer.stat.map(|stat| stat.kind))
        };
        use FileQuestion::{Open, Stat};
        assert_eq!(kind(Stat, "/a/b/file"), Some(Some(FileKind::File)));
        assert_eq!(kind(Open, "/a/b"), Some(Some(FileKind::Folder)));
        assert_eq!(kind(Open, "/a/list"), Some(Some(FileKind::Folder)));
        assert_eq!(kind(Open, "/a/none"), Some(None));
        assert_eq!(kind(Stat, "/a/list/two"), Some(None));
        for path in ["/a/list/one", "/b", "/a/b/fil"] {
            assert_eq!(kind(Open, path), None, "{path}");
        }
    }
}
