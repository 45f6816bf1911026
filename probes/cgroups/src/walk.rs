//! Finds the groups of units and containers below a folder.

use std::time::Duration;

use probity_sdk::files::{self, FileError};
use probity_sdk::run;

use crate::names::is_plain;
use crate::{Kind, Label, kind};

/// Slices within slices are followed this far: a pod's is the fourth.
const MAX_DEPTH: usize = 8;
/// So many groups are told apart, the most that can be looked at.
const MAX_GROUPS: usize = 1000;
/// So many names are looked at. Each is a call to the host, and every group's folder has about fifty files.
const MAX_NAMES: u32 = 5000;
/// The walk stops when less than this is left of the call, so that there is time to say so.
const TO_SPARE: Duration = Duration::from_millis(200);

/// A group of a unit or a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What it is.
    pub label: Label,
    /// Its folder.
    pub path: String,
}

/// What a walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The groups, those nearer to the top first, each label once.
    pub groups: Vec<Looked>,
    /// Groups whose name cannot be shown, or is taken by one nearer to the top.
    pub passed_over: u32,
    /// Whether there were more names or groups than can be looked at.
    pub is_cut: bool,
}

/// A folder that may have groups in it.
struct Folder {
    path: String,
    name: String,
    /// The user's manager that it is below, with a `/`.
    manager: String,
    depth: usize,
}

impl Found {
    /// Walks the folder `top`.
    ///
    /// # Errors
    /// Why it cannot be listed; what is below it and cannot be listed is passed over, for a group may go at any time.
    pub fn below(top: &str) -> Result<Self, FileError> {
        let mut walk = Walk {
            found: Self::default(),
            names: 0,
        };
        let mut folders = vec![Folder {
            path: top.to_owned(),
            name: String::new(),
            manager: String::new(),
            depth: 0,
        }];
        // One level after the other: what somebody makes deep below hides nothing of the system's.
        while !folders.is_empty() && !walk.found.is_cut {
            let mut below = Vec::new();
            for folder in &folders {
                match files::list(&folder.path) {
                    Ok(listing) => walk.folder(folder, listing, &mut below),
                    Err(error) if folder.depth == 0 => return Err(error),
                    Err(_) => {}
                }
            }
            folders = below;
        }
        Ok(walk.found)
    }

    /// Whether a group is among them.
    pub fn has(&self, label: &Label) -> bool {
        self.groups.iter().any(|group| group.label == *label)
    }
}

struct Walk {
    found: Found,
    names: u32,
}

impl Walk {
    /// The folders of a listing in the order of their names, whatever the kernel's is. A sort of the standard library's has 7 KB of code.
    fn folders(&mut self, listing: files::Listing) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for entry in listing {
            self.names += 1;
            if self.names > MAX_NAMES || (self.names % 100 == 0 && run::time_left() < TO_SPARE) {
                self.found.is_cut = true;
                break;
            }
            if let Some(entry) = entry.ok().filter(|entry| entry.is_folder) {
                let place = names.partition_point(|name| *name < entry.name);
                names.insert(place, entry.name);
            }
        }
        names
    }

    /// Takes the groups of one folder, and adds those to `below` that may have more in them.
    fn folder(&mut self, folder: &Folder, listing: files::Listing, below: &mut Vec<Folder>) {
        for name in self.folders(listing) {
            let path = format!("{}/{name}", folder.path);
            let mut manager = folder.manager.clone();
            match kind(&folder.name, &name) {
                Kind::Helper => continue,
                Kind::Unit(unit) => {
                    self.take(format!("{manager}{unit}"), String::new(), &path);
                    if !unit.starts_with("user@") {
                        continue;
                    }
                    manager = format!("{unit}/");
                }
                Kind::Container(container) => {
                    self.take(String::new(), container, &path);
                    continue;
                }
                Kind::Group => {}
            }
            if folder.depth < MAX_DEPTH {
                below.push(Folder {
                    path,
                    name,
                    manager,
                    depth: folder.depth + 1,
                });
            }
        }
    }

    fn take(&mut self, unit: String, container: String, path: &str) {
        let label = Label { unit, container };
        if !is_plain(label.name()) || self.found.has(&label) {
            self.found.passed_over += 1;
        } else if self.found.groups.len() == MAX_GROUPS {
            self.found.is_cut = true;
        } else {
            let path = path.to_owned();
            self.found.groups.push(Looked { label, path });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use probity_sdk::testing::{self, Host};

    fn below(folder: &testing::Folder) -> Found {
        let top = folder.path("");
        let mut host = Host::new().grant_read(top.clone());
        host.inside(|| Found::below(&top)).unwrap()
    }

    fn names(found: &Found) -> Vec<&str> {
        found
            .groups
            .iter()
            .map(|group| group.label.name())
            .collect()
    }

    #[test]
    fn units_and_containers_are_found_where_they_are() {
        let id = "0123456789abcdef".repeat(4);
        let folder = testing::Folder::new();
        for group in [
            "init.scope",
            "system.slice/nginx.service",
            "system.slice/nginx.service/inner.service",
            &format!("system.slice/docker-{id}.scope/init.scope"),
            "user.slice/user-0.slice/session-1.scope",
            "user.slice/user-0.slice/user@0.service/app.slice/own.service",
            &format!("kubepods/burstable/pod1-2/{id}"),
            "machine.slice/libpod-conmon-x.scope",
        ] {
            folder.write(&format!("{group}/cgroup.events"), "populated 1\n");
        }
        let found = below(&folder);
        assert_eq!(
            names(&found),
            [
                "init.scope",
                "docker-0123456789ab",
                "nginx.service",
                "session-1.scope",
                "user@0.service",
                "kubepods-0123456789ab",
                "user@0.service/own.service",
            ]
        );
        assert_eq!((found.passed_over, found.is_cut), (0, false));
        let nginx = found
            .groups
            .iter()
            .find(|group| group.label.unit == "nginx.service");
        assert_eq!(
            nginx.unwrap().path,
            folder.path("system.slice/nginx.service")
        );
    }

    #[test]
    fn a_name_that_is_taken_or_cannot_be_shown_is_passed_over() {
        let folder = testing::Folder::new();
        folder
            .write("system.slice/a.service/x", "")
            .write("user.slice/a.service/x", "")
            .write("user.slice/deep/a.service/x", "")
            .write("user.slice/new\nline.service/x", "");
        let found = below(&folder);
        assert_eq!(names(&found), ["a.service"]);
        assert_eq!(found.groups[0].path, folder.path("system.slice/a.service"));
        assert_eq!(found.passed_over, 3);
    }

    #[test]
    fn the_walk_is_bounded_in_depth_and_number() {
        let folder = testing::Folder::new();
        folder.write(&format!("{}a.service/x", "s/".repeat(8)), "");
        folder.write(&format!("{}b.service/x", "t/".repeat(9)), "");
        assert_eq!(names(&below(&folder)), ["a.service"]);
        for number in 0..5001 {
            folder.write(&format!("u/{number}"), "");
        }
        folder.write("v.service/x", "");
        let found = below(&folder);
        assert!(found.is_cut);
        assert_eq!(
            names(&found),
            ["v.service"],
            "what is nearer to the top is found"
        );
    }
}
