//! A probe host with a folder of its own, for tests that load guests.

use std::sync::{Arc, Once};
use std::time::Duration;

use probity::model::{Failure, Observation, Outcome, ProbeIdentity};
use probity::probe::{
    Candidate, Config, Due, Limits, Loaded, Probe, ProbeConfig, ProbeHost, Surroundings, Trigger,
    load,
};

use super::guest::Guest;

/// Defines the gauge `%name` without labels and leaves its handle for `$handle`.
pub const GAUGE: &str = "(call $gauge.define %name %empty %help %empty (i32.const 16))";
/// Sets the gauge to 1 and answers with what came of it.
pub const SET_ONE: &str =
    "(call $gauge.set (call $handle) %empty (f64.const 1) (i32.const 16)) (call $pass-on)";

/// A host and a folder.
pub struct Bench {
    pub host: Arc<ProbeHost>,
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(&Config::default())
    }

    /// With settings of the engine.
    pub fn with(config: &Config) -> Self {
        Self::within(config, Surroundings::default())
    }

    /// With what the program around it gives.
    pub fn within(config: &Config, around: Surroundings) -> Self {
        keep_a_log();
        let host = ProbeHost::new(config, around).unwrap();
        Self {
            host,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Loads a file of the folder with nothing granted.
    pub fn load_file(&self, name: &str, limits: Limits) -> Loaded {
        let defaults = Config {
            limits,
            ..Config::default()
        };
        let file = self.folder.path().join(format!("{name}.wasm"));
        load(
            &self.host,
            &Candidate {
                name: name.into(),
                file,
                generation: 1,
            },
            &defaults,
            &ProbeConfig::unmentioned(name),
        )
    }

    /// Writes bytes into the folder and loads them.
    pub fn load_bytes(&self, bytes: &[u8], limits: Limits) -> Loaded {
        self.load_named("guest", bytes, limits)
    }

    /// Writes bytes into the folder under this name and loads them.
    pub fn load_named(&self, name: &str, bytes: &[u8], limits: Limits) -> Loaded {
        let file = self.folder.path().join(format!("{name}.wasm"));
        std::fs::write(file, bytes).unwrap();
        self.load_file(name, limits)
    }

    /// Loads a guest that must load.
    pub fn load(&self, guest: &Guest, limits: Limits) -> Box<Probe> {
        loaded(self.load_bytes(&guest.build(), limits))
    }

    /// Loads what must be refused.
    pub fn reject(&self, bytes: &[u8], limits: Limits) -> (Arc<ProbeIdentity>, Arc<Failure>) {
        rejected(self.load_bytes(bytes, limits))
    }

    /// The one thing every fault has in common: the host goes on.
    pub async fn assert_alive(&self) {
        let good = named_gauge("good").collect(&format!("{GAUGE} {SET_ONE}"));
        let mut probe = self.load(&good, Limits::default());
        let observation = run(&mut probe).await;
        assert!(
            matches!(observation.outcome, Outcome::Ok),
            "{:?}",
            observation.outcome
        );
        assert_eq!(observation.staged.writes.len(), 1);
    }
}

/// What must have been loaded.
pub fn loaded(loaded: Loaded) -> Box<Probe> {
    match loaded {
        Loaded::Fit(version) => Box::new(Probe::new(version)),
        Loaded::Rejected(_, failure) => panic!("{failure}"),
    }
}

/// Lines from `info` on are asked for, as in the program; where they go does not matter.
fn keep_a_log() {
    static LOG: Once = Once::new();
    LOG.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_writer(std::io::sink)
            .init();
    });
}

/// What must have been refused.
pub fn rejected(loaded: Loaded) -> (Arc<ProbeIdentity>, Arc<Failure>) {
    match loaded {
        Loaded::Rejected(identity, failure) => (identity, failure),
        Loaded::Fit(version) => panic!("{} was loaded", version.identity().name),
    }
}

/// A guest with the texts that [`GAUGE`] needs.
pub fn named_gauge(name: &str) -> Guest {
    Guest::new()
        .text("name", name)
        .text("help", "Help.")
        .text("empty", "")
}

/// Runs a probe once.
pub async fn run(probe: &mut Probe) -> Observation {
    probe
        .run(Due {
            trigger: Trigger::Test,
            lateness: Duration::ZERO,
            missed: 0,
        })
        .await
}
