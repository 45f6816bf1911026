//! What the host calls.

use std::time::Duration;

use probity_sdk::clock;
use probity_sdk::pattern::matches;
use probity_sdk::prelude::*;

use crate::{CHECKS, Found, Group, Judges, Label, Looked, Seen, Settings, Usage, Written};

/// With less than this left of the call no further group is looked at.
const TO_SPARE: Duration = Duration::from_millis(100);

struct Cgroups {
    settings: Settings,
    found: Found,
    /// When that was, on a clock that does not step.
    found_at: Option<f64>,
    judges: Judges,
    written: Written,
    number: Gauge,
    checks: Vec<Check>,
}

/// The groups of one run.
#[derive(Default)]
struct Reading {
    groups: Vec<(Label, Usage)>,
    gone: Vec<Label>,
    included: usize,
    troubles: Vec<String>,
}

probity_sdk::probe!(Cgroups);

impl Probe for Cgroups {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        require_version_two(settings.folder.as_str())?;
        let check = |(id, title): &(&str, &str)| Check::define(id, title);
        Ok(Self {
            settings,
            found: Found::default(),
            found_at: None,
            judges: Judges::default(),
            written: Written::new()?,
            number: Gauge::define(
                "cgroups_groups",
                "Units and containers that are included",
                [],
            )?,
            checks: CHECKS.iter().map(check).collect::<Result<_>>()?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let now = clock::steady().as_secs_f64();
        let before = self.discover(now)?;
        let reading = self.read();
        if reading.included == 0 && self.settings.expect.is_empty() && reading.troubles.is_empty() {
            return Err(Failure::not_applicable(format!(
                "no unit and no container is below {} that `include` and `exclude` let through",
                self.settings.folder.as_str()
            )));
        }
        if !reading.gone.is_empty() {
            // What has taken its place is worth a look before it is due.
            self.found_at = None;
        }
        self.write(&reading)?;
        self.judge(now, &reading, before.as_ref())
    }
}

impl Cgroups {
    /// Looks for groups when it is time; gives what was there before.
    fn discover(&mut self, now: f64) -> Result<Option<Found>> {
        let is_due = |then: f64| now - then >= self.settings.discover_every.0;
        if !self.found_at.is_none_or(is_due) {
            return Ok(None);
        }
        let found = Found::below(self.settings.folder.as_str())?;
        self.found_at = Some(now);
        Ok(Some(std::mem::replace(&mut self.found, found)))
    }

    fn read(&self) -> Reading {
        let settings = &self.settings;
        let most = settings.max_groups.0 as usize;
        let mut reading = Reading {
            troubles: self.found.troubles(),
            ..Reading::default()
        };
        let includes = |group: &&Looked| settings.includes(group.label.name());
        let (mut unreadable, mut is_late) = (Vec::new(), false);
        for group in self.found.groups.iter().filter(includes) {
            reading.included += 1;
            is_late |= reading.included % 10 == 0 && run::time_left() < TO_SPARE;
            if reading.included > most || is_late {
                continue;
            }
            match Usage::read(&group.path) {
                Ok(Some(usage)) => reading.groups.push((group.label.clone(), usage)),
                Ok(None) => reading.gone.push(group.label.clone()),
                Err(error) => unreadable.push(error),
            }
        }
        if reading.included > most {
            reading.troubles.push(format!(
                "more than max_groups = {most}: raise it, with limits.series and limits.host_calls, or narrow include"
            ));
        }
        if is_late {
            reading
                .troubles
                .push("there was no time for the others: raise limits.deadline".into());
        }
        if let Some(first) = unreadable.first() {
            let more = unreadable.len() - 1;
            reading.troubles.push(match more {
                0 => first.to_string(),
                _ => format!("{first}, and {more} more"),
            });
        }
        reading
    }

