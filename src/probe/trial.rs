//! The trial of a new version: one scratch run beside the version that runs, which leaves no trace.

use std::future::Future;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::host::{RunFacts, Trigger};
use super::instance::Trouble;
use super::runner::Probe;
use super::version::Version;
use crate::model::{DeniedAttempt, Failure, ProbeState};

/// Why a version does not take the place of the one that runs.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What it did.
    pub failure: Arc<Failure>,
    /// What is to become of it.
    pub kind: RefusalKind,
}

/// What is to become of a refused version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// It is not fit to run, until something changes.
    Unfit,
    /// It wants more than is granted, and the version that runs does not.
    Held,
    /// Its target did not answer, and it does answer the version that runs: worth another trial later.
    Unproven,
}

impl Refusal {
    /// The trial itself failed: a defect of the host.
    pub fn by_defect(error: &str) -> Self {
        let message = format!("a defect of the host ended the trial: {error}");
        Self {
            failure: Arc::new(Failure::new("host.panic", message)),
            kind: RefusalKind::Unproven,
        }
    }
}

impl Probe {
    /// Runs `version` once with a copy of the probe's state. Nothing that the run does is committed, and the version
    /// that runs goes on meanwhile.
    ///
    /// # Errors
    /// The future's: why the version should not replace the one that runs.
    pub fn try_out(
        &self,
        version: &Version,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + 'static {
        let mut resident = self.resident_for_trial(version);
        let (version, running) = (version.clone(), self.status().state);
        let known = self.status().denied_attempts.clone();
        async move {
            let facts = RunFacts {
                trigger: Trigger::Startup,
                wall: SystemTime::now(),
                deadline: Instant::now(),
                interval: version.interval,
                missed: 0,
                ordinal: 1,
            };
            let result = resident.run(&version, facts).await;
            judge(result.map(|_| ()), running)?;
            let denied = resident.kept().map(|kept| kept.denials.shown().1);
            match denied.and_then(|denied| asks_for_more(&known, &denied)) {
                Some(failure) => Err(Refusal {
                    failure: Arc::new(failure),
                    kind: RefusalKind::Held,
                }),
                None => Ok(()),
            }
        }
    }
}

/// What was tried that can be granted, is not, and was not tried before: the operator has to say yes to it first.
pub(super) fn asks_for_more(known: &[DeniedAttempt], now: &[DeniedAttempt]) -> Option<Failure> {
    let is_known = |one: &DeniedAttempt| known.iter().any(|other| other.attempt == one.attempt);
    let new = now
        .iter()
        .find(|one| one.grant.is_some() && !is_known(one))?;
    let line = new.grant.as_deref().unwrap_or_default();
    let message = format!(
        "asks for more than is granted: {} (granted by `{line}`), which the version that runs does not",
        new.attempt
    );
    Some(Failure::new("grant.held", message))
}

/// A version has to do as well as the one that runs does now.
fn judge(result: Result<(), Trouble>, running: ProbeState) -> Result<(), Refusal> {
    let (failure, kind) = match result {
        Ok(()) => return Ok(()),
        Err(Trouble::Crash(failure)) => (failure, RefusalKind::Unfit),
        Err(Trouble::Answer(failure)) => {
            let code = failure.code.split('.').next().unwrap_or_default();
            let kind = match code {
                "unavailable" | "retry-after" | "not-applicable" | "other"
                    if running != ProbeState::Active =>
                {
                    return Ok(());
                }
                "unavailable" | "retry-after" | "not-applicable" => RefusalKind::Unproven,
                "denied" => RefusalKind::Held,
                _ => RefusalKind::Unfit,
            };
            (failure, kind)
        }
    };
    Err(Refusal {
        failure: Arc::new(failure),
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g49_only_what_is_new_and_could_be_granted_is_more() {
        let attempt = |attempt: &str, grant: Option<&str>| DeniedAttempt {
            attempt: attempt.to_owned(),
            grant: grant.map(str::to_owned),
            count: 1,
            last: SystemTime::UNIX_EPOCH,
        };
        let (file, never) = (attempt("read /x", Some("line")), attempt("write", None));
        let known = [file.clone()];
        assert_eq!(asks_for_more(&known, &[never.clone(), file.clone()]), None);
        let more = asks_for_more(&[], &[never, file]).expect("it is new");
        assert_eq!(more.code, "grant.held");
        assert!(more.message.contains("read /x") && more.message.contains("`line`"));
    }

    #[test]
    fn a_version_has_to_do_as_well_as_the_one_that_runs() {
        let answer = |code: &str| Err(Trouble::Answer(Failure::new(code, "x")));
        let crash = || Err(Trouble::Crash(Failure::new("trap", "x")));
        let kind = |result, running| judge(result, running).err().map(|refusal| refusal.kind);
        let (good, bad) = (ProbeState::Active, ProbeState::Degraded);
        for running in [good, bad] {
            assert_eq!(kind(Ok(()), running), None);
            assert_eq!(kind(crash(), running), Some(RefusalKind::Unfit));
            assert_eq!(
                kind(answer("bad-config"), running),
                Some(RefusalKind::Unfit)
            );
            assert_eq!(
                kind(answer("metrics.type-conflict"), running),
                Some(RefusalKind::Unfit)
            );
            assert_eq!(
                kind(answer("limits.series"), running),
                Some(RefusalKind::Unfit)
            );
            assert_eq!(kind(answer("denied"), running), Some(RefusalKind::Held));
        }
        assert_eq!(
            kind(answer("unavailable"), good),
            Some(RefusalKind::Unproven)
        );
        assert_eq!(kind(answer("unavailable"), bad), None);
        assert_eq!(kind(answer("other"), good), Some(RefusalKind::Unfit));
        assert_eq!(kind(answer("other"), bad), None);
    }
}
