//! The task that runs one probe, tries out its next version, and does what an operator asks.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::cadence::Cadence;
use super::deliver;
use super::probe_handle::{Next, ProbeEvent, Wishes};
use crate::model::{Action, ActionError, ActionRequest, Observation, ProbeState, Update};
use crate::probe::{Due, Probe, Refusal, Trigger, Version};

pub(super) struct ProbeTask {
    probe: Probe,
    cadence: Cadence,
    trigger: Trigger,
    wishes: Arc<Wishes>,
    actions: mpsc::Receiver<ActionRequest>,
    trial: Option<Trial>,
    events: mpsc::Sender<ProbeEvent>,
    updates: mpsc::Sender<Update>,
    stop: CancellationToken,
}

/// A version that is being tried out beside the one that runs.
struct Trial {
    version: Version,
    run: AbortOnDropHandle<Result<(), Refusal>>,
}

impl Trial {
    async fn verdict(trial: &mut Option<Self>) -> Result<Result<(), Refusal>, JoinError> {
        match trial {
            Some(trial) => (&mut trial.run).await,
            None => std::future::pending().await,
        }
    }
}

impl ProbeTask {
    pub(super) fn new(
        probe: Probe,
        (wishes, actions): (Arc<Wishes>, mpsc::Receiver<ActionRequest>),
        events: mpsc::Sender<ProbeEvent>,
        updates: mpsc::Sender<Update>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            cadence: Cadence::new(Instant::now(), probe.interval()),
            trigger: Trigger::Startup,
            probe,
            wishes,
            actions,
            trial: None,
            events,
            updates,
            stop,
        }
    }

    /// Runs the probe until told to stop, or until it is retired.
    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                // What an operator or the folder wants comes before the next run.
                biased;
                () = self.stop.cancelled() => return,
                Next { offer, retire } = self.wishes.next() => {
                    if retire {
                        break;
                    }
                    if let Some(version) = offer {
                        self.offer(version).await;
                    }
                }
                Some(request) = self.actions.recv() => self.act(request).await,
                verdict = Trial::verdict(&mut self.trial) => self.handle_verdict(verdict).await,
                () = tokio::time::sleep_until(self.cadence.next().into()), if self.probe.is_scheduled() => {
                    if !self.run_once().await {
                        return;
                    }
                }
            }
        }
        self.retire().await;
    }

    /// One run, and one more of the version before if this one failed on probation. False when there is nobody left
    /// to run for.
    async fn run_once(&mut self) -> bool {
        let Some(observation) = self.observe().await else {
            return false;
        };
        let rolled_back = self.probe.roll_back(&observation.outcome);
        if !deliver(&self.updates, observation).await {
            return false;
        }
        if let Some(rolled_back) = rolled_back {
            self.announce().await;
            self.tell(ProbeEvent::RolledBack {
                probe: self.probe.identity().clone(),
                rolled_back,
            })
            .await;
            self.run_anew();
        }
        if let Some(moment) = self.probe.not_before() {
            self.cadence.postpone(moment);
        }
        true
    }

    /// Nothing when told to stop: what an unfinished run staged was never promised to anybody.
    async fn observe(&mut self) -> Option<Observation> {
        let begin = self.cadence.begin(Instant::now());
        let due = Due {
            trigger: self.trigger,
            lateness: begin.lateness,
            missed: begin.missed,
        };
        self.trigger = Trigger::Schedule;
        tokio::select! {
            observation = self.probe.run(due) => Some(observation),
            () = self.stop.cancelled() => None,
        }
    }

    /// A newer version ends the trial of the one before: the last one wins.
    async fn offer(&mut self, version: Version) {
        let state = self.probe.status().state;
        if matches!(state, ProbeState::Paused | ProbeState::Rejected) {
            // Nothing runs that a trial would protect.
            return self.swap(version).await;
        }
        let run = tokio::spawn(self.probe.try_out(&version));
        self.trial = Some(Trial {
            version,
            run: AbortOnDropHandle::new(run),
        });
    }

    async fn handle_verdict(&mut self, verdict: Result<Result<(), Refusal>, JoinError>) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        let refusal = match verdict {
            Ok(Ok(())) => return self.swap(trial.version).await,
            Ok(Err(refusal)) => refusal,
            Err(error) => Refusal::by_defect(&error.to_string()),
        };
        let version = trial.version.identity().clone();
        self.tell(ProbeEvent::Refused { version, refusal }).await;
    }

    async fn swap(&mut self, version: Version) {
        self.trial = None;
        self.probe.replace(version);
        self.announce().await;
        self.tell(ProbeEvent::Swapped {
            version: self.probe.identity().clone(),
        })
        .await;
        self.run_anew();
    }

    /// The next run is due now, and the first of its version.
    fn run_anew(&mut self) {
        self.cadence = Cadence::new(Instant::now(), self.probe.interval());
        self.trigger = Trigger::Startup;
    }

    async fn act(&mut self, request: ActionRequest) {
        let state = self.probe.status().state;
        let answer = match (request.action, state) {
            (Action::Pause, state) if state != ProbeState::Paused => {
                self.probe.pause();
                Ok("paused".to_owned())
            }
            (Action::Resume, ProbeState::Paused) => {
                self.probe.resume();
                self.run_anew();
                Ok("resumed".to_owned())
            }
            (Action::Release, ProbeState::Quarantined | ProbeState::Backoff) => {
                self.probe.resume();
                self.run_anew();
                Ok(format!("released from {}", state.as_str()))
            }
            (action, state) => Err(ActionError::Conflict(format!(
                "the probe is {}, so there is nothing to {action}",
                state.as_str()
            ))),
        };
        self.announce().await;
        // Whoever asked may have gone; what was asked is done.
        let _gone = request.answer.send(answer);
    }

    /// Tells the merge who runs now and how it does.
    async fn announce(&mut self) {
        let (identity, status) = (self.probe.identity().clone(), self.probe.status().clone());
        self.update(Update::Probe(identity, Box::new(status))).await;
    }

    async fn retire(mut self) {
        let name = self.probe.identity().name.clone();
        self.update(Update::Removed(name.clone())).await;
        // The instance, and the metric names it claims, are gone before anybody hears of it.
        drop(self.probe);
        if self
            .events
            .send(ProbeEvent::Retired { probe: name })
            .await
            .is_err()
        {
            tracing::debug!("the catalogue has ended");
        }
    }

    async fn update(&mut self, update: Update) {
        if self.updates.send(update).await.is_err() {
            tracing::debug!("the merge has ended");
        }
    }

    async fn tell(&mut self, event: ProbeEvent) {
        if self.events.send(event).await.is_err() {
            tracing::debug!("the catalogue has ended");
        }
    }
}
