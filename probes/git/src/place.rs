//! Where a repository keeps what: its own folder, and the one that it shares with its other working trees.

use probity_sdk::files::{self, FileError, Refused};

use crate::names::resolve;

/// A path takes no more.
const MAX_LINK_BYTES: usize = 4096;

/// The folders of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What belongs to this working tree: HEAD, the index, a merge under way.
    pub git: String,
    /// What all working trees share: refs, reflogs of branches.
    pub common: String,
}

impl Place {
    /// Finds them from the path of a working tree, a linked working tree or a bare repository.
    ///
    /// # Errors
    /// What there is instead, in words.
    pub fn find(path: &str) -> Result<Self, String> {
        files::require(path).map_err(told)?;
        let inside = resolve(path, ".git");
        let git = match files::stat(&inside) {
            Ok(stat) if stat.is_file => {
                linked(path, &inside, "gitdir: ")?.ok_or_else(|| format!("{inside} has gone"))?
            }
            Ok(_) => inside,
            Err(FileError {
                reason: Refused::Missing,
                ..
            }) => path.to_owned(),
            Err(error) => return Err(told(error)),
        };
        files::require(&git).map_err(told)?;
        let common = linked(&git, &resolve(&git, "commondir"), "")?.unwrap_or_else(|| git.clone());
        files::require(&common).map_err(told)?;
        let place = Self { git, common };
        place.check(path)?;
        Ok(place)
    }

    fn check(&self, path: &str) -> Result<(), String> {
        let is_there = |path: String| match files::stat(&path) {
            Ok(_) => Ok(true),
            Err(FileError {
                reason: Refused::Missing,
                ..
            }) => Ok(false),
            Err(error) => Err(told(error)),
        };
        if !is_there(self.own("HEAD"))? || !is_there(self.shared("refs"))? {
            return Err(format!("{path} is no git repository"));
        }
        if is_there(self.shared("reftable"))? {
            return Err(format!(
                "{path} keeps its refs in reftables, which this probe does not read"
            ));
        }
        Ok(())
    }

    /// The path of what belongs to this working tree.
    pub fn own(&self, name: &str) -> String {
        format!("{}/{name}", self.git)
    }

    /// The path of what all working trees share.
    pub fn shared(&self, name: &str) -> String {
        format!("{}/{name}", self.common)
    }
}

/// The path that the file `link` holds behind `word`, seen from the folder `base`; nothing when there is no such file.
fn linked(base: &str, link: &str, word: &str) -> Result<Option<String>, String> {
    let part = match files::beginning(link, MAX_LINK_BYTES) {
        Err(FileError {
            reason: Refused::Missing,
            ..
        }) => return Ok(None),
        part => part.map_err(told)?,
    };
    let text = core::str::from_utf8(&part.bytes).ok();
    let path = text
        .and_then(|text| text.strip_prefix(word))
        .map(|path| path.trim_end_matches(['\n', '\r']))
        .filter(|path| part.is_whole && !path.is_empty() && !path.contains('\n'));
    match path {
        Some(path) => Ok(Some(resolve(base, path))),
        None => Err(format!("{link} must hold `{word}` and a path")),
    }
}

fn told(error: FileError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_sdk::testing::{Folder, Host};

    fn find(folder: &Folder, name: &str) -> Result<Place, String> {
        let path = folder.path(name);
        let mut host = Host::new().grant_read(folder.path(""));
        host.inside(|| Place::find(&path))
    }

    fn repository(folder: &Folder, git: &str) {
        folder
            .write(&format!("{git}/HEAD"), "ref: refs/heads/main\n")
            .write(&format!("{git}/refs/heads/main"), "");
    }

    #[test]
    fn each_kind_of_repository_is_found() {
        let folder = Folder::new();
        repository(&folder, "tree/.git");
        repository(&folder, "bare.git");
        repository(&folder, "super/.git/modules/sub");
        folder
            .write(
                "linked/.git",
                format!("gitdir: {}\n", folder.path("tree/.git/worktrees/linked")),
            )
            .write("tree/.git/worktrees/linked/HEAD", "ref: refs/heads/other\n")
            .write("tree/.git/worktrees/linked/commondir", "../..\n")
            .write("super/sub/.git", "gitdir: ../.git/modules/sub");
        for (path, git, common) in [
            ("tree", "tree/.git", "tree/.git"),
            ("tree/.git", "tree/.git", "tree/.git"),
            ("bare.git", "bare.git", "bare.git"),
            ("linked", "tree/.git/worktrees/linked", "tree/.git"),
            (
                "super/sub",
                "super/.git/modules/sub",
                "super/.git/modules/sub",
            ),
        ] {
            let place = Place {
                git: folder.path(git),
                common: folder.path(common),
            };
            assert_eq!(find(&folder, path), Ok(place), "{path}");
        }
    }

    #[test]
    fn what_is_none_is_told() {
        let folder = Folder::new();
        folder
            .write("plain/file", "")
            .write("itself/.git", "gitdir: .")
            .write("garbage/.git", [0xff, 0, 1])
            .write("long/.git", format!("gitdir: {}", "x".repeat(5000)))
            .write("outside/.git", "gitdir: /etc");
        repository(&folder, "tables");
        folder.write("tables/reftable/tables.list", "");
        for (path, ending) in [
            ("plain", "plain is no git repository"),
            ("nowhere", "nowhere is no git repository"),
            ("itself", "itself is no git repository"),
            ("garbage", "garbage/.git must hold `gitdir: ` and a path"),
            ("long", "long/.git must hold `gitdir: ` and a path"),
            (
                "outside",
                "/etc is not granted: add `grant = { read = [\"/etc\"] }` to this probe's section",
            ),
            (
                "tables",
                "keeps its refs in reftables, which this probe does not read",
            ),
        ] {
            let said = find(&folder, path).expect_err(path);
            assert!(said.ends_with(ending), "{said}");
        }
    }
}
