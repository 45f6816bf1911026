//! The verdicts on what was read.

use probity_sdk::Status;
use probity_sdk::config::{Ceiling, Floor, Ratio};

use crate::{Facts, Headroom, Settings};

/// The checks as (id, title).
pub const CHECKS: [(&str, &str); 6] = [
    ("load", "Load for each processor"),
    ("cpu-pressure", "Tasks waiting for a processor"),
    ("memory-pressure", "Tasks waiting for memory"),
    ("io-pressure", "Tasks waiting for disks"),
    ("memory-headroom", "Memory still available"),
    ("descriptor-headroom", "File descriptors left to the host"),
];

/// What one check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Which of [`CHECKS`], by position.
    pub check: usize,
    /// The verdict.
    pub verdict: Status,
    /// The value, and the threshold that it has crossed.
    pub message: String,
}

/// Judges what is there; a check without a value is left out.
pub fn judge(facts: &Facts, settings: &Settings) -> Vec<Judgement> {
    let pressure = |resource, limit: &Ceiling<Ratio>| {
        let ratio = facts.some_pressure(resource)?;
        Some(limit.explain(ratio))
    };
    let left = |headroom: Option<Headroom>, limit: &Floor<Ratio>| {
        headroom.map(|headroom| limit.explain(headroom.ratio))
    };
    let said = [
        facts.load.map(|load| settings.load.explain(load)),
        pressure("cpu", &settings.cpu_pressure),
        pressure("memory", &settings.memory_pressure),
        pressure("io", &settings.io_pressure),
        left(facts.memory, &settings.memory_headroom),
        left(facts.descriptors, &settings.descriptor_headroom),
    ];
    let judgement = |(check, said): (usize, Option<(Status, String)>)| {
        let (verdict, message) = said?;
        Some(Judgement {
            check,
            verdict,
            message,
        })
    };
    said.into_iter().enumerate().filter_map(judgement).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(facts: &Facts) -> Vec<(&'static str, Status, String)> {
        judge(facts, &Settings::default())
            .into_iter()
            .map(|one| (CHECKS[one.check].0, one.verdict, one.message))
            .collect()
    }

    #[test]
    fn every_check_has_its_own_value() {
        let facts = Facts {
            load: Some(2.5),
            pressure: vec![
                ("cpu", "some", 0.99),
                ("memory", "some", 0.4),
                ("io", "some", 0.1),
                ("io", "full", 1.0),
            ],
            memory: Some(Headroom {
                left: 1.0,
                ratio: 0.03,
            }),
            cgroup_memory: None,
            descriptors: Some(Headroom {
                left: 1.0,
                ratio: 0.2,
            }),
            stale: false,
        };
        let expected = [
            ("load", Status::Warn, "2.5: warns from 2"),
            ("cpu-pressure", Status::Warn, "99 %: warns from 60 %"),
            ("memory-pressure", Status::Fail, "40 %: fails from 40 %"),
            ("io-pressure", Status::Pass, "10 %"),
            ("memory-headroom", Status::Fail, "3 %: fails from 3 % down"),
            (
                "descriptor-headroom",
                Status::Warn,
                "20 %: warns from 20 % down",
            ),
        ];
        let expected = expected.map(|(id, verdict, message)| (id, verdict, message.to_owned()));
        assert_eq!(verdicts(&facts), expected);
    }

    #[test]
    fn a_check_without_a_value_is_left_out() {
        assert_eq!(verdicts(&Facts::default()), []);
        let facts = Facts {
            load: Some(0.0),
            ..Facts::default()
        };
        assert_eq!(verdicts(&facts), [("load", Status::Pass, "0".to_owned())]);
    }
}
