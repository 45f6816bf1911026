//! The probe as the host sees it.

use std::cell::RefCell;

use kit::Verdict;

use crate::{CHECKS, Facts, Headroom, Settings, judge};
use bindings::exports::probity::probe::collector::Guest;
use bindings::probity::health::health::{Check, Status};
use bindings::probity::host::failure::Failure;
use bindings::probity::host::{config, snapshot};
use bindings::probity::metrics::metrics::Gauge;

/// Generated from the interface.
#[allow(missing_docs, clippy::all)]
mod bindings {
    use super::Saturation;

    wit_bindgen::generate!({ world: "probe", path: "../../wit/0.1.0", generate_all });
    export!(Saturation with_types_in self);
}

struct Saturation {
    settings: Settings,
    load: Gauge,
    pressure: Gauge,
    memory_ratio: Gauge,
    memory_bytes: Gauge,
    descriptors: Gauge,
    checks: Vec<Check>,
}

thread_local! {
    /// What `start` made for the runs of this instance.
    static STARTED: RefCell<Option<Saturation>> = const { RefCell::new(None) };
}

impl Guest for Saturation {
    fn start() -> Result<(), Failure> {
        let settings = Settings::parse(&config::json())
            .map_err(|fault| Failure::bad_config(&fault.to_string()))?;
        let started = Saturation::new(settings)?;
        STARTED.set(Some(started));
        Ok(())
    }

    fn collect() -> Result<(), Failure> {
        STARTED.with_borrow(|started| match started {
            Some(saturation) => saturation.run(),
            None => Err(Failure::other("collect was called before start")),
        })
    }
}

impl Saturation {
    fn new(settings: Settings) -> Result<Self, Failure> {
        let gauge = |name: &str, unit: &str, help: &str, keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            Gauge::define(name, unit, help, &keys)
        };
        let checks = CHECKS.iter().map(|(id, title)| Check::define(id, title));
        Ok(Self {
            settings,
            load: gauge(
                "saturation_load_ratio",
                "ratio",
                "Load average of five minutes for each processor",
                &[],
            )?,
            pressure: gauge(
                "saturation_pressure_ratio",
                "ratio",
                "Share of the last minute in which some or all tasks waited for the resource",
                &["resource", "share"],
            )?,
            memory_ratio: gauge(
                "saturation_memory_headroom_ratio",
                "ratio",
                "Share of memory still available",
                &["scope"],
            )?,
            memory_bytes: gauge(
                "saturation_memory_headroom_bytes",
                "bytes",
                "Memory still available",
                &["scope"],
            )?,
            descriptors: gauge(
                "saturation_descriptor_headroom_ratio",
                "ratio",
                "Share of the host's file descriptors not in use",
                &[],
            )?,
            checks: checks.collect::<Result<_, _>>()?,
        })
    }

    fn run(&self) -> Result<(), Failure> {
        let facts = Facts::read(snapshot::json);
        if facts.is_empty() {
            return nothing_to_read(facts.stale);
        }
        if let Some(load) = facts.load {
            self.load.set(&[], load)?;
        }
        for (resource, share, ratio) in &facts.pressure {
            self.pressure
                .set(&[(*resource).into(), (*share).into()], *ratio)?;
        }
        self.set_memory("machine", facts.memory)?;
        self.set_memory("cgroup", facts.cgroup_memory)?;
        if let Some(descriptors) = facts.descriptors {
            self.descriptors.set(&[], descriptors.ratio)?;
        }
        for one in judge(&facts, &self.settings) {
            self.checks[one.check].report(status(one.verdict), &one.message);
        }
        Ok(())
    }

    fn set_memory(&self, scope: &str, headroom: Option<Headroom>) -> Result<(), Failure> {
        let Some(headroom) = headroom else {
            return Ok(());
        };
        self.memory_ratio.set(&[scope.into()], headroom.ratio)?;
        self.memory_bytes.set(&[scope.into()], headroom.left)
    }
}

/// Nothing is wrong while the snapshot is still being gathered; once it is whole, this machine has nothing to offer.
fn nothing_to_read(stale: bool) -> Result<(), Failure> {
    if stale {
        return Err(Failure::unavailable(
            "all that the snapshot has to derive from is stale",
        ));
    }
    match snapshot::json("/scheduler/whole").as_deref() {
        Some("true") => Err(Failure::not_applicable(
            "the snapshot has no facts about load, pressure, memory or descriptors: are the samplers disabled?",
        )),
        _ => Ok(()),
    }
}

fn status(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Pass => Status::Pass,
        Verdict::Warn => Status::Warn,
        Verdict::Fail => Status::Fail,
    }
}
