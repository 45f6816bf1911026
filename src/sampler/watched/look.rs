//! Looking for processes by name.

use super::sighting::Sighting;
use super::stat::Processes;
use crate::model::printable;
use crate::sampler::kernel_file::is_absence;

/// The kernel keeps this much of a command name.
const KEPT_NAME_BYTES: usize = 15;
/// How much of a name, and of a part of a command line, is shown.
const SHOWN_BYTES: usize = 40;

/// A command name to look for, and a part of the command line.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) arguments: Option<String>,
}

/// The processes of each wanted name, found in one walk over all there are.
pub(super) fn by_name(processes: &mut Processes, wanted: &[Wanted]) -> Vec<Sighting> {
    let ids = match processes.ids() {
        Ok(ids) => ids,
        Err(reason) => {
            let why = format!("cannot list processes: {reason}");
            return vec![Sighting::unknown(why); wanted.len()];
        }
    };
    let mut found: Vec<Result<Vec<u32>, String>> = vec![Ok(Vec::new()); wanted.len()];
    let mut name = Vec::new();
    for pid in ids {
        // One that ends meanwhile is none.
        let Some(read) = processes.name(pid) else {
            continue;
        };
        name.clear();
        name.extend_from_slice(read);
        let mut line = None;
        for (one, found) in wanted.iter().zip(&mut found) {
            if !one.may_be(&name) {
                continue;
            }
            match one.is_this(|| line.get_or_insert_with(|| command_line(processes, pid))) {
                Ok(true) => {
                    if let Ok(pids) = found {
                        pids.push(pid);
                    }
                }
                Ok(false) => {}
                Err(reason) => *found = Err(reason.to_owned()),
            }
        }
    }
    let sighting = |(one, found): (&Wanted, _)| match found {
        Ok(pids) if Vec::is_empty(&pids) => Sighting::none(one.missing()),
        Ok(pids) => Sighting::of(Sighting::these(pids)),
        Err(reason) => Sighting::unknown(reason),
    };
    wanted.iter().zip(found).map(sighting).collect()
}

/// The command line; nothing of a process that has ended meanwhile.
fn command_line(processes: &mut Processes, pid: u32) -> Result<Option<Vec<u8>>, String> {
    match processes.command_line(pid) {
        Ok(line) => Ok(Some(line)),
        Err(reason) if is_absence(&reason) => Ok(None),
        Err(reason) => Err(format!("cannot read /proc/{pid}/cmdline: {reason}")),
    }
}

/// Whether a program of this name is what the command line starts: in the first place, or behind an interpreter and an
/// option of it.
fn names(line: &[u8], name: &[u8]) -> bool {
    let words = line.split(|byte| *byte == 0).take(3);
    let base = |word: &'_ [u8]| {
        word.rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default()
            .to_vec()
    };
    words.map(base).any(|word| word == name)
}

impl Wanted {
    /// Whether a process of this name, as the kernel keeps it, can be one of those.
    fn may_be(&self, name: &[u8]) -> bool {
        let wanted = self.name.as_bytes();
        name == &wanted[..wanted.len().min(KEPT_NAME_BYTES)]
    }

