//! Wiring: opens everything, starts everything, and drains in order.
//!
//! [`App`] is the whole runtime as a value, for the binary and for applications that embed it. Nothing is spawned
//! before everything is bound and opened, so a failed start leaves nothing behind.

mod backups;
mod emitting;
mod keep;
mod past;
mod run;
mod telling;
mod welcome;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Catalogue, Plan};
use crate::config::{Config, Loaded};
use crate::event::{Events, Recorder, task};
use crate::merge::{self, Merge};
use crate::model::{Invalid, Tally};
use crate::probe::{self, CompileTally, Compiler, ProbeHost, Surroundings};
use crate::redact::{self, Redactor};
use crate::sampler::{self, Maker};
use crate::schedule::{Schedule, UPDATE_CAPACITY};
use crate::snapshot::SnapshotCell;
use crate::store::Store;
use crate::{health, http};

use backups::{BackingUp, BackupTask};
use keep::Keep;
use past::{Past, PastTasks};
use telling::{Telling, TellingTask};

pub use emitting::check_events;
pub use run::{Ended, Obstacle, run};

/// Where compiled components are kept, below the state folder.
const CACHE_FOLDER: &str = "compiled";

/// Where compiles that were cut short are remembered, below the state folder.
const ATTEMPTS_FOLDER: &str = "compiling";

/// Actions of operators under way to the catalogue. When it is full, whoever asks is told to try again.
const ACTION_CAPACITY: usize = 64;

/// What the drain may take beyond `server.drain_timeout`.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// A running Probity.
pub struct App {
    address: SocketAddr,
    snapshots: Arc<SnapshotCell>,
    host: Arc<ProbeHost>,
    stop_serving: CancellationToken,
    stop_observing: CancellationToken,
    drain_timeout: Duration,
    server: JoinHandle<Result<http::Drained, http::HttpError>>,
    sources: JoinHandle<Schedule>,
    merge: JoinHandle<()>,
    past: PastTasks,
    telling: TellingTask,
    backups: BackupTask,
    store: Option<Store>,
}

impl App {
    /// Opens and starts everything on the current runtime, whose event loop is the one that is measured.
    ///
    /// # Errors
    /// What could not be bound or opened; then nothing runs. [`Obstacle::of`] tells what it was.
    pub async fn start(loaded: &Loaded) -> anyhow::Result<Self> {
        Self::start_with(loaded, Vec::new(), Compiler::InProcess).await
    }

