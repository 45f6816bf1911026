//! From a changed file to a running probe: the queue, the loads, and what becomes of each.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::task::JoinError;

use super::entry::{Entry, Work, on_disk};
use super::report;
use super::task::Catalogue;
use super::work::{Job, Outcome, work};
use crate::model::{
    Cause, DiskVerdict, Failure, OnDisk, ProbeIdentity, ProbeState, ProbeStatus, Update,
};
use crate::probe::{self, Binary, Loaded, Probe, ProbeConfig, RefusalKind, Version};

/// Files loaded at once. More would take memory and save no time: the compiler has threads of its own.
const LOADS: usize = 4;
/// Of larger files, one at a time, so that the small ones find room beside it.
const LARGE_BYTES: u64 = 1 << 20;

/// Failures that a component has while it is still being written.
const OF_HALF_A_FILE: [&str; 5] = [
    "file.empty",
    "file.version",
    "file.unknown",
    "file.text",
    "component.invalid",
];

/// Failures to compile that may lie with the machine: it is tried again later. The boot-loop guard ends that for a file
/// that kills its compiler.
const OF_THE_MACHINE: [&str; 3] = ["compile.child", "compile.killed", "compile.stopped"];

impl Catalogue {
    /// A file is new or has changed: every probe that runs it is loaded.
    pub(super) async fn file_changed(&mut self, stem: &str, sure: bool) {
        for section in self.sections_of(stem) {
            let name = section.name.clone();
            if !section.enabled {
                tracing::info!(
                    probe = name,
                    "not loaded: it is switched off in the configuration"
                );
                continue;
            }
            if self.plan.reserved.contains(&name.as_str()) {
                let message = "this is the name of a built-in source: give the file another one";
                let identity = probe::missing(&name, self.file_of(&section));
                let failure = Failure::new("file.name", message);
                self.reject(Arc::new(identity), Arc::new(failure)).await;
                continue;
            }
            let started = self.started;
            let entry = self
                .entries
                .entry(name.clone())
                .or_insert_with(|| Entry::new(section));
            entry.sure = sure;
            if started {
                entry.begin(Cause::Folder, None);
            }
            self.enqueue(&name);
        }
    }

    /// The sections of all probes that run a component; one of its own name with nothing granted when there is none.
    fn sections_of(&self, stem: &str) -> Vec<ProbeConfig> {
        let all = self.plan.sections.iter();
        let own: Vec<ProbeConfig> = all
            .filter(|section| section.component() == stem)
            .cloned()
            .collect();
        if own.is_empty() {
            return vec![ProbeConfig::unmentioned(stem)];
        }
        own
    }

    /// A file is gone: the runs in flight finish, then its probes go.
    pub(super) async fn file_gone(&mut self, stem: &str) {
        let of_it = |entry: &&mut Entry| entry.section.component() == stem;
        let mut names = Vec::new();
        for entry in self.entries.values_mut().filter(of_it) {
            names.push(entry.section.name.clone());
            if let Some(handle) = &entry.handle {
                if !matches!(entry.work, Work::Retiring { .. }) {
                    handle.retire().await;
                }
                entry.work = Work::Retiring { again: false };
            }
        }
        for name in names {
            self.queue.remove(&name);
            if self.entries[&name].handle.is_none() {
                self.schedule
                    .tell(Update::Removed(name.as_str().into()))
                    .await;
                self.forget(&name).await;
            }
        }
    }

    /// A probe without a file and without a task is gone, but for what the operator expects to be there.
    pub(super) async fn forget(&mut self, name: &str) {
        let Some(entry) = self.entries.remove(name) else {
            return;
        };
        report::removed(name);
        if let Some(reload) = entry.reload {
            let failure = Failure::new("file.missing", "the file was removed");
            let operation = reload.end(name, Err(Arc::new(failure)));
            self.schedule
                .tell(Update::Operation(Box::new(operation)))
                .await;
        }
        let mut sections = self.plan.sections.iter();
        if let Some(section) =
            sections.find(|section| section.name == name && self.plan.expect_files)
        {
            let section = section.clone();
            let file = self.file_of(&section);
            self.report_missing(&section, file).await;
        }
    }

