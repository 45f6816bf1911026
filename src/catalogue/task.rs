//! The task that follows the folder: looks, loads what changed, and keeps the account of what became of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::CatalogueError;
use super::entry::Entry;
use super::load::missing;
use super::scan::{self, Listing};
use super::settle::{Change, Files};
use super::watch::{Hints, Watch};
use super::work::Outcome;
use crate::model::{ActionError, ActionRequest, Update};
use crate::probe::{self, Config, ProbeConfig, ProbeHost, WatchMode};
use crate::schedule::{ProbeEvent, Schedule};

/// How often the folder is read where the system tells no changes.
const POLL: Duration = Duration::from_secs(1);

/// Between two looks that were hinted at pass so many times what the last one took.
const LOOK_SHARE: u32 = 4;
/// How long the first loads may hold up the first whole snapshot; a file that takes its compiler minutes must not keep
/// the process from being ready.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// What the catalogue is to look after.
pub struct Plan {
    /// What holds for every probe, the folder among it.
    pub config: Arc<Config>,
    /// The probes' own sections.
    pub sections: Vec<ProbeConfig>,
    /// Whether a section without a file is a fault: the operator wrote it on purpose.
    pub expect_files: bool,
    /// Names that no probe may have, for sources of the host's own have them.
    pub reserved: Vec<&'static str>,
}

/// The folder and the probes that run because of it.
pub struct Catalogue {
    pub(super) plan: Plan,
    pub(super) host: Arc<ProbeHost>,
    pub(super) schedule: Schedule,
    told: mpsc::Receiver<ProbeEvent>,
    actions: mpsc::Receiver<ActionRequest>,
    watch: Watch,
    pub(super) files: Files,
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) queue: BTreeSet<String>,
    pub(super) loading: JoinSet<Outcome>,
    /// Which probe each of them is for, and which load of all it is.
    pub(super) loads: HashMap<Id, (String, u64)>,
    /// Loads begun so far.
    pub(super) serial: u64,
    /// Actions that a probe's task is about to answer.
    pub(super) answers: JoinSet<(ActionRequest, SystemTime, Result<String, ActionError>)>,
    look: Look,
    /// The name that the next routine check of contents begins behind.
    checked: String,
    pub(super) started: bool,
    /// When the folder had been read for the first time.
    first_look: Option<Instant>,
    stop: CancellationToken,
}

/// When the folder is read.
#[derive(Default)]
struct Look {
    /// It is being read.
    running: Option<JoinHandle<io::Result<Listing>>>,
    /// Hints that came since it was read.
    hints: Hints,
    /// The last look that nothing but its time was the reason for; nothing before the first.
    routine: Option<Instant>,
    /// When the last look began and ended, and how long it took.
    began: Option<Instant>,
    ended: Option<Instant>,
    took: Duration,
    /// Whether the folder lay on a file system that changes elsewhere.
    is_remote: bool,
    /// The fault that was last reported.
    trouble: Option<String>,
}

impl Catalogue {
    /// Reads the folder for the first time; nothing is loaded before [`Catalogue::run`].
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn open(
        plan: Plan,
        host: Arc<ProbeHost>,
        (schedule, told): (Schedule, mpsc::Receiver<ProbeEvent>),
        actions: mpsc::Receiver<ActionRequest>,
        stop: CancellationToken,
    ) -> Result<Self, CatalogueError> {
        let folder = &plan.config.folder;
        scan::scan(folder).map_err(|error| CatalogueError::Folder(folder.clone(), error))?;
        let watch = Watch::new(folder, plan.config.watch == WatchMode::Auto);
        Ok(Self {
            plan,
            host,
            schedule,
            told,
            actions,
            watch,
            files: Files::default(),
            entries: BTreeMap::new(),
            queue: BTreeSet::new(),
            loading: JoinSet::new(),
            loads: HashMap::new(),
            serial: 0,
            answers: JoinSet::new(),
            look: Look::default(),
            checked: String::new(),
            started: false,
            first_look: None,
            stop,
        })
    }

    /// The schedule, to add other sources to before [`Catalogue::run`].
    pub fn schedule(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    /// Follows the folder until told to stop, and gives the schedule back for the drain.
    pub async fn run(mut self) -> Schedule {
        self.expect_sections().await;
        self.begin_look();
        loop {
            self.load_queued().await;
            self.tell_start().await;
            let wait = self.next_look();
            let rest = self.look.rest();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.schedule,
                Some(event) = self.told.recv() => self.handle_event(event).await,
                Some(request) = self.actions.recv() => self.handle_action(request).await,
                Some(Ok((request, started, outcome))) = self.answers.join_next() => {
                    self.end_action(request, started, outcome).await;
                }
                Some(done) = self.loading.join_next_with_id() => self.handle_loaded(done).await,
                listing = Look::end(&mut self.look.running) => self.handle_listing(listing).await,
                () = hinted(&self.watch, rest), if rest.is_some() => self.begin_look(),
                () = tokio::time::sleep_until(wait.into()), if self.look.running.is_none() => self.begin_look(),
            }
        }
    }

    /// Sections of the operator's own whose files are not there are shown as what they are.
    async fn expect_sections(&mut self) {
        let sections = self.plan.sections.clone();
        let mut wanted: Vec<&ProbeConfig> = sections.iter().collect();
        wanted.retain(|section| section.enabled && self.plan.expect_files);
        for section in wanted {
            let file = self.file_of(section);
            if !file.exists() {
                self.report_missing(section, file).await;
            }
        }
    }