    /// Whether one that may be is one, by its command line where that matters.
    fn is_this<'a>(
        &self,
        line: impl FnOnce() -> &'a mut Result<Option<Vec<u8>>, String>,
    ) -> Result<bool, &'a str> {
        let is_cut = self.name.len() > KEPT_NAME_BYTES;
        if !is_cut && self.arguments.is_none() {
            return Ok(true);
        }
        match line() {
            Ok(Some(line)) => {
                Ok((!is_cut || names(line, self.name.as_bytes())) && self.is_in(line))
            }
            Ok(None) => Ok(false),
            Err(reason) => Err(reason),
        }
    }

    /// Whether the command line, its arguments separated by blanks, has the wanted part.
    fn is_in(&self, line: &[u8]) -> bool {
        let Some(part) = &self.arguments else {
            return true;
        };
        let line = line.strip_suffix(b"\0").unwrap_or(line);
        let line: Vec<u8> = line
            .iter()
            .map(|byte| if *byte == 0 { b' ' } else { *byte })
            .collect();
        line.windows(part.len())
            .any(|window| window == part.as_bytes())
    }

    fn missing(&self) -> String {
        let name = printable(&self.name, SHOWN_BYTES);
        match &self.arguments {
            Some(part) => {
                let part = printable(part, SHOWN_BYTES);
                format!("no process `{name}` has `{part}` in its command line")
            }
            None => format!("there is no process `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;
    use crate::sampler::watched::sighting::Found;

    fn process(root: &Path, pid: u32, name: &str, line: &str) {
        let folder = root.join(pid.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
        std::fs::write(folder.join("cmdline"), line).unwrap();
    }

    fn found(root: &Path, name: &str, arguments: Option<&str>) -> Found {
        let wanted = Wanted {
            name: name.into(),
            arguments: arguments.map(str::to_owned),
        };
        let mut processes = Processes::new(root.into());
        let mut found = match by_name(&mut processes, &[wanted]).remove(0).found {
            Found::These(pids, note) => (pids, note),
            other => return other,
        };
        found.0.sort_unstable();
        Found::These(found.0, found.1)
    }

    #[test]
    fn names_and_command_lines_choose() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        process(root, 1, "init", "/sbin/init\0");
        process(root, 20, "node", "node\0/srv/server.js\0--port\080\0");
        process(root, 21, "node", "node\0/srv/worker.js\0");
        process(
            root,
            30,
            "systemd-journal",
            "/lib/systemd/systemd-journald\0",
        );
        process(
            root,
            31,
            "systemd-journal",
            "/lib/systemd/systemd-journal-upload\0",
        );
        process(
            root,
            32,
            "backup-everythi",
            "/bin/sh\0-e\0/usr/bin/backup-everything\0",
        );
        std::fs::create_dir(root.join("sys")).unwrap();
        std::fs::create_dir(root.join("99")).unwrap();
        let these = |pids: &[u32]| Found::These(pids.to_vec(), None);
        assert_eq!(found(root, "node", None), these(&[20, 21]));
        assert_eq!(
            found(root, "node", Some("server.js --port 80")),
            these(&[20])
        );
        assert_eq!(found(root, "systemd-journald", None), these(&[30]));
        assert_eq!(found(root, "backup-everything", None), these(&[32]));
        let none = |why: &str| Found::None(why.into());
        assert_eq!(found(root, "nod", None), none("there is no process `nod`"));
        let why = "no process `node` has `80 ` in its command line";
        assert_eq!(found(root, "node", Some("80 ")), none(why));
        let nowhere = found(&root.join("nowhere"), "node", None);
        assert!(matches!(nowhere, Found::Unknown(_)), "{nowhere:?}");
    }
    #[test]
    fn each_watch_gets_its_own_processes_in_one_walk() {
        let root = tempfile::tempdir().unwrap();
        process(root.path(), 20, "node", "node\0/srv/server.js\0");
        process(root.path(), 21, "node", "node\0/srv/worker.js\0");
        let wanted = |name: &str, arguments: Option<&str>| Wanted {
            name: name.into(),
            arguments: arguments.map(str::to_owned),
        };
        let all = [
            wanted("node", Some("server")),
            wanted("node", Some("worker")),
            wanted("nodes", None),
            wanted("node", Some("node")),
        ];
        let mut processes = Processes::new(root.path().into());
        let found = by_name(&mut processes, &all).into_iter();
        let pids = found.map(|sighting| match sighting.found {
            Found::These(mut pids, None) => {
                pids.sort_unstable();
                pids
            }
            _ => Vec::new(),
        });
        let pids: Vec<_> = pids.collect();
        assert_eq!(pids, [vec![20], vec![21], vec![], vec![20, 21]]);
    }
}
