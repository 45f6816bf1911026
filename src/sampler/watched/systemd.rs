//! What systemd says of units. Format: systemctl(1) `show`, org.freedesktop.systemd1(5).

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::question::{Patience, ask};
use super::sighting::{Found, Sighting};
use crate::model::{WatchCgroup, WatchSupervisor};
use crate::sampler::Machine;
use crate::sampler::scan::{Words, lines, number, text};

/// `systemctl` answers in 20 ms; a bus that hangs must not hold up everything else.
const PATIENCE: Patience = Patience {
    time: Duration::from_secs(2),
    bytes: 1 << 20,
};
/// So many units that `systemctl` refuses do not keep it from telling of the others.
const MOST_REFUSED: usize = 3;
/// What is asked for each unit.
const PROPERTIES: &str = "--property=Id,Names,LoadState,ActiveState,SubState,Result,MainPID,NRestarts,\
                          ExecMainStatus,ControlGroup";
/// Where a group may be: in version 2's tree, or in systemd's own of version 1.
const TREES: [&str; 3] = ["fs/cgroup", "fs/cgroup/unified", "fs/cgroup/systemd"];
/// Groups of one unit that are looked at, itself and those below it: each takes some 20 us.
const MOST_GROUPS: usize = 1000;
/// A control group's file is small, but for the list of its processes.
const FILE_BYTES: u64 = 64 << 10;

/// What systemd says of each unit, in their order: from one question, and one more for each unit that `systemctl` refuses.
///
/// # Errors
/// Why it does not answer.
pub(super) fn look(
    machine: &Machine,
    units: &[String],
    stopped: &AtomicBool,
) -> Result<Vec<Sighting>, String> {
    look_again(machine, units, stopped, MOST_REFUSED)
}

/// The same, for as long as no more units than that are refused.
fn look_again(
    machine: &Machine,
    units: &[String],
    stopped: &AtomicBool,
    refusals: usize,
) -> Result<Vec<Sighting>, String> {
    let options = ["show", "--no-pager", PROPERTIES, "--"];
    let arguments = options.into_iter().chain(units.iter().map(String::as_str));
    let refusal = match ask(&machine.systemctl, arguments, PATIENCE, stopped) {
        Ok(answer) => {
            let of = sightings(machine, &answer);
            let nothing = |unit| Sighting::unknown(format!("systemctl says nothing of {unit}"));
            let told = units
                .iter()
                .map(|unit| of(unit).unwrap_or_else(|| nothing(unit)));
            return Ok(told.collect());
        }
        Err(refusal) => refusal,
    };
    // It answers in their order, and ends at the one that it refuses.
    let before = refusal.text.as_deref().unwrap_or_default();
    let mut told: Vec<Sighting> = units.iter().map_while(sightings(machine, before)).collect();
    let rest = units.get(told.len() + 1..).unwrap_or_default();
    let others = match refusal.text {
        Some(_) if refusals > 0 && !rest.is_empty() => {
            look_again(machine, rest, stopped, refusals - 1).ok()
        }
        _ => None,
    };
    if told.is_empty() && others.is_none() {
        return Err(refusal.reason);
    }
    let unanswered = Sighting::unanswered("systemd", refusal.reason);
    told.push(unanswered.clone());
    told.extend(others.unwrap_or_else(|| vec![unanswered; rest.len()]));
    Ok(told)
}

/// What an answer says of each unit; nothing of one that is not in it.
fn sightings<'a>(
    machine: &'a Machine,
    answer: &'a [u8],
) -> impl Fn(&String) -> Option<Sighting> + 'a {
    let answer = text(answer);
    let blocks: Vec<String> = answer.split("\n\n").map(str::to_owned).collect();
    move |unit| {
        let mut blocks = blocks.iter().map(|lines| Block(lines));
        let own = blocks.find(|block| block.is_of(unit))?;
        Some(own.sighting(machine, unit))
    }
}

/// The lines of one unit, `Name=value`.
struct Block<'a>(&'a str);

