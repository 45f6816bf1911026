//! What the probes tell: swapped, refused, rolled back, gone.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::entry::{Work, on_disk};
use super::report;
use super::task::Catalogue;
use crate::model::{Cause, DiskVerdict, Failure, Operation, ProbeIdentity, Update};
use crate::probe::{Refusal, RefusalKind, RolledBack};
use crate::schedule::ProbeEvent;

impl Catalogue {
    /// Keeps the account of what became of a version.
    pub(super) async fn handle_event(&mut self, event: ProbeEvent) {
        match event {
            ProbeEvent::Swapped { version } => self.handle_swapped(version).await,
            ProbeEvent::Refused { version, refusal } => {
                self.handle_refused(&version, refusal).await
            }
            ProbeEvent::RolledBack { probe, rolled_back } => {
                self.handle_rolled_back(probe, rolled_back).await;
            }
            ProbeEvent::Retired { probe } => self.handle_retired(&probe).await,
        }
    }

    async fn handle_swapped(&mut self, version: Arc<ProbeIdentity>) {
        let name = version.name.clone();
        let Some(entry) = self.entries.get_mut(&*name) else {
            return;
        };
        entry.running = Some(version.clone());
        let is_on_disk = entry.read.as_ref() == Some(&version.digest);
        report::loaded(&version);
        if is_on_disk {
            let (digest, size) = (&version.digest, version.size_bytes);
            self.show(&name, on_disk(digest, size, DiskVerdict::Running, None))
                .await;
        }
        let outcome = Ok(format!("generation {} runs", version.generation));
        self.end_offer(&version, outcome).await;
    }

    async fn handle_refused(&mut self, version: &ProbeIdentity, refusal: Refusal) {
        let name = version.name.clone();
        self.give_up(version, &refusal.failure, refusal.kind).await;
        if let Some(entry) = self.entries.get(&*name) {
            report::rejected(version, &refusal.failure, entry.running.as_deref());
        }
        self.end_offer(version, Err(refusal.failure)).await;
    }

    async fn handle_rolled_back(&mut self, runs: Arc<ProbeIdentity>, rolled_back: RolledBack) {
        let RolledBack {
            from,
            failure,
            kind,
        } = rolled_back;
        report::rolled_back(&from, &runs, &failure);
        if let Some(entry) = self.entries.get_mut(&*from.name) {
            entry.running = Some(runs);
        }
        self.give_up(&from, &failure, kind).await;
        let operation = Operation {
            kind: "probe.rollback",
            target: from.name.clone(),
            cause: Cause::Host,
            started: SystemTime::now(),
            duration: Duration::ZERO,
            outcome: Err(failure),
        };
        self.schedule
            .tell(Update::Operation(Box::new(operation)))
            .await;
    }

    /// Remembers that a version is not worth another trial, and shows why it does not run.
    async fn give_up(
        &mut self,
        version: &ProbeIdentity,
        failure: &Arc<Failure>,
        kind: RefusalKind,
    ) {
        let verdict = match kind {
            RefusalKind::Held => DiskVerdict::Held,
            RefusalKind::Unfit | RefusalKind::Unproven => DiskVerdict::Rejected,
        };
        if let Some(entry) = self.entries.get_mut(&*version.name) {
            entry.refuse(&version.digest, failure, kind);
        }
        let read = self.entries.get(&*version.name);
        if read.is_some_and(|entry| entry.read.as_ref() == Some(&version.digest)) {
            let (digest, size) = (&version.digest, version.size_bytes);
            let disk = on_disk(digest, size, verdict, Some(failure.clone()));
            self.show(&version.name, disk).await;
        }
    }

    async fn handle_retired(&mut self, probe: &str) {
        let Some(entry) = self.entries.get_mut(probe) else {
            return;
        };
        (entry.handle, entry.running, entry.offered) = (None, None, None);
        entry.show_nothing();
        let again = matches!(entry.work, Work::Retiring { again: true });
        entry.work = Work::Idle;
        if again && self.files.get(entry.section.component()).is_some() {
            self.enqueue(probe);
        } else {
            self.forget(probe).await;
        }
    }

    /// The version's trial is over, and so are those of versions whose place it took.
    async fn end_offer(&mut self, version: &ProbeIdentity, outcome: Result<String, Arc<Failure>>) {
        let Some(entry) = self.entries.get_mut(&*version.name) else {
            return;
        };
        if matches!(entry.offered, Some((generation, _)) if generation == version.generation) {
            entry.offered = None;
            if entry.work == Work::Offered {
                entry.work = Work::Idle;
            }
        }
        let (own, earlier) = entry.take_offers(version.generation);
        let message = format!("generation {} took its place", version.generation);
        let superseded = Arc::new(Failure::new("superseded", message));
        for reload in earlier {
            self.end(&version.name, reload, Err(superseded.clone()))
                .await;
        }
        if let Some(reload) = own {
            self.end(&version.name, reload, outcome).await;
        }
    }
}