    /// [`App::start`], with counters of the caller's own that are published beside the program's, and components
    /// compiled where the caller says.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(
        loaded: &Loaded,
        mut tallies: Vec<Arc<Tally>>,
        compiler: Compiler,
    ) -> anyhow::Result<Self> {
        let config = &loaded.config;
        let snapshots = Arc::new(SnapshotCell::new());
        let mut tally = Tally::default();
        let (stop_serving, stop_observing) = (CancellationToken::new(), CancellationToken::new());
        let (act, actions) = mpsc::channel(ACTION_CAPACITY);
        let (updates, received) = mpsc::channel(UPDATE_CAPACITY);
        let mut past = Past::new(config, &snapshots, &mut tally);
        let backups = BackingUp::new(loaded, &updates, &mut tally)?;
        let mut telling = Telling::new(config, &snapshots, &updates, &mut tally)?;
        let redactor = shown_redactor(&config.redaction, &mut tally)?;
        let handles = handles(config, &snapshots, &stop_serving, &mut tally);
        let handles = http::Handles {
            actions: Some(act),
            redactor: redactor.clone(),
            ..backups.shown(telling.shown(past.shown(handles)))
        };
        // A second Probity on the folder learns that, whatever it would listen on.
        let keep = keep::open(&loaded.state_directory, &config.state).await?;
        let server = match http::Server::bind(&config.server, handles) {
            Ok(server) => server,
            Err(error) => return Err(keep.give_back(error).await),
        };
        past.open(keep.store.as_ref());
        telling.open(keep.store.as_ref()).await;
        let around = Surroundings {
            compiler,
            compile_tally: CompileTally::new(&mut tally),
            ..surroundings(&snapshots, &keep, &telling)
        };
        let host = probe_host(loaded, around)?;
        let makers = samplers(config);
        let schedule = Schedule::new(updates, stop_observing.clone());
        let stop = stop_observing.clone();
        let catalogue = Catalogue::open(plan(loaded), host.clone(), schedule, actions, stop)?;
        let watch = health::Watch::new(&config.health)
            .with_store(keep.condition)
            .with_backup(backups.condition());
        tallies.extend([Arc::new(tally), Arc::new(keep.tally)]);
        let merge = Merge::new(received, snapshots.clone(), watch, tallies)?.redacting(redactor);

        let address = server.local_addr();
        welcome::listening(loaded, address, &makers);
        Ok(Self {
            address,
            host,
            drain_timeout: config.server.drain_timeout.0,
            merge: tokio::spawn(merge.run()),
            server: tokio::spawn(server.run(stop_serving.clone())),
            sources: tokio::spawn(observe(catalogue, makers, config.sampler.interval.0)),
            past: past.start(&snapshots, &stop_observing),
            telling: telling.start(&stop_observing),
            backups: backups.start(&stop_serving),
            snapshots,
            stop_serving,
            stop_observing,
            store: keep.store,
        })
    }

    /// The address it serves on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The newest snapshot, and those to come.
    pub fn snapshots(&self) -> &Arc<SnapshotCell> {
        &self.snapshots
    }

    /// The way of events into the store.
    pub fn events(&self) -> &Events {
        self.telling.events()
    }

    /// What records events of the program that has this application in it, under the name `source`.
    pub fn recorder(&self, source: &str) -> Recorder {
        self.events().recorder(source)
    }

    /// Waits for a task to end that should not: a defect. Resolves to its name; nothing else may be done with the
    /// application then.
    pub async fn defect(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.server => "http",
            _ = &mut self.merge => "merge",
            _ = &mut self.sources => "catalogue",
            name = self.past.ended() => name,
            name = self.telling.ended() => name,
            () = self.backups.ended() => "backup",
        }
    }

    /// Stops in order: requests under way are answered, then sources end, then the merge, then who keeps the
    /// past, then the way of events, then the store. Returns the names of what did not end in time.
    pub async fn stop(mut self) -> Vec<&'static str> {
        // The server cuts its own stragglers at the timeout and wants a moment to name them.
        let deadline = tokio::time::Instant::now() + self.drain_timeout + LAST_WORDS;
        let mut stragglers = Vec::new();
        self.stop_serving.cancel();
        let (host, patience) = (self.host, self.drain_timeout);
        let compiles = tokio::task::spawn_blocking(move || host.stop_compiling(patience));
        let served = tokio::time::timeout_at(deadline, self.server).await;
        stragglers.extend(match served {
            // Which they are the server has logged.
            Ok(Ok(Ok(drained))) => (!drained.stragglers.is_empty()).then_some("requests"),
            Ok(Ok(Err(_)) | Err(_)) | Err(_) => Some("http"),
        });
        self.stop_observing.cancel();
        let sources = async {
            let schedule = self.sources.await?;
            anyhow::Ok(schedule.drain(deadline).await)
        };
        if !matches!(
            tokio::time::timeout_at(deadline, sources).await,
            Ok(Ok(true))
        ) {
            stragglers.push("sources");
        }
        if !matches!(
            tokio::time::timeout_at(deadline, compiles).await,
            Ok(Ok(true))
        ) {
            stragglers.push("compile");
        }
        if !self.telling.stop_following(deadline).await {
            stragglers.push("follower");
        }
        // It tells the merge what became of the one under way.
        if !self.backups.stop(deadline).await {
            stragglers.push("backup");
        }
        if tokio::time::timeout_at(deadline, self.merge).await.is_err() {
            stragglers.push("merge");
        }
        stragglers.extend(self.past.stop(deadline).await);
        if !self.telling.stop(deadline).await {
            stragglers.push("events");
        }
        if let Some(store) = self.store
            && tokio::time::timeout_at(deadline, store.close())
                .await
                .is_err()
        {
            stragglers.push("store");
        }
        stragglers
    }
}

