//! The standard probes in the whole runtime, against servers and files of the test: well, silent, garbled, endless, one byte at a time.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
#![allow(
    clippy::too_many_lines,
    reason = "a test is one configuration with many targets, and what is said of each"
)]

mod cgroups;
mod described;
mod dns;
mod documented;
mod git;
mod heartbeat;
mod http;
mod outbox;
#[path = "../support/place.rs"]
mod place;
mod postgres;
mod redis;
mod scrape;
mod servers;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod tcp;
mod tls;
mod until;
mod web;
mod webserver;
#[path = "../support/wire.rs"]
mod wire;

use std::sync::Arc;

use probity::model::{ProbeState, Status};
use probity::probe::ProbeConfig;
use probity::snapshot::Snapshot;

use place::{Place, Running, state};
use wire::PATIENCE;

/// A Probity that runs one standard probe.
struct Watching {
    running: Running,
    _place: Place,
    probe: String,
}

#[derive(serde::Deserialize)]
struct Sections {
    probe: Vec<ProbeConfig>,
}

/// The committed component, or the one that was just built from its sources.
fn component(probe: &str) -> Vec<u8> {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/probes");
    let folder = std::env::var("PROBITY_TEST_PROBES").unwrap_or_else(|_| committed.to_owned());
    std::fs::read(format!("{folder}/{probe}.wasm")).unwrap()
}

/// Starts a probe with this section, as TOML without its name. It runs at once, and again every three seconds.
async fn watching(probe: &str, section: &str) -> Watching {
    watching_every("3s", probe, section).await
}

/// As [`watching`], at another interval.
async fn watching_every(interval: &str, probe: &str, section: &str) -> Watching {
    let text = format!("[[probe]]\nname = \"{probe}\"\ninterval = \"{interval}\"\n{section}");
    let sections: Sections = toml::from_str(&text).unwrap();
    let mut place = Place::new().add_bytes(probe, &component(probe));
    place.config.probe = sections.probe;
    place.config.health.failures = 1;
    place.config.health.recoveries = 1;
    Watching {
        running: place.start().await,
        _place: place,
        probe: probe.to_owned(),
    }
}

impl Watching {
    /// Waits until the probe is in this state, and its checks are judged.
    async fn until(&self, wanted: ProbeState) -> Arc<Snapshot> {
        let checks = format!("{}/", self.probe);
        let what = format!("{} is {wanted:?}", self.probe);
        let judged = |snapshot: &Snapshot| {
            let mut names = snapshot.health.checks.iter().map(|check| &check.name);
            names.any(|name| name.starts_with(&checks))
        };
        let reached = |snapshot: &Snapshot| {
            state(snapshot, &self.probe) == Some(wanted)
                && (wanted != ProbeState::Active || judged(snapshot))
        };
        self.running.until(&what, reached).await
    }

    /// The value of a series, with the labels besides `probe` as they stand in the text.
    async fn value(&self, name: &str, labels: &str) -> Option<f64> {
        let text = self.running.get("/metrics").await;
        let series = format!("{name}{{probe=\"{}\",{labels}}} ", self.probe);
        let mut lines = text.text().lines();
        let number = lines.find_map(|line| line.strip_prefix(&series))?;
        Some(number.parse().unwrap())
    }

    /// Waits until series have these values: name, labels besides `probe`, value.
    async fn shows(&self, wanted: &[(&str, &str, f64)]) {
        for (name, labels, value) in wanted {
            self.until_value(&format!("{name}{{{labels}}}"), |shown| shown == *value)
                .await;
        }
    }

    /// Waits until one snapshot has these verdicts: a server of the test that is late for once has time in the next run.
    async fn judges(&self, wanted: &[(&str, Status, &str)]) {
        let mut changes = self.running.0.snapshots().changes();
        let latest = || self.running.0.snapshots().load();
        let found = async {
            while !latest().is_some_and(|latest| are_judged(&latest, wanted)) {
                changes.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, found).await.is_err() {
            // Says what the last one lacks.
            judges(&latest().unwrap(), wanted);
        }
    }

    /// Asserts that times are as long as that, give or take a minute.
    async fn shows_about(&self, wanted: &[(&str, &str, f64)]) {
        for (name, labels, seconds) in wanted {
            let shown = self.value(name, labels).await;
            let is_near = shown.is_some_and(|shown| (shown - seconds).abs() < 60.0);
            assert!(is_near, "{name}{{{labels}}} is {shown:?}");
        }
    }

    /// Stops it.
    async fn stop(self) {
        self.running.stop().await;
    }
}

/// Asserts verdicts: check, status, and what its message ends with.
#[track_caller]
fn judges(snapshot: &Snapshot, wanted: &[(&str, Status, &str)]) {
    for (check, status, words) in wanted {
        let mut checks = snapshot.health.checks.iter();
        let found = checks.find(|one| &*one.name == *check);
        let found = found.unwrap_or_else(|| panic!("no check {check}"));
        assert_eq!(found.status, *status, "{check}: {}", found.message);
        assert!(found.message.ends_with(words), "{check}: {}", found.message);
    }
}

fn are_judged(snapshot: &Snapshot, wanted: &[(&str, Status, &str)]) -> bool {
    let checks = &snapshot.health.checks;
    wanted.iter().all(|(check, status, words)| {
        let mut named = checks.iter().filter(|one| &*one.name == *check);
        named.any(|one| one.status == *status && one.message.ends_with(words))
    })
}

/// Why the probe does not run, and the code of that.
fn error(snapshot: &Snapshot, probe: &str) -> String {
    let mut probes = snapshot.probes.iter();
    let view = probes.find(|view| &*view.identity.name == probe).unwrap();
    let (failure, _) = view.status.last_error.as_ref().unwrap();
    format!("{}: {}", failure.code, failure.message)
}

#[test]
fn the_documentation_s_sections_are_right() {
    let mut probes = Vec::new();
    for block in include_str!("../../probes/README.md")
        .split("```toml\n")
        .skip(1)
    {
        let text = block.split("```").next().unwrap();
        let config: probity::config::Config = toml::from_str(text).unwrap();
        probes.extend(config.probe.into_iter().map(|section| section.name));
    }
    for probe in ["tcp", "dns", "redis", "postgres", "outbox"] {
        assert!(probes.iter().any(|name| name == probe), "{probe}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_configuration_they_lie_dormant_and_say_what_to_add() {
    for (probe, words) in [
        ("tcp", "config = { targets = [{ name = "),
        ("dns", "config = { queries = [{ name = "),
        ("redis", "config = { targets = [{ name = "),
        ("postgres", "config = { targets = [{ name = "),
        ("outbox", "config = { counts = [{ name = "),
    ] {
        let watching = watching(probe, "").await;
        let snapshot = watching.until(ProbeState::Dormant).await;
        let error = error(&snapshot, probe);
        assert!(
            error.starts_with("not-applicable: ") && error.contains(words),
            "{error}"
        );
        watching.stop().await;
    }
}
