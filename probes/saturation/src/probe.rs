//! What the host calls.

use probity_sdk::json::Value;
use probity_sdk::prelude::*;
use probity_sdk::snapshot;

use crate::{CHECKS, Facts, Headroom, Settings, judge};

struct Saturation {
    settings: Settings,
    load: Gauge,
    pressure: Gauge<2>,
    memory_ratio: Gauge<1>,
    memory_bytes: Gauge<1>,
    descriptors: Gauge,
    checks: Vec<Check>,
}

probity_sdk::probe!(Saturation);

impl Probe for Saturation {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        let checks = CHECKS.iter().map(|(id, title)| Check::define(id, title));
        Ok(Self {
            settings,
            load: Gauge::define(
                "saturation_load_ratio",
                "Load average of five minutes for each processor",
                [],
            )?,
            pressure: Gauge::define(
                "saturation_pressure_ratio",
                "Share of the last minute in which some or all tasks waited for the resource",
                ["resource", "share"],
            )?,
            memory_ratio: Gauge::define(
                "saturation_memory_headroom_ratio",
                "Share of memory still available",
                ["scope"],
            )?,
            memory_bytes: Gauge::define(
                "saturation_memory_headroom_bytes",
                "Memory still available",
                ["scope"],
            )?,
            descriptors: Gauge::define(
                "saturation_descriptor_headroom_ratio",
                "Share of the host's file descriptors not in use",
                [],
            )?,
            checks: checks.collect::<Result<_>>()?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let facts = Facts::read(snapshot::part);
        if facts.is_empty() {
            return nothing_to_read(facts.stale);
        }
        if let Some(load) = facts.load {
            self.load.set([], load)?;
        }
        for (resource, share, ratio) in &facts.pressure {
            self.pressure.set([resource, share], *ratio)?;
        }
        self.set_memory("machine", facts.memory)?;
        self.set_memory("cgroup", facts.cgroup_memory)?;
        if let Some(descriptors) = facts.descriptors {
            self.descriptors.set([], descriptors.ratio)?;
        }
        for one in judge(&facts, &self.settings) {
            self.checks[one.check].report(one.verdict, &one.message);
        }
        Ok(())
    }
}

impl Saturation {
    fn set_memory(&self, scope: &str, headroom: Option<Headroom>) -> Result<()> {
        let Some(headroom) = headroom else {
            return Ok(());
        };
        self.memory_ratio.set([scope], headroom.ratio)?;
        self.memory_bytes.set([scope], headroom.left)
    }
}

/// Nothing is wrong while the snapshot is still being gathered; once it is whole, this machine has nothing to offer.
fn nothing_to_read(stale: bool) -> Result<()> {
    if stale {
        return Err(Failure::unavailable(
            "all that the snapshot has to derive from is stale",
        ));
    }
    match snapshot::part("/scheduler/whole") {
        Some(Value::Bool(true)) => Err(Failure::not_applicable(
            "the snapshot has no facts about load, pressure, memory or descriptors: are the samplers disabled?",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::testing::Host;

    use super::*;

    #[test]
    fn a_whole_snapshot_gives_metrics_and_checks() {
        let mut host = Host::new();
        host.snapshot(include_str!("../fixtures/snapshot.json"));
        let mut probe = host.start::<Saturation>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.value("saturation_load_ratio", []), Some(1.5));
        assert_eq!(
            report.value("saturation_pressure_ratio", ["io", "some"]),
            Some(0.5)
        );
        assert_eq!(
            report.value("saturation_memory_headroom_bytes", ["machine"]),
            Some(6e9)
        );
        assert_eq!(report.check("load"), Some((Status::Pass, "1.5")));
        assert_eq!(
            report.check("io-pressure"),
            Some((Status::Warn, "50 %: warns from 40 %"))
        );
    }

    #[test]
    fn without_facts_it_waits_for_a_whole_snapshot_and_then_lies_dormant() {
        let mut host = Host::new();
        let mut probe = host.start::<Saturation>().unwrap();
        assert!(host.collect(&mut probe).unwrap().series().is_empty());
        host.snapshot(r#"{"scheduler":{"whole":true}}"#);
        let failure = host.collect(&mut probe).unwrap_err();
        assert_eq!(failure.code(), "not-applicable");
    }
}
