//! Configuration of watched processes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{Invalid, check_range};

/// More `[[watch]]` sections than anybody needs: each has a check and a dozen series of its own.
pub const MOST_WATCHES: usize = 256;
/// The largest process id that Linux gives out (`PID_MAX_LIMIT`).
pub(super) const LARGEST_PID: u32 = 1 << 22;
/// The longest name of a unit, and more than any program's or app's.
const LONGEST_NAME: usize = 255;
/// The longest text that a command line is searched for.
const LONGEST_ARGUMENTS: usize = 4096;

/// `[[watch]]`: processes to watch, found in one of five ways.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// The watch's name: the label `watch` of its series, and its check's name behind `watched/`.
    pub name: String,
    /// One process by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The process whose id is in this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_file: Option<PathBuf>,
    /// All processes of this command name, as `ps -o comm` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Of those, the ones with this text in their command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// The processes of a systemd unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The processes of a pm2 app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pm2: Option<String>,
}

/// How a watch finds its processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    /// By id.
    Pid(u32),
    /// By the id in a file.
    PidFile(PathBuf),
    /// By command name, and a part of the command line.
    Process(String, Option<String>),
    /// By systemd unit, with its type's suffix.
    Unit(String),
    /// By pm2 app.
    Pm2(String),
}

impl Selector {
    /// Whether somebody has to look for its processes.
    pub(super) fn is_looked_for(&self) -> bool {
        !matches!(self, Self::Pid(_))
    }

    /// The key that gives it.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Pid(_) => "pid",
            Self::PidFile(_) => "pid_file",
            Self::Process(..) => "process",
            Self::Unit(_) => "unit",
            Self::Pm2(_) => "pm2",
        }
    }

    /// What the key is given.
    pub(super) fn target(&self) -> String {
        match self {
            Self::Pid(pid) => pid.to_string(),
            Self::PidFile(path) => path.display().to_string(),
            Self::Process(name, _) | Self::Unit(name) | Self::Pm2(name) => name.clone(),
        }
    }
}

impl WatchConfig {
    /// How it finds its processes; nothing when no key says so, which [`WatchConfig::check`] refuses.
    pub(super) fn selector(&self) -> Option<Selector> {
        let process = |name: &String| Selector::Process(name.clone(), self.arguments.clone());
        let pid = self.pid.map(Selector::Pid);
        pid.or_else(|| self.pid_file.clone().map(Selector::PidFile))
            .or_else(|| self.process.as_ref().map(process))
            .or_else(|| self.unit.as_deref().map(full_name).map(Selector::Unit))
            .or_else(|| self.pm2.clone().map(Selector::Pm2))
    }

    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        if !is_watch_name(&self.name) {
            let rule = "must be 1 to 64 letters, digits, `-`, `_` and `.`";
            faults.push(Invalid::new("name", &self.name, rule));
        }
        self.check_selectors(&mut faults);
        if let Some(pid) = self.pid {
            check_range(&mut faults, "pid", pid, 1, LARGEST_PID);
        }
        if let Some(path) = self.pid_file.as_ref().filter(|path| !path.is_absolute()) {
            let rule = "must be an absolute path";
            faults.push(Invalid::new("pid_file", path.display(), rule));
        }
        let texts = [
            ("process", &self.process, LONGEST_NAME),
            ("pm2", &self.pm2, LONGEST_NAME),
            ("arguments", &self.arguments, LONGEST_ARGUMENTS),
        ];
        for (key, text, most) in texts {
            let fits = |text: &&String| (1..=most).contains(&text.len()) && !text.contains('\0');
            if let Some(text) = text.as_ref().filter(|text| !fits(text)) {
                let rule = format!("must be 1 to {most} bytes of text");
                faults.push(Invalid::new(key, text, rule));
            }
        }
        if let Some(name) = self.process.as_ref().filter(|name| name.contains('/')) {
            let rule = "must be a command name without a folder, as `ps -o comm` shows it";
            faults.push(Invalid::new("process", name, rule));
        }
        if let Some(unit) = self.unit.as_ref().filter(|unit| !is_unit(unit)) {
            let rule = "must be a unit's name, such as nginx.service, and no template such as web@.service";
            faults.push(Invalid::new("unit", unit, rule));
        }
        faults
    }

    /// Exactly one way to find the processes.
    fn check_selectors(&self, faults: &mut Vec<Invalid>) {
        let given = [
            ("pid", self.pid.is_some()),
            ("pid_file", self.pid_file.is_some()),
            ("process", self.process.is_some()),
            ("unit", self.unit.is_some()),
            ("pm2", self.pm2.is_some()),
        ];
        let mut given = given.into_iter().filter(|(_, is)| *is).map(|(key, _)| key);
        let Some(first) = given.next() else {
            let rule = "is missing: one of pid, pid_file, process, unit and pm2 must be given";
            faults.push(Invalid::new("pid", "", rule));
            return;
        };
        for more in given {
            let rule = format!("must not be given beside `{first}`: a watch has one of them");
            faults.push(Invalid::new(more, "", rule));
        }
        if let (Some(text), None) = (&self.arguments, &self.process) {
            let rule = "goes with `process` alone, whose processes it narrows down";
            faults.push(Invalid::new("arguments", text, rule));
        }
    }
}

/// A watch's name is a label value and part of a check's name.
fn is_watch_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// The ends of units' names, one for each type.
const TYPES: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// Whether it is a unit's name by systemd.unit(5), and no option or pattern for `systemctl`. A template is none: units are made
/// of it, and `systemctl` answers nobody who asks for it.
fn is_unit(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    let full = full_name(name);
    let stem = TYPES.iter().find_map(|kind| full.strip_suffix(kind));
    let named = |stem: &str| !stem.is_empty() && !stem.starts_with(['-', '@']);
    let is_template = |stem: &str| stem.find('@').is_some_and(|at| at + 1 == stem.len());
    full.len() <= LONGEST_NAME
        && full.bytes().all(plain)
        && stem.is_some_and(|stem| named(stem) && !is_template(stem))
}

/// A name without a type is a service's, as `systemctl` takes it.
fn full_name(unit: &str) -> String {
    if TYPES.iter().any(|kind| unit.ends_with(kind)) {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_a_type_is_a_service() {
        for (given, full) in [
            ("nginx", "nginx.service"),
            ("web@1.2", "web@1.2.service"),
            ("backup.timer", "backup.timer"),
            ("mail@a@.service", "mail@a@.service"),
        ] {
            assert_eq!(full_name(given), full);
            assert!(is_unit(given));
        }
        let long = "a".repeat(LONGEST_NAME);
        for odd in [
            "",
            "-M",
            "a b",
            "*.service",
            "a/b",
            ".service",
            "@1.service",
            &long,
        ] {
            assert!(!is_unit(odd), "{odd}");
        }
    }

    #[test]
    fn a_template_is_no_unit() {
        for template in ["web@", "web@.service", "backup@.timer"] {
            assert!(!is_unit(template), "{template}");
        }
    }
}
