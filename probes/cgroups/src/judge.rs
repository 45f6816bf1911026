//! The verdicts. Kills and throttling are taken between two runs of one instance; the first run has none.

use probity_sdk::Status;
use probity_sdk::config::{Ceiling, Ratio};

use crate::{Label, Settings, Usage};

/// The checks as (id, title).
pub const CHECKS: [(&str, &str); 6] = [
    ("groups", "Units and containers are looked at"),
    ("memory", "Memory below its limit"),
    ("pids", "Processes below their limit"),
    ("throttling", "Processor time below its quota"),
    ("oom-kills", "Processes killed for want of memory"),
    ("expected", "Expected units and containers run"),
];
/// Fewer periods than this between two runs say nothing.
const MIN_PERIODS: u64 = 10;
/// As many names are told as fit into a line.
const MAX_NAMES: usize = 5;

/// What one check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Which of [`CHECKS`], by position.
    pub check: usize,
    /// The verdict.
    pub verdict: Status,
    /// Why.
    pub message: String,
}

/// What one run has seen.
#[derive(Debug, Default)]
pub struct Seen<'a> {
    /// Groups that were read, and whether each was there in the run before.
    pub groups: Vec<(&'a Label, &'a Usage, bool)>,
    /// How many there are that the configuration includes.
    pub included: usize,
    /// What kept the run from looking at all of them.
    pub troubles: &'a [String],
    /// Patterns that are expected, and match nothing that runs.
    pub missing: Vec<&'a str>,
}

/// Remembers the run before.
#[derive(Debug, Default)]
pub struct Judges {
    before: Vec<(Label, Usage)>,
    has_run: bool,
    /// When kills were noticed, in which group, and how many.
    kills: Vec<(f64, String, u64)>,
}

type Said = (Status, String);

impl Judges {
    /// Judges a run. `now`: seconds on a clock that does not step.
    pub fn judge(&mut self, settings: &Settings, now: f64, seen: &Seen<'_>) -> Vec<Judgement> {
        let shares = |share: fn(&Usage) -> Option<f64>| {
            let shares = seen.groups.iter();
            shares.filter_map(move |(label, usage, _)| Some((label.name(), share(usage)?)))
        };
        let memory = worst(
            &settings.memory,
            shares(Usage::memory_share),
            "no group has a limit",
        );
        let pids = worst(
            &settings.pids,
            shares(Usage::pids_share),
            "no group has a limit",
        );
        let throttled = self.throttled(seen);
        let throttling = worst(
            &settings.throttling,
            throttled.into_iter(),
            "no group has used up its quota",
        );
        let said = [
            Some(groups(seen)),
            settings.memory.is_set().then_some(memory),
            settings.pids.is_set().then_some(pids),
            settings.throttling.is_set().then_some(throttling),
            self.oom_kills(settings, now, seen),
            expected(settings, seen),
        ];
        self.remember(seen);
        let judgement = |(check, said): (usize, Option<Said>)| {
            let (verdict, message) = said?;
            Some(Judgement {
                check,
                verdict,
                message,
            })
        };
        said.into_iter().enumerate().filter_map(judgement).collect()
    }

    fn before(&self, label: &Label) -> Option<&Usage> {
        let found = self.before.iter().find(|(known, _)| known == label);
        found.map(|(_, usage)| usage)
    }