    /// Loads the probe when there is room, or once more when it is being loaded.
    pub(super) fn enqueue(&mut self, name: &str) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        match &mut entry.work {
            Work::Loading { again, .. } | Work::Retiring { again } => *again = true,
            work @ (Work::Idle | Work::Offered | Work::Queued) => {
                *work = Work::Queued;
                self.queue.insert(name.to_owned());
            }
        }
    }

    /// Begins what there is room for.
    pub(super) fn load_queued(&mut self) {
        let queued: Vec<String> = self.queue.iter().cloned().collect();
        for name in queued {
            if self.loading.len() >= LOADS {
                return;
            }
            let Some((entry, file)) = self.entries.get(&name).and_then(|entry| {
                let file = self.files.get(entry.section.component())?;
                Some((entry, file.clone()))
            }) else {
                self.queue.remove(&name);
                continue;
            };
            let large = file.print.size > LARGE_BYTES;
            if large && self.loading_large {
                continue;
            }
            let job = Job {
                host: self.host.clone(),
                defaults: self.plan.config.clone(),
                section: entry.section.clone(),
                file,
                generation: entry.generation + 1,
                present: entry.present_digest(),
                forced: entry.is_forced(),
                refused: entry.remembered(Instant::now()),
            };
            self.loading_large |= large;
            self.begin_load(name, job, large);
        }
    }

    fn begin_load(&mut self, name: String, job: Job, large: bool) {
        self.queue.remove(&name);
        if let Some(entry) = self.entries.get_mut(&name) {
            let sure = entry.sure;
            entry.work = Work::Loading { again: false, sure };
        }
        self.loading
            .spawn_blocking(move || (name, large, work(&job)));
    }

    /// Takes in what a load came to.
    pub(super) async fn handle_loaded(&mut self, done: Result<(String, bool, Outcome), JoinError>) {
        let (name, large, outcome) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!("a defect of the host ended the loading of a probe: {error}");
                return;
            }
        };
        self.loading_large &= !large;
        // Whose file went while it was loaded is retired or gone.
        let Some(Work::Loading { again, sure }) = self.entries.get(&name).map(|entry| entry.work)
        else {
            return;
        };
        self.set_work(&name, Work::Idle);
        match outcome {
            Outcome::Unsettled => self.unsettle(&name),
            Outcome::Same(binary) => self.handle_same(&name, &binary).await,
            Outcome::Known(binary, failure, verdict) => {
                self.show(
                    &name,
                    on_disk(
                        &binary.digest,
                        binary.bytes.len() as u64,
                        verdict,
                        Some(failure.clone()),
                    ),
                )
                .await;
                self.end_reload(&name, Err(failure)).await;
            }
            Outcome::Loaded(Loaded::Rejected(_, failure))
                if !sure && is_of_half_a_file(&failure) =>
            {
                self.doubt(&name);
            }
            Outcome::Loaded(Loaded::Rejected(identity, failure)) => {
                self.handle_rejected(&name, identity, failure).await;
            }
            Outcome::Loaded(Loaded::Fit(version)) => self.handle_fit(&name, version).await,
        }
        if again {
            self.enqueue(&name);
        }
    }

    fn unsettle(&mut self, name: &str) {
        if let Some(entry) = self.entries.get(name) {
            self.files
                .unsettle(entry.section.component(), Instant::now());
        }
    }

    fn doubt(&mut self, name: &str) {
        if let Some(entry) = self.entries.get(name) {
            self.files.doubt(entry.section.component(), Instant::now());
        }
    }

    pub(super) fn set_work(&mut self, name: &str, work: Work) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.work = work;
        }
    }

    /// The file is what runs, perhaps after it was something else for a while, or what is on trial.
    async fn handle_same(&mut self, name: &str, binary: &Binary) {
        if self
            .entries
            .get(name)
            .is_some_and(|entry| entry.offered.is_some())
        {
            return self.set_work(name, Work::Offered);
        }
        let size = binary.bytes.len() as u64;
        self.show(
            name,
            on_disk(&binary.digest, size, DiskVerdict::Running, None),
        )
        .await;
        self.end_reload(name, Ok("unchanged: it is what runs".to_owned()))
            .await;
    }

    async fn handle_rejected(
        &mut self,
        name: &str,
        identity: Arc<ProbeIdentity>,
        failure: Arc<Failure>,
    ) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        if !identity.digest.is_empty() {
            let kind = if OF_THE_MACHINE.contains(&&*failure.code) {
                RefusalKind::Unproven
            } else {
                RefusalKind::Unfit
            };
            entry.refuse(&identity.digest, &failure, kind);
        }
        let disk = on_disk(
            &identity.digest,
            identity.size_bytes,
            DiskVerdict::Rejected,
            Some(failure.clone()),
        );
        match entry.running.clone() {
            Some(running) => report::rejected(&identity, &failure, Some(&running)),
            None => self.reject(identity, failure.clone()).await,
        }
        self.show(name, disk).await;
        self.end_reload(name, Err(failure)).await;
    }

    /// Shows a probe that cannot run and never has.
    pub(super) async fn reject(&mut self, identity: Arc<ProbeIdentity>, failure: Arc<Failure>) {
        report::rejected(&identity, &failure, None);
        let mut status = ProbeStatus::new(ProbeState::Rejected);
        status.last_error = Some((failure, SystemTime::now()));
        self.schedule
            .tell(Update::Probe(identity, Box::new(status)))
            .await;
    }

    /// Runs a first version at once, for there is nothing that a trial would protect; a later one has to show itself
    /// better than what runs.
    async fn handle_fit(&mut self, name: &str, version: Version) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        let identity = version.identity().clone();
        entry.generation = identity.generation;
        let (digest, size) = (identity.digest.clone(), identity.size_bytes);
        if let Some(handle) = &entry.handle {
            entry.work = Work::Offered;
            entry.offered = Some(digest.clone());
            handle.offer(version, false).await;
            self.show(name, on_disk(&digest, size, DiskVerdict::Loading, None))
                .await;
            return;
        }
        entry.running = Some(identity.clone());
        report::loaded(&identity);
        let handle = self.schedule.add_probe(Probe::new(version)).await;
        if let Some(entry) = self.entries.get_mut(name) {
            entry.handle = Some(handle);
        }
        self.show(name, on_disk(&digest, size, DiskVerdict::Running, None))
            .await;
        self.end_reload(name, Ok(format!("generation {} runs", identity.generation)))
            .await;
    }

    /// Tells what lies in the folder, if that is news.
    pub(super) async fn show(&mut self, name: &str, on_disk: Arc<OnDisk>) {
        let entry = self.entries.get_mut(name);
        if entry.is_some_and(|entry| entry.show(&on_disk)) {
            self.schedule
                .tell(Update::OnDisk(name.into(), on_disk))
                .await;
        }
    }

    /// Ends the reload that is on its way, if one is.
    pub(super) async fn end_reload(&mut self, name: &str, outcome: Result<String, Arc<Failure>>) {
        let reload = self
            .entries
            .get_mut(name)
            .and_then(|entry| entry.reload.take());
        if let Some(reload) = reload {
            let operation = reload.end(name, outcome);
            self.schedule
                .tell(Update::Operation(Box::new(operation)))
                .await;
        }
    }
}

fn is_of_half_a_file(failure: &Failure) -> bool {
    OF_HALF_A_FILE.contains(&failure.code.as_str())
}
