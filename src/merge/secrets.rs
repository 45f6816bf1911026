//! Texts of sources on their way into the state, freed of secrets: reasons of failures, stacks, what checks say. Names, labels and
//! values stay as they are.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::{CheckReport, Details, Failure, Observation, Outcome, ProbeStatus, Update};
use crate::redact::Redactor;

/// Takes them out, once for all readers; nothing where nobody else reads it.
#[derive(Default)]
pub(super) struct Secrets(Option<Redactor>);

impl Secrets {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self(Some(redactor))
    }

    pub(super) fn take_out(&self, update: &mut Update) {
        let Some(redactor) = &self.0 else {
            return;
        };
        match update {
            Update::Observation(observation) => of_observation(redactor, observation),
            Update::Probe(_, status) => of_status(redactor, status),
            Update::OnDisk(_, on_disk) => {
                if on_disk.failure.is_some() {
                    let on_disk = Arc::make_mut(on_disk);
                    on_disk
                        .failure
                        .iter_mut()
                        .for_each(|one| of_failure(redactor, one));
                }
            }
            Update::Late(_, failure) => of_failure(redactor, failure),
            Update::Operation(operation) => match &mut operation.outcome {
                Ok(words) => of_text(redactor, words),
                Err(failure) => of_failure(redactor, failure),
            },
            Update::Source(_) | Update::Removed(_) | Update::StartComplete => {}
        }
    }
}

fn of_observation(redactor: &Redactor, observation: &mut Observation) {
    match &mut observation.outcome {
        Outcome::Ok => {}
        Outcome::NotApplicable(failure) | Outcome::Failed(failure) => of_failure(redactor, failure),
    }
    for check in &mut observation.checks {
        of_check(redactor, check);
    }
    if let Some(status) = &mut observation.probe {
        of_status(redactor, status);
    }
}

fn of_status(redactor: &Redactor, status: &mut ProbeStatus) {
    let last_error = status.last_error.as_mut().map(|(failure, _)| failure);
    let others = [&mut status.state_error, &mut status.last_rejection];
    for failure in others.into_iter().flatten().chain(last_error) {
        of_failure(redactor, failure);
    }
    let recent = &mut status.recent_errors;
    recent.revise(|failure| of_failure(redactor, failure));
}

fn of_check(redactor: &Redactor, check: &mut CheckReport) {
    of_text(redactor, &mut check.title);
    of_text(redactor, &mut check.message);
    let Some(details) = &mut check.details else {
        return;
    };
    let changed = match redactor.json(details.text()) {
        Cow::Borrowed(_) => return,
        Cow::Owned(changed) => changed,
    };
    // A text that takes another's place may be longer, and is let go where it is too long then.
    check.details = Details::read(&changed).ok();
}

/// A failure is shared, and stays so where nothing is in it.
fn of_failure(redactor: &Redactor, failure: &mut Arc<Failure>) {
    let message = redactor.text(&failure.message);
    let backtrace = failure.backtrace.as_deref().map(|text| redactor.text(text));
    let is_changed = |text: &Cow<'_, str>| matches!(text, Cow::Owned(_));
    if !is_changed(&message) && !backtrace.as_ref().is_some_and(is_changed) {
        return;
    }
    let cleaned = Failure {
        message: message.into_owned(),
        backtrace: backtrace.map(Cow::into_owned),
        ..failure.as_ref().clone()
    };
    *failure = Arc::new(cleaned);
}

fn of_text(redactor: &Redactor, text: &mut String) {
    if let Cow::Owned(changed) = redactor.text(text) {
        *text = changed;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use serde_json::json;

    use super::*;
    use crate::model::{Cause, Operation, ProbeState, Staged, Status};

    /// Takes out of an update, and shows it.
    fn told(mut update: Update) -> String {
        Secrets::new(Redactor::default()).take_out(&mut update);
        format!("{update:?}")
    }

    fn observation(outcome: Outcome) -> Observation {
        let failure = || Some(Arc::new(Failure::new("x", "token=hunter2")));
        let mut status = ProbeStatus {
            state_error: failure(),
            last_rejection: failure(),
            ..ProbeStatus::new(ProbeState::Active)
        };
        for message in ["token=hunter2", "the port is closed"] {
            let failure = Failure::new("x", message);
            let failure = failure.with_backtrace(Some("in f\npassword=hunter2".to_owned()));
            status.note_error(Arc::new(failure), SystemTime::UNIX_EPOCH);
        }
        Observation {
            source: "test".into(),
            started: Instant::now(),
            duration: Duration::ZERO,
            lateness: Duration::ZERO,
            missed: 0,
            outcome,
            staged: Staged::default(),
            checks: vec![CheckReport {
                id: "one".to_owned(),
                title: "one".to_owned(),
                status: Status::Fail,
                message: "https://me:hunter2@host does not answer".to_owned(),
                details: Some(Details::new(&json!({"password": "hunter2", "port": 5}))),
            }],
            facts: None,
            probe: Some(status),
        }
    }

    #[test]
    fn what_sources_say_is_freed_of_secrets() {
        let failure = || {
            let failure = Failure::new("unavailable", "password=hunter2 was refused");
            Arc::new(failure.with_backtrace(Some("in f\npassword=hunter2".to_owned())))
        };
        let operation = Operation {
            kind: "probe.reload",
            target: "test".into(),
            cause: Cause::Operator,
            started: SystemTime::UNIX_EPOCH,
            duration: Duration::ZERO,
            outcome: Err(failure()),
        };
        for update in [
            Update::Observation(Box::new(observation(Outcome::Ok))),
            Update::Observation(Box::new(observation(Outcome::Failed(failure())))),
            Update::Late("test".into(), failure()),
            Update::Operation(Box::new(operation)),
        ] {
            let told = told(update);
            assert!(!told.contains("hunter2"), "{told}");
            assert!(told.contains("[redacted]"), "{told}");
        }
    }

    #[test]
    fn what_has_no_secret_stays_shared() {
        let failure = Arc::new(Failure::new("unavailable", "the port is closed"));
        let mut update = Update::Late("test".into(), failure.clone());
        Secrets::new(Redactor::default()).take_out(&mut update);
        match update {
            Update::Late(_, kept) => assert!(Arc::ptr_eq(&kept, &failure)),
            other => panic!("{other:?}"),
        }
        let mut status = ProbeStatus::new(ProbeState::Active);
        status.note_error(failure.clone(), SystemTime::UNIX_EPOCH);
        of_status(&Redactor::default(), &mut status);
        let kept = status.recent_errors.iter().next();
        assert!(kept.is_some_and(|one| Arc::ptr_eq(&one.failure, &failure)));
    }
}