    /// The share of periods, since the run before, in which each group had used up its quota.
    fn throttled<'a>(&self, seen: &Seen<'a>) -> Vec<(&'a str, f64)> {
        let share = |label: &Label, usage: &Usage| {
            let [all, used_up] = usage.periods?;
            let [all_before, used_up_before] = self.before(label)?.periods?;
            let all = all
                .checked_sub(all_before)
                .filter(|all| *all >= MIN_PERIODS)?;
            let used_up = used_up
                .checked_sub(used_up_before)
                .filter(|some| *some > 0)?;
            Some(used_up as f64 / all as f64)
        };
        let groups = seen.groups.iter();
        groups
            .filter_map(|(label, usage, _)| Some((label.name(), share(label, usage)?)))
            .collect()
    }

    fn oom_kills(&mut self, settings: &Settings, now: f64, seen: &Seen<'_>) -> Option<Said> {
        for (label, usage, was_there) in &seen.groups {
            let total = usage.oom_kills.unwrap_or(0);
            let before = self.before(label).and_then(|before| before.oom_kills);
            let kills = match before {
                // A group that was made anew counts from zero.
                Some(before) => total.checked_sub(before).unwrap_or(total),
                None if self.has_run && !was_there => total,
                None => 0,
            };
            if kills > 0 {
                self.kills.push((now, label.name().to_owned(), kills));
            }
        }
        self.kills
            .retain(|(at, ..)| now - at <= settings.oom_window.0);
        let count: u64 = self.kills.iter().map(|(.., count)| count).sum();
        settings.oom_kills.is_set().then(|| {
            if count == 0 {
                return (Status::Pass, "none".to_owned());
            }
            let (status, count) = settings.oom_kills.explain(count as f64);
            let mut names: Vec<&str> = Vec::new();
            for (_, name, _) in &self.kills {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            (status, format!("in {} {count}", list(&names)))
        })
    }

    fn remember(&mut self, seen: &Seen<'_>) {
        let groups = seen.groups.iter();
        self.before = groups
            .map(|(label, usage, _)| ((*label).clone(), (*usage).clone()))
            .collect();
        self.has_run = true;
    }
}

fn groups(seen: &Seen<'_>) -> Said {
    let mut message = format!("{} of {} looked at", seen.groups.len(), seen.included);
    let mut status = Status::Pass;
    for trouble in seen.troubles {
        status = Status::Warn;
        message = format!("{message}; {trouble}");
    }
    (status, message)
}

fn expected(settings: &Settings, seen: &Seen<'_>) -> Option<Said> {
    let count = settings.expect.len();
    match seen.missing.as_slice() {
        _ if count == 0 => None,
        [] => Some((Status::Pass, format!("all {count} run"))),
        missing => Some((Status::Fail, format!("not running: {}", list(missing)))),
    }
}

/// The verdict on the largest of `shares`, with its name; how many others are beyond a threshold too.
fn worst<'a>(
    limit: &Ceiling<Ratio>,
    shares: impl Iterator<Item = (&'a str, f64)>,
    none: &str,
) -> Said {
    let shares: Vec<(&str, f64)> = shares.collect();
    let largest = shares.iter().max_by(|one, other| one.1.total_cmp(&other.1));
    let Some((name, share)) = largest else {
        return (Status::Pass, none.to_owned());
    };
    let (status, shown) = limit.explain(*share);
    let beyond = shares
        .iter()
        .filter(|(_, share)| limit.judge(*share) > Status::Pass);
    let message = match (status, beyond.count()) {
        (Status::Pass, _) => format!("{shown} at most, {name}"),
        (_, 0 | 1) => format!("{name} {shown}"),
        (_, count) => format!("{name} {shown}, and {} more", count - 1),
    };
    (status, message)
}

