//! A check for each watched process: whether it is there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::Inputs;
use super::hysteresis::{Hysteresis, Patience};
use super::verdict::{Verdict, judge};
use crate::model::{Status, WatchFacts, WatchState};

/// What hysteresis needs of each watch, by its name.
#[derive(Debug, Default)]
pub(super) struct WatchedChecks {
    known: HashMap<Arc<str>, Known>,
}

#[derive(Debug)]
struct Known {
    name: Arc<str>,
    title: Arc<str>,
    hysteresis: Hysteresis,
}

/// A check before it is shown.
pub(super) struct Judged {
    /// `watched/NAME`.
    pub(super) name: Arc<str>,
    /// For people.
    pub(super) title: Arc<str>,
    /// What is seen now.
    pub(super) verdict: Verdict,
    /// What is to be shown of it.
    pub(super) shown: Status,
}

impl WatchedChecks {
    /// Judges every watch, in the order of the configuration.
    pub(super) fn judge(
        &mut self,
        inputs: &Inputs<'_>,
        patience: Patience,
        now: Instant,
    ) -> Vec<Judged> {
        let Some(dated) = inputs.facts.watched.as_ref() else {
            return Vec::new();
        };
        let one = |watch: &WatchFacts| {
            let what = format!("watch {}", watch.name);
            let verdict = judge(&what, Some(dated), now, |_| look(watch));
            let known = self
                .known
                .entry(watch.name.clone())
                .or_insert_with(|| Known {
                    name: format!("watched/{}", watch.name).into(),
                    title: format!("{} runs", watch.name).into(),
                    hysteresis: Hysteresis::default(),
                });
            Judged {
                name: known.name.clone(),
                title: known.title.clone(),
                shown: known.hysteresis.step(verdict.status, patience),
                verdict,
            }
        };
        dated.facts.watches.iter().map(one).collect()
    }
}

/// One that is not there fails; one that does not do anything, or that cannot be told, warns.
fn look(watch: &WatchFacts) -> Verdict {
    let status = match watch.state {
        WatchState::Gone | WatchState::Zombie => Status::Fail,
        WatchState::Unknown | WatchState::Stopped => Status::Warn,
        _ => Status::Pass,
    };
    let state = watch.state.as_str();
    let message = match (&watch.error, watch.pid) {
        (Some(why), _) => format!("{state}: {why}"),
        (None, Some(pid)) => format!("process {pid} is {state}"),
        (None, None) => state.to_owned(),
    };
    let (restarts, crashes) = (watch.restarts, watch.crashes);
    Verdict::new(status, message).with(json!({
        "pid": watch.pid,
        "processes": watch.processes,
        "restarts": restarts,
        "crashes": crashes,
    }))
}

#[cfg(test)]
#[path = "watched_tests.rs"]
mod tests;