/// What the server shows of the snapshot alone.
fn handles(
    config: &Config,
    snapshots: &Arc<SnapshotCell>,
    stop_serving: &CancellationToken,
    tally: &mut Tally,
) -> http::Handles {
    http::Handles {
        draining: stop_serving.clone(),
        page: config.page.clone(),
        ..http::Handles::new(snapshots.clone(), Arc::new(http::HttpTally::new(tally)))
    }
}

/// What probes find around them.
fn surroundings(snapshots: &Arc<SnapshotCell>, keep: &Keep, telling: &Telling) -> Surroundings {
    let stored = keep.store.as_ref().filter(|store| !store.is_late());
    Surroundings {
        snapshots: snapshots.clone(),
        states: stored.map(Store::states),
        events: Some(telling.of_probes()),
        ..Surroundings::default()
    }
}

/// What takes secrets out of what sources say.
fn shown_redactor(config: &redact::Config, tally: &mut Tally) -> anyhow::Result<Redactor> {
    let redactions = tally.counter(
        "probity_snapshot_redactions_total",
        "Secrets that were taken out of what sources say of their failures and checks.",
        None,
    );
    Redactor::new(config, redactions).map_err(|fault| {
        let Invalid {
            key, value, rule, ..
        } = fault;
        anyhow::anyhow!("redaction: `{key}` is {value}: it {rule}")
    })
}

/// The built-in samplers and those of watched processes.
fn samplers(config: &Config) -> Vec<Maker> {
    let machine = sampler::Machine::local(Handle::current());
    let mut makers = sampler::build(&config.sampler, &machine);
    makers.extend(sampler::watched(&config.watch, &machine));
    makers
}

/// Starts the samplers, and then follows the folder.
async fn observe(mut catalogue: Catalogue, makers: Vec<Maker>, interval: Duration) -> Schedule {
    for maker in makers {
        catalogue.schedule().add_sampler(maker, interval).await;
    }
    catalogue.run().await
}

fn plan(loaded: &Loaded) -> Plan {
    let config = &loaded.config;
    Plan {
        config: Arc::new(config.probes.clone()),
        sections: config.probe.clone(),
        // A file of the operator's own names its probes on purpose; the built-in configuration does not.
        expect_files: loaded.origin.file.is_some(),
        reserved: [
            sampler::NAMES.as_slice(),
            &[sampler::WATCHED, task::SOURCE, merge::OWN_SOURCE],
        ]
        .concat(),
    }
}

fn probe_host(loaded: &Loaded, around: Surroundings) -> anyhow::Result<Arc<ProbeHost>> {
    let probes = &loaded.config.probes;
    let folder = |name| loaded.state_directory.join(name);
    let around = Surroundings {
        cache: probes.cache.then(|| folder(CACHE_FOLDER)),
        attempts: Some(folder(ATTEMPTS_FOLDER)),
        environment: loaded.environment.clone(),
        secrets: loaded.secrets.clone(),
        ..around
    };
    match ProbeHost::new(probes, around.clone()) {
        // Without a cache the next start compiles again, which is no reason not to start.
        Err(error @ probe::ProbeError::Cache(..)) => {
            tracing::warn!(
                "{error}: compiled code is not kept (set state.directory, or probes.cache = false)"
            );
            let cache = None;
            ProbeHost::new(probes, Surroundings { cache, ..around })
        }
        other => other,
    }
    .context("probes cannot be hosted")
}
