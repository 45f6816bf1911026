//! What a load comes to: nothing new, a refusal, a first version, or an offer.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::task::{Id, JoinError};

use super::entry::{Reload, Work, on_disk};
use super::report;
use super::task::Catalogue;
use super::work::Outcome;
use crate::model::{DiskVerdict, Failure, OnDisk, ProbeIdentity, ProbeState, ProbeStatus, Update};
use crate::probe::{Binary, Loaded, Probe, RefusalKind, Version};

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
    /// Takes in what a load came to.
    pub(super) async fn handle_loaded(&mut self, done: Result<(Id, Outcome), JoinError>) {
        let (id, outcome) = match done {
            Ok((id, outcome)) => (id, Some(outcome)),
            Err(error) => {
                tracing::error!("a defect of the host ended the loading of a probe: {error}");
                (error.id(), None)
            }
        };
        let Some((name, of)) = self.loads.remove(&id) else {
            return;
        };
        // Whose file went meanwhile is retired or gone, and perhaps another one is loaded under the name now.
        let Some(entry) = self.entries.get_mut(&name) else {
            return;
        };
        let Work::Loading {
            serial,
            again,
            sure,
        } = entry.work
        else {
            return;
        };
        if serial != of {
            return;
        }
        entry.work = Work::Idle;
        match outcome {
            Some(outcome) => self.handle_outcome(&name, sure, outcome).await,
            None => {
                let failure = Failure::new("host.panic", "a defect of the host ended the loading");
                self.end_load(&name, Err(Arc::new(failure))).await;
            }
        }
        if again {
            self.enqueue(&name);
        }
    }

    async fn handle_outcome(&mut self, name: &str, sure: bool, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        match outcome {
            Outcome::Unsettled => {
                entry.put_off();
                self.files
                    .unsettle(entry.section.component(), Instant::now());
            }
            Outcome::Same(binary) => self.handle_same(name, &binary).await,
            Outcome::Known(binary, failure, verdict) => {
                entry.read = Some(binary.digest.clone());
                let size = binary.bytes.len() as u64;
                let disk = on_disk(&binary.digest, size, verdict, Some(failure.clone()));
                let news = self.show(name, disk).await;
                self.end_load_if(name, news, Err(failure)).await;
            }
            Outcome::Loaded(Loaded::Rejected(_, failure))
                if !sure && is_of_half_a_file(&failure) =>
            {
                entry.put_off();
                self.files.doubt(entry.section.component(), Instant::now());
            }
            Outcome::Loaded(Loaded::Rejected(identity, failure)) => {
                self.handle_rejected(name, identity, failure).await;
            }
            Outcome::Loaded(Loaded::Fit(version)) => self.handle_fit(name, version).await,
        }
    }

    /// The file is what runs, perhaps after it was something else for a while, or what is on trial.
    async fn handle_same(&mut self, name: &str, binary: &Binary) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        entry.read = Some(binary.digest.clone());
        match &entry.offered {
            Some((generation, digest)) if *digest == binary.digest => {
                let generation = *generation;
                entry.work = Work::Offered;
                entry.join_offer(generation);
                return;
            }
            _ => {}
        }
        if entry.present_digest().as_ref() != Some(&binary.digest) {
            // What ran when the load began runs no more.
            entry.put_off();
            return self.enqueue(name);
        }
        let size = binary.bytes.len() as u64;
        let disk = on_disk(&binary.digest, size, DiskVerdict::Running, None);
        let news = self.show(name, disk).await;
        self.end_load_if(name, news, Ok("unchanged: it is what runs".to_owned()))
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
        entry.read = Some(identity.digest.clone());
        entry.unread = identity.digest.is_empty();
        // A signature may come later than what it signs.
        let is_of_trust = failure.code.starts_with("trust.");
        if !entry.unread && !is_of_trust {
            let of_the_machine = OF_THE_MACHINE.contains(&&*failure.code);
            let kind = if of_the_machine {
                RefusalKind::Unproven
            } else {
                RefusalKind::Unfit
            };
            entry.refuse(&identity.digest, &failure, kind);
        }
        let running = entry.running.clone();
        let (digest, size) = (identity.digest.clone(), identity.size_bytes);
        let disk = on_disk(&digest, size, DiskVerdict::Rejected, Some(failure.clone()));
        let news = entry.is_news(&disk);
        match (news, running) {
            (true, Some(running)) => report::rejected(&identity, &failure, Some(&running)),
            (true, None) => self.reject(identity, failure.clone()).await,
            (false, _) => {}
        }
        self.show(name, disk).await;
        self.end_load_if(name, news, Err(failure)).await;
    }

    /// Shows a probe that cannot run and never has.
    pub(super) async fn reject(&mut self, identity: Arc<ProbeIdentity>, failure: Arc<Failure>) {
        report::rejected(&identity, &failure, None);
        let mut status = ProbeStatus::new(ProbeState::Rejected);
        status.note_error(failure, SystemTime::now());
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
        entry.unread = false;
        entry.read = Some(identity.digest.clone());
        let (digest, size) = (identity.digest.clone(), identity.size_bytes);
        if let Some(handle) = &entry.handle {
            handle.offer(version);
            entry.work = Work::Offered;
            entry.offered = Some((identity.generation, digest.clone()));
            entry.join_offer(identity.generation);
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
        self.end_load(name, Ok(format!("generation {} runs", identity.generation)))
            .await;
    }

    /// Tells what lies in the folder, if that is news; true when it is.
    pub(super) async fn show(&mut self, name: &str, on_disk: Arc<OnDisk>) -> bool {
        let entry = self.entries.get_mut(name);
        let news = entry.is_some_and(|entry| entry.show(&on_disk));
        if news {
            self.schedule
                .tell(Update::OnDisk(name.into(), on_disk))
                .await;
        }
        news
    }

    /// Ends what the load under way was to fulfil.
    async fn end_load(&mut self, name: &str, outcome: Result<String, Arc<Failure>>) {
        let reload = self
            .entries
            .get_mut(name)
            .and_then(|entry| entry.loading.take());
        if let Some(reload) = reload {
            self.end(name, reload, outcome).await;
        }
    }

    /// As [`Catalogue::end_load`], but a look that nobody asked for and that found nothing new is not worth a record.
    async fn end_load_if(&mut self, name: &str, news: bool, outcome: Result<String, Arc<Failure>>) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        if news || entry.loading.as_ref().is_some_and(Reload::is_asked_for) {
            self.end_load(name, outcome).await;
        } else {
            entry.loading = None;
        }
    }

    /// Ends a reload, and records it.
    pub(super) async fn end(
        &mut self,
        name: &str,
        reload: Reload,
        outcome: Result<String, Arc<Failure>>,
    ) {
        let operation = reload.end(name, outcome);
        self.schedule
            .tell(Update::Operation(Box::new(operation)))
            .await;
    }
}

fn is_of_half_a_file(failure: &Failure) -> bool {
    OF_HALF_A_FILE.contains(&failure.code.as_str())
}
