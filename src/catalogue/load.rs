//! From a changed file to a load: which probes run it, and when there is room.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::entry::{Entry, Work};
use super::report;
use super::task::Catalogue;
use super::work::{Job, work};
use crate::model::{Cause, Failure, Update};
use crate::probe::{self, ProbeConfig};

/// Files loaded at once. Most of them wait for the compiler, which takes a few at a time; those whose code is in the
/// cache must find room beside them.
const LOADS: usize = 32;

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
                self.refuse_reserved(&section).await;
                continue;
            }
            let started = self.started;
            let entry = self
                .entries
                .entry(name.clone())
                .or_insert_with(|| Entry::new(section));
            entry.sure = sure;
            if started {
                entry.wish(Cause::Folder, None);
            }
            self.enqueue(&name);
        }
    }

    /// The sections of all probes that run a component; one of its own name with nothing granted when there is none.
    fn sections_of(&self, stem: &str) -> Vec<ProbeConfig> {
        let all = self.plan.sections.iter();
        let own: Vec<ProbeConfig> = all
            .clone()
            .filter(|section| section.component() == stem)
            .cloned()
            .collect();
        if !own.is_empty() {
            return own;
        }
        if let Some(section) = all.clone().find(|section| section.name == stem) {
            // Under that name it would run with the grants and the state of another component's probe.
            tracing::warn!(
                "{stem}.wasm is not loaded: the configuration runs `{}` under the name `{stem}`; next: give the file another name",
                section.component()
            );
            return Vec::new();
        }
        vec![ProbeConfig::unmentioned(stem)]
    }

    async fn refuse_reserved(&mut self, section: &ProbeConfig) {
        let identity = probe::missing(&section.name, self.file_of(section));
        self.reject(Arc::new(identity), Arc::new(reserved())).await;
    }

    /// Why a probe that is shown was never loaded; nothing when none of this name is shown.
    pub(super) fn absence(&self, name: &str) -> Option<Failure> {
        let section = self.plan.sections.iter().find(|one| one.name == name);
        let section = section.filter(|section| section.enabled);
        if self.plan.reserved.contains(&name) {
            let file = section.map_or(name, ProbeConfig::component);
            return self.files.get(file).map(|_| reserved());
        }
        let expected = section.filter(|_| self.plan.expect_files)?;
        Some(missing(&self.file_of(expected)))
    }

    /// A file is gone: the runs in flight finish, then its probes go.
    pub(super) async fn file_gone(&mut self, stem: &str) {
        if self.plan.reserved.contains(&stem) {
            self.schedule.tell(Update::Removed(stem.into())).await;
        }
        let of_it = |entry: &&mut Entry| entry.section.component() == stem;
        let mut without_task = Vec::new();
        for entry in self.entries.values_mut().filter(of_it) {
            self.queue.remove(&entry.section.name);
            match &entry.handle {
                Some(handle) => {
                    handle.retire();
                    entry.work = Work::Retiring { again: false };
                }
                None => without_task.push(entry.section.name.clone()),
            }
        }
        for name in without_task {
            self.schedule
                .tell(Update::Removed(name.as_str().into()))
                .await;
            self.forget(&name).await;
        }
    }

    /// A probe without a file and without a task is gone, but for what the operator expects to be there.
    pub(super) async fn forget(&mut self, name: &str) {
        let Some(mut entry) = self.entries.remove(name) else {
            return;
        };
        report::removed(name);
        let failure = Arc::new(Failure::new("file.missing", "the file was removed"));
        for reload in entry.take_all() {
            self.end(name, reload, Err(failure.clone())).await;
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
    pub(super) async fn load_queued(&mut self) {
        while self.loading.len() < LOADS {
            let Some(name) = self.queue.pop_first() else {
                return;
            };
            let Some(entry) = self.entries.get_mut(&name) else {
                continue;
            };
            let Some(file) = self.files.get(entry.section.component()).cloned() else {
                entry.work = Work::Idle;
                let message = "there is no file now: perhaps its folder is away";
                self.end_wish(&name, Failure::new("file.missing", message))
                    .await;
                continue;
            };
            self.serial += 1;
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
            entry.loading = entry.wish.take();
            let (serial, sure, again) = (self.serial, entry.sure, false);
            entry.work = Work::Loading {
                serial,
                again,
                sure,
            };
            let task = self.loading.spawn_blocking(move || work(&job));
            self.loads.insert(task.id(), (name, serial));
        }
    }

    async fn end_wish(&mut self, name: &str, failure: Failure) {
        let wish = self
            .entries
            .get_mut(name)
            .and_then(|entry| entry.wish.take());
        if let Some(wish) = wish {
            self.end(name, wish, Err(Arc::new(failure))).await;
        }
    }
}

fn reserved() -> Failure {
    let message = "this is the name of a built-in source: give the file another one";
    Failure::new("file.name", message)
}

/// A section has no file.
pub(super) fn missing(file: &Path) -> Failure {
    let message = format!("configured, but there is no {}", file.display());
    Failure::new("file.missing", message)
}
