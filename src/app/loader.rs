//! Starts the sources: the samplers at once, the probes as they are compiled, several at a time.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::welcome;
use crate::config::{Config, Loaded};
use crate::merge;
use crate::model::{Failure, ProbeIdentity, ProbeState, ProbeStatus, Update};
use crate::probe::{self, Candidate, ProbeConfig, ProbeHost};
use crate::sampler::{self, Maker};
use crate::schedule::Schedule;

/// Names that series and runs of the host's own carry; a probe under one of them could not be told apart.
fn is_built_in(name: &str) -> bool {
    sampler::NAMES.contains(&name) || name == merge::OWN_SOURCE
}

/// What is to be started.
pub(super) struct Loader {
    config: Arc<Config>,
    /// A file of the operator's own names its probes on purpose; the built-in configuration does not.
    own_file: bool,
    host: Arc<ProbeHost>,
    candidates: Vec<Candidate>,
    makers: Vec<Maker>,
    schedule: Schedule,
}

impl Loader {
    pub(super) fn new(
        loaded: &Loaded,
        host: Arc<ProbeHost>,
        candidates: Vec<Candidate>,
        makers: Vec<Maker>,
        schedule: Schedule,
    ) -> Self {
        Self {
            config: Arc::new(loaded.config.clone()),
            own_file: loaded.origin.file.is_some(),
            host,
            candidates,
            makers,
            schedule,
        }
    }

    /// Starts everything and gives the schedule back for the drain.
    pub(super) async fn run(mut self) -> Schedule {
        for maker in std::mem::take(&mut self.makers) {
            self.schedule
                .add_sampler(maker, self.config.sampler.interval.0)
                .await;
        }
        self.report_missing().await;
        self.load_probes().await;
        self.schedule.tell(Update::StartComplete).await;
        self.schedule
    }

    /// Loads in parallel, as many at once as the blocking pool and the compiler's own threads make of it.
    async fn load_probes(&mut self) {
        let mut loading = JoinSet::new();
        for candidate in std::mem::take(&mut self.candidates) {
            let section = self.section(&candidate.name);
            if !section.enabled {
                tracing::info!(
                    probe = candidate.name,
                    "not loaded: it is switched off in the configuration"
                );
                continue;
            }
            if is_built_in(&candidate.name) {
                let message = "this is the name of a built-in source: give the file another one";
                let identity = probe::missing(&candidate.name, candidate.file);
                self.reject(
                    Arc::new(identity),
                    Arc::new(Failure::new("file.name", message)),
                )
                .await;
                continue;
            }
            let (host, config) = (self.host.clone(), self.config.clone());
            loading
                .spawn_blocking(move || probe::load(&host, &candidate, &config.probes, &section));
        }
        while let Some(loaded) = loading.join_next().await {
            match loaded {
                Ok(probe::Loaded::Probe(probe)) => {
                    welcome::loaded(probe.identity());
                    self.schedule.add_probe(*probe).await;
                }
                Ok(probe::Loaded::Rejected(identity, failure)) => {
                    self.reject(identity, failure).await
                }
                Err(error) => {
                    tracing::error!("a defect of the host ended the loading of a probe: {error}")
                }
            }
        }
    }

    /// The probe's own section; a file without one runs with the defaults and nothing granted.
    fn section(&self, name: &str) -> ProbeConfig {
        let own = self
            .config
            .probe
            .iter()
            .find(|section| section.name == name);
        own.cloned()
            .unwrap_or_else(|| ProbeConfig::unmentioned(name))
    }

    async fn report_missing(&self) {
        let missing = self
            .config
            .probe
            .iter()
            .filter(|section| section.enabled && self.own_file);
        for section in missing {
            if self
                .candidates
                .iter()
                .all(|candidate| candidate.name != section.name)
            {
                let file = self
                    .config
                    .probes
                    .folder
                    .join(format!("{}.wasm", section.name));
                let failure = Failure::new(
                    "file.missing",
                    format!("configured, but there is no {}", file.display()),
                );
                self.reject(
                    Arc::new(probe::missing(&section.name, file)),
                    Arc::new(failure),
                )
                .await;
            }
        }
    }

    async fn reject(&self, identity: Arc<ProbeIdentity>, failure: Arc<Failure>) {
        welcome::rejected(&identity, &failure);
        let mut status = ProbeStatus::new(ProbeState::Rejected);
        status.last_error = Some((failure, std::time::SystemTime::now()));
        self.schedule.tell(Update::Probe(identity, status)).await;
    }
}