    fn write(&mut self, reading: &Reading) -> Result<()> {
        let groups: Vec<Group<'_>> = reading
            .groups
            .iter()
            .map(|(label, usage)| Group { label, usage })
            .collect();
        let settings = &self.settings;
        let all = self.found.groups.iter().map(|group| &group.label);
        let kept: Vec<&Label> = all
            .filter(|label| settings.includes(label.name()))
            .take(settings.max_groups.0 as usize)
            .filter(|label| !reading.gone.contains(label))
            .collect();
        self.written.write(&groups, |label| kept.contains(&label))?;
        self.number.set([], reading.included as f64)
    }

    /// `before`: what was there in the run before, if there was another look since.
    fn judge(&mut self, now: f64, reading: &Reading, before: Option<&Found>) -> Result<()> {
        let was_there = |label: &Label| before.is_none_or(|before| before.has(label));
        let groups = reading.groups.iter();
        let seen = Seen {
            groups: groups
                .map(|(label, usage)| (label, usage, was_there(label)))
                .collect(),
            included: reading.included,
            troubles: &reading.troubles,
            missing: missing(&self.settings, &self.found.groups)?,
        };
        for one in self.judges.judge(&self.settings, now, &seen) {
            self.checks[one.check].report(one.verdict, &one.message);
        }
        Ok(())
    }
}

impl Found {
    fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if self.is_cut {
            troubles.push("there are more groups than one run can find: raise limits.deadline, or set folder to a slice".to_owned());
        }
        if self.passed_over > 0 {
            troubles.push(format!(
                "passed over: {} whose name is taken or cannot be shown",
                self.passed_over
            ));
        }
        troubles
    }
}

/// The expected patterns that match no group with a process in it.
fn missing<'a>(settings: &'a Settings, all: &[Looked]) -> Result<Vec<&'a str>> {
    let mut missing = Vec::new();
    for pattern in &settings.expect {
        let mut runs = false;
        for group in all
            .iter()
            .filter(|group| matches(pattern, group.label.name()))
        {
            runs = runs || Usage::is_alive(&group.path)?;
        }
        if !runs {
            missing.push(pattern.as_str());
        }
    }
    Ok(missing)
}

