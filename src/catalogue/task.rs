//! The task that follows the folder: looks, loads what changed, and keeps the account of what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::CatalogueError;
use super::entry::Entry;
use super::scan::{self, Listing};
use super::settle::{Change, Files};
use super::watch::{Hints, Watch};
use super::work::Outcome;
use crate::model::{ActionError, ActionRequest, Failure, Update};
use crate::probe::{self, Config, ProbeConfig, ProbeHost, WatchMode};
use crate::schedule::{ProbeEvent, Schedule};

/// How often the folder is read where the system tells no changes.
const POLL: Duration = Duration::from_secs(1);

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
    /// Loads under way: the name, whether its file is a large one, and what came of it.
    pub(super) loading: JoinSet<(String, bool, Outcome)>,
    pub(super) loading_large: bool,
    /// Actions that a probe's task is about to answer.
    pub(super) answers: JoinSet<(ActionRequest, SystemTime, Result<String, ActionError>)>,
    look: Look,
    /// The name that the next routine check of contents begins behind.
    checked: String,
    pub(super) started: bool,
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
            loading_large: false,
            answers: JoinSet::new(),
            look: Look::default(),
            checked: String::new(),
            started: false,
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
            self.load_queued();
            self.tell_start().await;
            let wait = self.next_look();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.schedule,
                Some(event) = self.told.recv() => self.handle_event(event).await,
                Some(request) = self.actions.recv() => self.handle_action(request).await,
                Some(Ok((request, started, outcome))) = self.answers.join_next() => {
                    self.end_action(request, started, outcome).await;
                }
                Some(done) = self.loading.join_next() => self.handle_loaded(done).await,
                listing = Look::end(&mut self.look.running) => self.handle_listing(listing).await,
                () = self.watch.changed(), if self.look.running.is_none() => self.begin_look(),
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
        let message = format!("configured, but there is no {}", file.display());
        let identity = probe::missing(&section.name, file);
        self.reject(
            Arc::new(identity),
            Arc::new(Failure::new("file.missing", message)),
        )
        .await;
    }

    /// When everything of the start has been loaded or refused, the snapshot can become whole.
    async fn tell_start(&mut self) {
        let busy = !self.loading.is_empty() || !self.queue.is_empty();
        if !self.started && !busy && self.look.routine.is_some() {
            self.started = true;
            self.schedule.tell(Update::StartComplete).await;
        }
    }

    /// Routine looks are rarer than those for a file that settles or a version that is worth another trial.
    fn next_look(&self) -> Instant {
        let routine = self
            .look
            .routine
            .map_or_else(Instant::now, |last| last + self.period());
        self.files
            .next_look()
            .map_or(routine, |settled| settled.min(routine))
    }

    /// Between two routine looks.
    fn period(&self) -> Duration {
        let rescan = self.plan.config.rescan.0;
        let must_poll = self.plan.config.watch == WatchMode::Auto && !self.watch.is_live();
        if must_poll { rescan.min(POLL) } else { rescan }
    }

    /// Reads the folder elsewhere: a dead mount must hold up nothing but the next look.
    fn begin_look(&mut self) {
        self.look.hints.extend(self.watch.take());
        let folder = self.plan.config.folder.clone();
        self.look.running = Some(tokio::task::spawn_blocking(move || scan::scan(&folder)));
    }

    async fn handle_listing(&mut self, listing: Result<io::Result<Listing>, JoinError>) {
        self.look.running = None;
        let now = Instant::now();
        let last = self.look.routine;
        let routine = last.is_some_and(|last| now >= last + self.period());
        if routine || last.is_none() {
            self.look.routine = Some(now);
        }
        let hints = std::mem::take(&mut self.look.hints);
        let listing = match listing {
            Ok(Ok(listing)) => listing,
            Ok(Err(error)) => return self.note_trouble(&error.to_string()),
            Err(error) => return self.note_trouble(&error.to_string()),
        };
        self.look.trouble = None;
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
        let due = |entry: &Entry| entry.retry().is_some_and(|retry| retry <= now);
        let entries = self.entries.iter().filter(|(_, entry)| due(entry));
        let names: Vec<String> = entries.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.enqueue(name));
    }
}

impl Look {
    async fn end(
        running: &mut Option<JoinHandle<io::Result<Listing>>>,
    ) -> Result<io::Result<Listing>, JoinError> {
        match running {
            Some(running) => running.await,
            None => std::future::pending().await,
        }
    }
}