    pub(super) fn file_of(&self, section: &ProbeConfig) -> PathBuf {
        let file = format!("{}.wasm", section.component());
        self.plan.config.folder.join(file)
    }

    pub(super) async fn report_missing(&mut self, section: &ProbeConfig, file: PathBuf) {
        let failure = Arc::new(missing(&file));
        let identity = probe::missing(&section.name, file);
        self.reject(Arc::new(identity), failure).await;
    }

    /// When everything of the start has been loaded or refused, the snapshot can become whole.
    async fn tell_start(&mut self) {
        let busy = !self.loading.is_empty() || !self.queue.is_empty();
        let Some(first) = self.first_look.filter(|_| !self.started) else {
            return;
        };
        let late = first.elapsed() >= START_PATIENCE;
        if busy && !late {
            return;
        }
        if busy {
            let names: Vec<&str> = self.loads.values().map(|(name, _)| name.as_str()).collect();
            tracing::warn!("the start does not wait for: {}", names.join(", "));
        }
        self.started = true;
        self.schedule.tell(Update::StartComplete).await;
    }

    /// Routine looks are rarer than those for a file that settles or a version that is worth another trial.
    fn next_look(&self) -> Instant {
        let routine = self
            .look
            .routine
            .map_or_else(Instant::now, |last| last + self.period());
        let patience = self.first_look.filter(|_| !self.started);
        let patience = patience.map(|first| first + START_PATIENCE);
        let moments = [Some(routine), self.files.next_look(), patience];
        moments.into_iter().flatten().min().unwrap_or(routine)
    }

    /// Between two routine looks.
    fn period(&self) -> Duration {
        let rescan = self.plan.config.rescan.0;
        let is_told = self.watch.is_live() && !self.look.is_remote;
        let must_poll = self.plan.config.watch == WatchMode::Auto && !is_told;
        if must_poll { rescan.min(POLL) } else { rescan }
    }

    /// Reads the folder elsewhere: a dead mount must hold up nothing but the next look.
    fn begin_look(&mut self) {
        self.look.hints.extend(self.watch.take());
        self.look.began = Some(Instant::now());
        let folder = self.plan.config.folder.clone();
        self.look.running = Some(tokio::task::spawn_blocking(move || scan::scan(&folder)));
    }

    async fn handle_listing(&mut self, listing: Result<io::Result<Listing>, JoinError>) {
        let now = Instant::now();
        self.look.running = None;
        self.look.ended = Some(now);
        self.look.took = self.look.began.map_or(Duration::ZERO, |began| now - began);
        let last = self.look.routine;
        let routine = last.is_some_and(|last| now >= last + self.period());
        if routine || last.is_none() {
            self.look.routine = Some(now);
        }
        self.first_look.get_or_insert(now);
        let hints = std::mem::take(&mut self.look.hints);
        let listing = match listing {
            Ok(Ok(listing)) => listing,
            Ok(Err(error)) => return self.note_trouble(&error.to_string()),
            Err(error) => return self.note_trouble(&error.to_string()),
        };
        self.look.trouble = None;
        self.look.is_remote = listing.is_remote;
        self.watch.follow(listing.folder);
        for change in self.files.update(listing, &hints, now) {
            match change {
                Change::Ready { name, sure, .. } => self.file_changed(&name, sure).await,
                Change::Gone(name) => self.file_gone(&name).await,
            }
        }
        if routine {
            self.check_contents();
            self.retry_refused();
        }
    }

    /// A folder that cannot be read for once costs no probe.
    fn note_trouble(&mut self, trouble: &str) {
        if self.look.trouble.as_deref() != Some(trouble) {
            let folder = self.plan.config.folder.display();
            tracing::warn!(
                "the probe folder {folder} cannot be read: {trouble}; what runs goes on"
            );
            self.look.trouble = Some(trouble.to_owned());
        }
    }

    /// Once in a routine look, one file's contents are compared with what runs: some mounts show no other sign of a
    /// change.
    fn check_contents(&mut self) {
        let running =
            |(name, entry): (&String, &Entry)| entry.running.is_some().then(|| name.clone());
        let mut names = self.entries.iter().filter_map(running);
        let first = names.next();
        let next = first
            .clone()
            .into_iter()
            .chain(names)
            .find(|name| *name > self.checked);
        if let Some(name) = next.or(first) {
            self.enqueue(&name);
            self.checked = name;
        }
    }

    fn retry_refused(&mut self) {
        let now = Instant::now();
        let due = |entry: &Entry| entry.unread || entry.retry().is_some_and(|retry| retry <= now);
        let entries = self.entries.iter().filter(|(_, entry)| due(entry));
        let names: Vec<String> = entries.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.enqueue(name));
    }
}

impl Look {
    /// When the next look that is hinted at may begin: looking takes no more than a share of the time, for somebody may
    /// write a log into the folder. Nothing while the folder is being read.
    fn rest(&self) -> Option<Instant> {
        let free = self.running.is_none();
        free.then(|| {
            self.ended
                .map_or_else(Instant::now, |ended| ended + self.took * LOOK_SHARE)
        })
    }

    async fn end(
        running: &mut Option<JoinHandle<io::Result<Listing>>>,
    ) -> Result<io::Result<Listing>, JoinError> {
        match running {
            Some(running) => running.await,
            None => std::future::pending().await,
        }
    }
}

/// Waits for a hint, and not before `rest`.
async fn hinted(watch: &Watch, rest: Option<Instant>) {
    if let Some(rest) = rest {
        tokio::time::sleep_until(rest.into()).await;
    }
    watch.changed().await;
}