impl Block<'_> {
    fn value(&self, key: &str) -> Option<&str> {
        let mut pairs = self.0.lines().filter_map(|line| line.split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == key)?;
        (!value.is_empty()).then_some(value)
    }

    fn word(&self, key: &str) -> Option<String> {
        self.value(key).map(str::to_owned)
    }

    fn number(&self, key: &str) -> Option<u64> {
        number(self.value(key)?.as_bytes())
    }

    /// Whether these lines are of that unit, which may be an alias.
    fn is_of(&self, unit: &str) -> bool {
        let names = self.value("Names").unwrap_or_default();
        self.value("Id") == Some(unit) || names.split(' ').any(|name| name == unit)
    }

    fn sighting(&self, machine: &Machine, unit: &str) -> Sighting {
        let main = self
            .number("MainPID")
            .and_then(|pid| u32::try_from(pid).ok());
        let main = main.filter(|pid| *pid > 0);
        let group = self.value("ControlGroup").filter(|path| *path != "/");
        let listed = group.map(|group| processes_of(machine, group));
        let (mut pids, all) = listed.unwrap_or((Vec::new(), true));
        // It may live in a group that cannot be read here, and without one at all; and it is never among those left out.
        if let Some(main) = main {
            pids.retain(|pid| *pid != main);
            pids.insert(0, main);
        }
        let supervisor = WatchSupervisor {
            kind: "systemd",
            state: self.word("ActiveState"),
            sub_state: self.word("SubState"),
            load_state: self.word("LoadState"),
            result: self.word("Result"),
            exit_status: self.number("ExecMainStatus"),
            restarts: self.number("NRestarts"),
            cgroup: group.map(|group| cgroup(machine, group)),
            ..WatchSupervisor::default()
        };
        let found = if pids.is_empty() {
            self.without_process(unit)
        } else {
            match Sighting::these(pids) {
                Found::These(pids, None) if !all => Found::These(pids, Some(left_out(unit))),
                found => found,
            }
        };
        Sighting {
            main,
            supervisor: Some(Arc::new(supervisor)),
            ..Sighting::of(found)
        }
    }

    /// What a unit without a process is.
    fn without_process(&self, unit: &str) -> Found {
        let or_unknown = |key| self.value(key).unwrap_or("unknown");
        let (active, sub) = (or_unknown("ActiveState"), or_unknown("SubState"));
        let words = format!("{unit} is {active} ({sub})");
        match (self.value("LoadState"), active) {
            (Some("not-found"), _) => Found::None(format!("systemd has no {unit}").into()),
            (_, "active" | "reloading") => {
                Found::Idle(format!("{words} and has no process").into())
            }
            (_, "failed") => {
                let (result, status) = (or_unknown("Result"), or_unknown("ExecMainStatus"));
                Found::None(format!("{words}: result {result}, exit status {status}").into())
            }
            (_, "unknown") => Found::Unknown(words.into()),
            _ => Found::None(words.into()),
        }
    }
}

/// The ids in the lists of a group and of those below it, as far as they can be read: a slice has none of its own, and a service
/// with `Delegate=` keeps them in groups that it makes. And whether those are all groups.
fn processes_of(machine: &Machine, group: &str) -> (Vec<u32>, bool) {
    let list = Path::new("cgroup.procs");
    let trees = TREES.into_iter();
    let mut folders = trees.map(|tree| folder(machine, tree, group));
    let Some(top) = folders.find(|folder| folder.join(list).exists()) else {
        return (Vec::new(), true);
    };
    let (mut pids, mut known) = (Vec::new(), vec![top]);
    let mut looked_at = 0;
    while let Some(folder) = known.get(looked_at).filter(|_| looked_at < MOST_GROUPS) {
        pids.extend(listed(&folder.join(list)));
        let room = (MOST_GROUPS + 1).saturating_sub(known.len());
        let below: Vec<PathBuf> = groups_in(folder).take(room).collect();
        known.extend(below);
        looked_at += 1;
    }
    (pids, looked_at == known.len())
}

fn listed(list: &Path) -> Vec<u32> {
    let Some(text) = contents(list) else {
        return Vec::new();
    };
    let id = |line: &[u8]| number(line).and_then(|pid| u32::try_from(pid).ok());
    lines(&text)
        .filter_map(|(_, line)| id(line))
        .filter(|pid| *pid > 0)
        .collect()
}

/// The groups right below one.
fn groups_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    groups.map(|entry| entry.path())
}

fn left_out(unit: &str) -> Arc<str> {
    format!("{unit} has more than {MOST_GROUPS} control groups: the processes of the others are not followed").into()
}

fn cgroup(machine: &Machine, group: &str) -> WatchCgroup {
    let memory = read(machine, group, "memory.current");
    let used = read(machine, group, "cpu.stat");
    let microseconds = used.and_then(|stat| {
        let mut lines = lines(&stat).map(|(line, text)| Words::new(line, text));
        lines.find_map(|mut words| (words.next()? == b"usage_usec").then(|| words.number().ok())?)
    });
    WatchCgroup {
        path: group.to_owned(),
        memory_bytes: memory.and_then(|text| number(text.trim_ascii())),
        cpu_seconds_total: microseconds.map(|count| count as f64 / 1e6),
    }
}

/// A file of a group.
fn read(machine: &Machine, group: &str, file: &str) -> Option<Vec<u8>> {
    let mut folders = TREES.into_iter().map(|tree| folder(machine, tree, group));
    folders.find_map(|folder| contents(&folder.join(file)))
}

fn folder(machine: &Machine, tree: &str, group: &str) -> PathBuf {
    machine.sys(tree).join(group.trim_start_matches('/'))
}

fn contents(file: &Path) -> Option<Vec<u8>> {
    let file = std::fs::File::open(file).ok()?;
    let mut text = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}