/// That the folder is the root of a hierarchy of version 2.
fn require_version_two(folder: &str) -> Result<()> {
    files::require(folder)?;
    let has = |name: &str| files::stat(&format!("{folder}/{name}")).is_ok();
    if has("cgroup.controllers") {
        return Ok(());
    }
    let message = match has("memory") || has("systemd") || has("unified") {
        true => format!(
            "{folder} has cgroup v1, and this probe reads v2 alone: boot with `systemd.unified_cgroup_hierarchy=1`"
        ),
        false => format!("{folder} has no control groups: is this Linux, with cgroup v2 there?"),
    };
    Err(Failure::not_applicable(message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::testing::{Folder, Host};

    use super::*;

    fn host(folder: &Folder, keys: &str) -> Host {
        folder.write("cgroup.controllers", "cpu io memory pids\n");
        let config = format!(r#"{{"folder":"{}"{keys}}}"#, folder.path(""));
        Host::new().config(&config).grant_read(folder.path(""))
    }

    fn unit(folder: &Folder, name: &str, memory: u64) {
        let group = format!("system.slice/{name}");
        folder
            .write(&format!("{group}/cgroup.events"), "populated 1\n")
            .write(
                &format!("{group}/cpu.stat"),
                "user_usec 1000000\nsystem_usec 0\n",
            )
            .write(&format!("{group}/memory.current"), memory.to_string())
            .write(&format!("{group}/memory.max"), "100\n");
    }

    #[test]
    fn a_machine_without_version_two_lies_dormant() {
        for (name, words) in [
            (
                "memory/tasks",
                "has cgroup v1, and this probe reads v2 alone",
            ),
            ("unified/cgroup.controllers", "has cgroup v1"),
            ("other", "has no control groups"),
        ] {
            let folder = Folder::new();
            folder.write(name, "");
            let config = format!(r#"{{"folder":"{}"}}"#, folder.path(""));
            let mut host = Host::new().config(&config).grant_read(folder.path(""));
            let failure = host.start::<Cgroups>().err().unwrap();
            assert_eq!(failure.code(), "not-applicable");
            assert!(failure.message().contains(words), "{failure}");
        }
        assert!(Host::new().start::<Cgroups>().err().unwrap().is_denied());
        let folder = Folder::new();
        let mut empty = host(&folder, "");
        let mut probe = empty.start::<Cgroups>().unwrap();
        let failure = empty.collect(&mut probe).unwrap_err();
        assert_eq!(failure.code(), "not-applicable");
    }

    #[test]
    fn groups_come_and_go_with_their_series() {
        let folder = Folder::new();
        unit(&folder, "a.service", 50);
        unit(&folder, "b.service", 99);
        let mut host = host(&folder, r#","discover_every":0"#);
        let mut probe = host.start::<Cgroups>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        let cpu = "cgroups_cpu_seconds_total";
        assert_eq!(report.value(cpu, ["a.service", "", "user"]), Some(1.0));
        assert_eq!(
            report.value("cgroups_memory_limit_bytes", ["b.service", ""]),
            Some(100.0)
        );
        assert_eq!(report.value("cgroups_pids", ["a.service", ""]), None);
        assert_eq!(report.value("cgroups_groups", []), Some(2.0));
        let (status, message) = report.check("memory").unwrap();
        assert_eq!(
            (status, message),
            (Status::Fail, "b.service 99 %: fails from 98 %")
        );
        assert!(report.check("expected").is_none());

        // Its totals go with it, also when another instance finds that out.
        folder.remove("system.slice/b.service");
        let mut probe = host.start::<Cgroups>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.value(cpu, ["b.service", "", "user"]), None);
        assert_eq!(report.value(cpu, ["a.service", "", "user"]), Some(1.0));
        assert_eq!(host.state("groups").unwrap(), "a.service\t\n");

        unit(&folder, "c.service", 1);
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.value(cpu, ["c.service", "", "user"]), Some(1.0));
    }

    #[test]
    fn a_group_that_went_since_the_list_was_made_is_no_trouble() {
        let folder = Folder::new();
        unit(&folder, "a.service", 1);
        unit(&folder, "b.service", 1);
        let mut host = host(&folder, "");
        let mut probe = host.start::<Cgroups>().unwrap();
        host.collect(&mut probe).unwrap();
        folder.remove("system.slice/b.service");
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(
            report.value("cgroups_memory_bytes", ["b.service", ""]),
            None
        );
        assert_eq!(
            report.check("groups").unwrap(),
            (Status::Pass, "1 of 2 looked at")
        );
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(
            report.check("groups").unwrap(),
            (Status::Pass, "1 of 1 looked at")
        );
    }

    #[test]
    fn more_groups_than_are_looked_at_are_told() {
        let folder = Folder::new();
        for number in 0..12 {
            unit(&folder, &format!("u{number:02}.service"), 1);
        }
        let keys = r#","max_groups":10,"exclude":["u00*"]"#;
        let mut host = host(&folder, keys);
        let mut probe = host.start::<Cgroups>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        let (status, message) = report.check("groups").unwrap();
        assert_eq!(status, Status::Warn);
        assert!(
            message.starts_with("10 of 11 looked at; more than max_groups = 10"),
            "{message}"
        );
        assert!(message.contains("limits.host_calls"), "{message}");
        let memory = |unit| report.value("cgroups_memory_bytes", [unit, ""]);
        assert_eq!(
            (
                memory("u00.service"),
                memory("u10.service"),
                memory("u11.service")
            ),
            (None, Some(1.0), None)
        );
    }

    #[test]
    fn what_is_expected_has_to_run() {
        let folder = Folder::new();
        unit(&folder, "a.service", 1);
        folder.write("system.slice/idle.service/cgroup.events", "populated 0\n");
        let keys = r#","include":["nothing"],"expect":["a.*","idle.service","gone.service"]"#;
        let mut host = host(&folder, keys);
        let mut probe = host.start::<Cgroups>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        let expected = (Status::Fail, "not running: idle.service, gone.service");
        assert_eq!(report.check("expected").unwrap(), expected);
        assert_eq!(
            report.check("groups").unwrap(),
            (Status::Pass, "0 of 0 looked at")
        );
    }
}
