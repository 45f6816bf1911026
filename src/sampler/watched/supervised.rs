//! What a supervisor's counts and words say about what happened since it was asked last.

use std::sync::Arc;
use std::time::SystemTime;

use super::events::Events;
use crate::model::WatchEventKind::{Crashed, State};
use crate::model::WatchSupervisor;

/// The last answer.
#[derive(Debug, Default)]
pub(super) struct Supervised {
    last: Option<Arc<WatchSupervisor>>,
}

/// What happened between two answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) restarts: u64,
    pub(super) crashes: u64,
}

impl Supervised {
    /// Takes an answer in. The first one is where counting begins; one that failed says nothing.
    pub(super) fn hear(
        &mut self,
        now: &Arc<WatchSupervisor>,
        wall: SystemTime,
        events: &mut Events,
    ) -> Heard {
        if now.error.is_some() {
            return Heard::default();
        }
        let Some(before) = self.last.replace(now.clone()) else {
            return Heard::default();
        };
        let (from, to) = (words(&before), words(now));
        if from != to {
            events.note(wall, State, None, format!("{from}, then {to}"));
        }
        let restarts = grown(before.restarts, now.restarts);
        let unasked = match now.kind {
            // systemd counts the starts that it makes by itself, which follow an end that nobody asked for.
            "systemd" => restarts,
            _ => grown(before.unstable_restarts, now.unstable_restarts),
        };
        let gave_up = has_failed(now) && !has_failed(&before);
        let crashes = unasked + u64::from(gave_up);
        if crashes > 0 {
            events.note(wall, Crashed, None, told(now, unasked, gave_up));
        }
        Heard { restarts, crashes }
    }
}

/// A count that shrank was set back, by hand or with its program, and begins anew.
fn grown(before: Option<u64>, now: Option<u64>) -> u64 {
    let grown = before
        .zip(now)
        .and_then(|(before, now)| now.checked_sub(before));
    grown.unwrap_or(0)
}

fn has_failed(supervisor: &WatchSupervisor) -> bool {
    matches!(supervisor.state.as_deref(), Some("failed" | "errored"))
}

/// `active (running)`, or pm2's one word.
fn words(supervisor: &WatchSupervisor) -> String {
    let state = supervisor.state.as_deref().unwrap_or("unknown");
    match &supervisor.sub_state {
        Some(sub) => format!("{state} ({sub})"),
        None => state.to_owned(),
    }
}

fn told(now: &WatchSupervisor, unasked: u64, gave_up: bool) -> String {
    let kind = now.kind;
    let mut parts = Vec::new();
    if unasked > 0 {
        parts.push(format!("{kind} had to start it again ({unasked} times)"));
    }
    if gave_up {
        parts.push(format!("{kind} gave it up"));
        let status = now
            .exit_status
            .map(|status| format!("exit status {status}"));
        let result = now.result.as_ref().map(|result| format!("result {result}"));
        parts.extend(result.into_iter().chain(status));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn systemd(state: &str, restarts: u64) -> Arc<WatchSupervisor> {
        Arc::new(WatchSupervisor {
            kind: "systemd",
            state: Some(state.into()),
            restarts: Some(restarts),
            ..WatchSupervisor::default()
        })
    }

    fn pm2(state: &str, restarts: u64, unstable: u64) -> Arc<WatchSupervisor> {
        Arc::new(WatchSupervisor {
            kind: "pm2",
            unstable_restarts: Some(unstable),
            ..WatchSupervisor::clone(&systemd(state, restarts))
        })
    }

    fn heard(answers: &[Arc<WatchSupervisor>]) -> (u64, u64) {
        let (mut supervised, mut events) = (Supervised::default(), Events::default());
        let mut hear = |now| supervised.hear(now, SystemTime::UNIX_EPOCH, &mut events);
        let all = answers.iter().map(&mut hear);
        all.fold((0, 0), |(restarts, crashes), heard| {
            (restarts + heard.restarts, crashes + heard.crashes)
        })
    }

    #[test]
    fn growth_counts_and_the_first_answer_is_where_it_begins() {
        assert_eq!(heard(&[systemd("active", 7)]), (0, 0));
        assert_eq!(heard(&[systemd("active", 7), systemd("active", 9)]), (2, 2));
        assert_eq!(heard(&[systemd("active", 7), systemd("active", 0)]), (0, 0));
        let failing = ["active", "activating", "failed", "failed"];
        let failing = std::iter::zip(failing, [0, 4, 5, 5]);
        let failing: Vec<_> = failing
            .map(|(state, count)| systemd(state, count))
            .collect();
        assert_eq!(heard(&failing), (5, 6), "the last end, too");
        let failed = Arc::new(WatchSupervisor {
            error: Some("no bus".into()),
            ..WatchSupervisor::default()
        });
        assert_eq!(
            heard(&[systemd("active", 1), failed, systemd("active", 2)]),
            (1, 1)
        );
    }

    #[test]
    fn of_pm2s_restarts_the_unstable_ones_are_crashes() {
        let by_hand = [pm2("online", 3, 0), pm2("online", 4, 0)];
        assert_eq!(heard(&by_hand), (1, 0));
        let by_itself = [
            pm2("online", 3, 0),
            pm2("online", 18, 15),
            pm2("errored", 18, 0),
        ];
        assert_eq!(heard(&by_itself), (15, 16));
    }
}