fn list(names: &[&str]) -> String {
    let mut text = names[..names.len().min(MAX_NAMES)].join(", ");
    if names.len() > MAX_NAMES {
        text.push_str(&format!(" and {} more", names.len() - MAX_NAMES));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;
    use probity_sdk::config;

    fn label(name: &str) -> Label {
        Label {
            unit: name.to_owned(),
            ..Label::default()
        }
    }

    fn usage(memory: u64, kills: u64, periods: [u64; 2]) -> Usage {
        Usage {
            memory: Some(memory),
            memory_limit: Some(100),
            oom_kills: Some(kills),
            periods: Some(periods),
            pids: Some(5),
            ..Usage::default()
        }
    }

    fn judge(
        judges: &mut Judges,
        json: &str,
        now: f64,
        groups: &[(&str, Usage, bool)],
    ) -> BTreeMap<&'static str, Said> {
        let settings: Settings = config::parse(json).unwrap();
        let labels: Vec<Label> = groups.iter().map(|(name, ..)| label(name)).collect();
        let zipped = labels.iter().zip(groups);
        let seen = Seen {
            groups: zipped
                .map(|(label, (_, usage, was_there))| (label, usage, *was_there))
                .collect(),
            included: groups.len(),
            ..Seen::default()
        };
        let judged = judges.judge(&settings, now, &seen).into_iter();
        judged
            .map(|one| (CHECKS[one.check].0, (one.verdict, one.message)))
            .collect()
    }

    fn said(status: Status, message: &str) -> Said {
        (status, message.to_owned())
    }

    #[test]
    fn the_worst_group_is_named_and_the_others_are_counted() {
        let groups = [
            ("a", usage(50, 0, [0, 0]), true),
            ("b", usage(99, 0, [0, 0]), true),
            ("c", usage(91, 0, [0, 0]), true),
        ];
        let judged = judge(&mut Judges::default(), "{}", 0.0, &groups);
        let fails = said(Status::Fail, "b 99 %: fails from 98 %, and 1 more");
        assert_eq!(judged["memory"], fails);
        assert_eq!(judged["pids"], said(Status::Pass, "no group has a limit"));
        assert_eq!(judged["groups"], said(Status::Pass, "3 of 3 looked at"));
        let judged = judge(&mut Judges::default(), "{}", 0.0, &groups[..1]);
        assert_eq!(judged["memory"], said(Status::Pass, "50 % at most, a"));
        let off = r#"{"memory":{},"pids":{},"throttling":{},"oom_kills":{}}"#;
        let judged = judge(&mut Judges::default(), off, 0.0, &groups);
        assert_eq!(judged.keys().collect::<Vec<_>>(), [&"groups"]);
    }

    #[test]
    fn kills_are_told_for_a_while() {
        let mut judges = Judges::default();
        let mut run = |now, groups: &[(&str, Usage, bool)]| {
            judge(&mut judges, "{}", now, groups)["oom-kills"].clone()
        };
        let killed = |kills| usage(1, kills, [0, 0]);
        let none = said(Status::Pass, "none");
        let told = run(0.0, &[("a", killed(7), true)]);
        assert_eq!(told, none, "before anybody watched");
        let told = run(5.0, &[("a", killed(9), true)]);
        assert_eq!(told, said(Status::Warn, "in a 2: warns from 1"));
        // One that is new has its kills from between the runs; one that was only not looked at has none.
        let told = run(
            10.0,
            &[
                ("a", killed(9), true),
                ("new", killed(1), false),
                ("late", killed(50), true),
            ],
        );
        assert_eq!(told, said(Status::Warn, "in a, new 3: warns from 1"));
        // Made anew, it counts from zero.
        let told = run(11.0, &[("a", killed(1), true)]);
        assert_eq!(told, said(Status::Warn, "in a, new 4: warns from 1"));
        assert_eq!(run(700.0, &[("a", killed(1), true)]), none);
    }

    #[test]
    fn throttling_is_a_share_of_the_periods_since_the_run_before() {
        let mut judges = Judges::default();
        let mut run = |periods| {
            judge(&mut judges, "{}", 0.0, &[("a", usage(1, 0, periods), true)])["throttling"]
                .clone()
        };
        let none = said(Status::Pass, "no group has used up its quota");
        assert_eq!(run([1000, 900]), none, "no run before");
        assert_eq!(run([1005, 905]), none, "too few");
        assert_eq!(
            run([1025, 920]),
            said(Status::Warn, "a 75 %: warns from 50 %")
        );
        assert_eq!(run([1045, 922]), said(Status::Pass, "10 % at most, a"));
        assert_eq!(run([50, 50]), none, "made anew");
    }

    #[test]
    fn what_is_missing_and_what_was_not_looked_at_is_told() {
        let settings: Settings = config::parse(r#"{"expect":["a","b*"]}"#).unwrap();
        let troubles = ["a trouble".into(), "another".into()];
        let mut seen = Seen {
            included: 9,
            troubles: &troubles,
            missing: vec!["b*"],
            ..Seen::default()
        };
        let judged = Judges::default().judge(&settings, 0.0, &seen);
        let last = judged.last().unwrap();
        assert_eq!(
            (last.verdict, last.message.as_str()),
            (Status::Fail, "not running: b*")
        );
        let first = (judged[0].verdict, judged[0].message.as_str());
        assert_eq!(
            first,
            (Status::Warn, "0 of 9 looked at; a trouble; another")
        );
        seen.missing.clear();
        let judged = Judges::default().judge(&settings, 0.0, &seen);
        assert_eq!(judged.last().unwrap().message, "all 2 run");
    }
}
