//! The whole runtime in the test's own process, on a free port, with a probe folder and a state folder of its own.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses its own part, and a failed step fails the test"
)]

use std::path::PathBuf;
use std::sync::Arc;

use probity::app::App;
use probity::config::{Config, Loaded, Origin};
use probity::model::{ProbeState, Span};
use probity::snapshot::Snapshot;

use super::support::bench::{GAUGE, SET_ONE, named_gauge};
use super::support::guest::Guest;
use super::wire::{self, Client, PATIENCE};

/// A folder of probes, a state folder, and the configuration that uses them.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub config: Config,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.server.drain_timeout = Span::seconds(20);
        config.sampler.interval = Span::millis(100);
        config.probes.folder = folder.path().to_owned();
        config.probes.interval = Span::millis(100);
        // Not what follows from the interval: a run that the machine holds up for a moment is none that takes too long.
        config.probes.limits.deadline = Some(Span::seconds(10));
        config.state.directory = Some(folder.path().join("state"));
        Self { folder, config }
    }

    pub fn add(self, name: &str, guest: &Guest) -> Self {
        self.add_bytes(name, &guest.build())
    }

    pub fn add_bytes(self, name: &str, bytes: &[u8]) -> Self {
        std::fs::write(self.folder.path().join(format!("{name}.wasm")), bytes).unwrap();
        self
    }

    pub async fn start(&self) -> Running {
        Running(App::start(&self.loaded()).await.unwrap())
    }

    /// What it starts with.
    pub fn loaded(&self) -> Loaded {
        Loaded {
            config: self.config.clone(),
            origin: Origin {
                file: Some(PathBuf::from("test.toml")),
                overrides: Vec::new(),
            },
            state_directory: self.folder.path().join("state"),
            ..Loaded::default()
        }
    }
}

pub struct Running(pub App);

impl Running {
    /// Waits for a snapshot that satisfies `wanted`.
    pub async fn until(
        &self,
        what: &str,
        mut wanted: impl FnMut(&Snapshot) -> bool,
    ) -> Arc<Snapshot> {
        let mut changes = self.0.snapshots().changes();
        let found = async {
            loop {
                if let Some(snapshot) = self
                    .0
                    .snapshots()
                    .load()
                    .filter(|snapshot| wanted(snapshot))
                {
                    return snapshot;
                }
                changes.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| {
            panic!(
                "never: {what}; last: {:#?}",
                self.0.snapshots().load().map(|last| last.probes.clone())
            )
        })
    }

    pub async fn get(&self, path: &str) -> wire::Answer {
        Client::connect(self.0.address()).await.get(path).await
    }

    pub async fn stop(self) {
        assert_eq!(self.0.stop().await, Vec::<&str>::new());
    }
}

pub fn good(name: &str) -> Guest {
    named_gauge(name).collect(&format!("{GAUGE} {SET_ONE}"))
}

pub fn runs(snapshot: &Snapshot, probe: &str) -> u64 {
    let found = snapshot
        .probes
        .iter()
        .find(|view| &*view.identity.name == probe);
    found.map_or(0, |view| view.status.runs)
}

pub fn state(snapshot: &Snapshot, probe: &str) -> Option<ProbeState> {
    let found = snapshot
        .probes
        .iter()
        .find(|view| &*view.identity.name == probe);
    found.map(|view| view.status.state)
}
