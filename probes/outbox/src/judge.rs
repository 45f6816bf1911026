//! What is thought of what a table says.

use probity_sdk::{Status, show};
use targets::{Judged, count, held};

use crate::log::Operations;
use crate::notices::Notices;
use crate::{Counts, Groups, Identifier, Log, Outbox};

impl Log {
    /// What it says, in one line.
    pub(crate) fn summary(&self, seen: &Operations) -> String {
        let (running, results, failures) = (
            whole(seen.in_flight.total),
            whole(seen.results.total),
            whole(seen.failures),
        );
        let window = show::seconds(self.window.0);
        format!(
            "{} in flight; {} in the last {window}, {} of them failed",
            count(running, "operation"),
            count(results, "result"),
            failures
        )
    }

    /// Whether too many operations are running, or one for too long.
    pub(crate) fn stuck(&self, seen: &Operations) -> Judged {
        let total = seen.in_flight.total;
        let message = format!("{} in flight", count(whole(total), "operation"));
        let many = held(&self.max_in_flight, total, message, show::number);
        let Some(age) = seen.oldest else {
            return match whole(total) {
                0 => many,
                running => worse(
                    many,
                    (Status::Warn, no_time(running, "operation", &self.started)),
                ),
            };
        };
        let message = format!("the oldest has been running for {}", show::seconds(age));
        worse(many, held(&self.max_elapsed, age, message, show::seconds))
    }

    /// Whether too many of the results are failures.
    pub(crate) fn failing(&self, seen: &Operations) -> Judged {
        let (results, window) = (seen.results.total, show::seconds(self.window.0));
        if results == 0.0 {
            return (Status::Pass, format!("no results in the last {window}"));
        }
        let share = seen.failures / results;
        let message = format!(
            "{} of {} in the last {window} failed, {}",
            whole(seen.failures),
            count(whole(results), "result"),
            show::percent(share)
        );
        held(&self.max_failures, share, message, show::percent)
    }
}

impl Outbox {
    /// What it says, in one line.
    pub(crate) fn summary(&self, seen: &Notices) -> String {
        let waiting = format!(
            "{} pending",
            count(whole(seen.pending.total), "notification")
        );
        let oldest = seen
            .oldest
            .map(|age| format!(", the oldest for {}", show::seconds(age)))
            .unwrap_or_default();
        let dead = seen
            .dead
            .map(|dead| format!("; {} dead", whole(dead)))
            .unwrap_or_default();
        format!("{waiting}{oldest}{dead}")
    }

    /// Whether too many notifications wait.
    pub(crate) fn backlog(&self, seen: &Notices) -> Judged {
        let total = seen.pending.total;
        let message = format!("{} pending", count(whole(total), "notification"));
        held(&self.max_pending, total, message, show::number)
    }

    /// Whether one waits for too long.
    pub(crate) fn age(&self, seen: &Notices) -> Judged {
        let Some(age) = seen.oldest else {
            return match whole(seen.pending.total) {
                0 => (Status::Pass, "no notification is pending".to_owned()),
                waiting => (
                    Status::Warn,
                    no_time(waiting, "notification", &self.created),
                ),
            };
        };
        let message = format!("the oldest has been waiting for {}", show::seconds(age));
        held(&self.max_age, age, message, show::seconds)
    }

    /// Whether too many will never be delivered; nothing when the configuration does not say which those are.
    pub(crate) fn dead(&self, seen: &Notices) -> Option<Judged> {
        let dead = seen.dead?;
        let message = format!("{} dead", count(whole(dead), "notification"));
        Some(held(&self.max_dead, dead, message, show::number))
    }
}

impl Counts {
    /// What they are, in one line.
    pub(crate) fn summary(&self, seen: &Groups) -> String {
        format!(
            "{} with {}",
            count(whole(seen.total), "row"),
            count(seen.counts.len(), "value")
        )
    }
}

fn whole(number: f64) -> usize {
    number.max(0.0) as usize
}

/// That it is not known how long the oldest has been there.
fn no_time(number: usize, thing: &str, column: &Identifier) -> String {
    let things = count(number, thing);
    format!("{things} without a time in column `{}`", column.as_str())
}

/// The worse verdict with the words of both, its own first.
fn worse(one: Judged, other: Judged) -> Judged {
    match other.0 > one.0 {
        true => (other.0, format!("{}; {}", other.1, one.1)),
        false => (one.0, format!("{}; {}", one.1, other.1)),
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::config;

    use super::*;
    use crate::Settings;

    fn settings(log: &str, outbox: &str) -> Settings {
        let json = format!(
            r#"{{"logs":[{{"name":"l","database":"d","table":"t","started":"s","finished":"f"{log}}}],
                "outboxes":[{{"name":"o","database":"d","table":"t","created":"c","sent":"s"{outbox}}}]}}"#
        );
        config::parse(&json).expect("it is right")
    }

    fn total(total: f64) -> Groups {
        Groups {
            total,
            ..Groups::default()
        }
    }

    #[test]
    fn operations_have_thresholds() {
        let settings = settings(r#","max_in_flight":{"warn":3}"#, "");
        let log = &settings.logs.0[0];
        let mut seen = Operations {
            in_flight: total(1.0),
            oldest: Some(60.0),
            results: total(20.0),
            failures: 1.0,
            durations: None,
        };
        assert_eq!(
            log.summary(&seen),
            "1 operation in flight; 20 results in the last 1 h, 1 of them failed"
        );
        assert_eq!(
            log.stuck(&seen),
            (
                Status::Pass,
                "1 operation in flight; the oldest has been running for 1 min".into()
            )
        );
        assert_eq!(
            log.failing(&seen),
            (
                Status::Pass,
                "1 of 20 results in the last 1 h failed, 5 %".into()
            )
        );
        seen.in_flight = total(4.0);
        seen.oldest = Some(100_000.0);
        seen.failures = 4.0;
        let told = "the oldest has been running for 1 d 3 h: fails from 1 d; 4 operations in flight: warns from 3";
        assert_eq!(log.stuck(&seen), (Status::Fail, told.into()));
        assert_eq!(
            log.failing(&seen),
            (
                Status::Warn,
                "4 of 20 results in the last 1 h failed, 20 %: warns from 10 %".into()
            )
        );
        let none = Operations::default();
        assert_eq!(
            log.stuck(&none),
            (Status::Pass, "0 operations in flight".into())
        );
        assert_eq!(
            log.failing(&none),
            (Status::Pass, "no results in the last 1 h".into())
        );
    }

    #[test]
    fn notifications_have_thresholds() {
        let settings = settings("", r#","max_pending":{"warn":10}"#);
        let outbox = &settings.outboxes.0[0];
        let seen = Notices {
            pending: total(12.0),
            oldest: Some(4000.0),
            dead: Some(1.0),
            since_sent: None,
            since_attempt: None,
        };
        assert_eq!(
            outbox.summary(&seen),
            "12 notifications pending, the oldest for 1 h 6 min; 1 dead"
        );
        assert_eq!(
            outbox.backlog(&seen),
            (
                Status::Warn,
                "12 notifications pending: warns from 10".into()
            )
        );
        assert_eq!(
            outbox.age(&seen),
            (
                Status::Fail,
                "the oldest has been waiting for 1 h 6 min: fails from 1 h".into()
            )
        );
        assert_eq!(
            outbox.dead(&seen),
            Some((Status::Warn, "1 notification dead: warns from 1".into()))
        );
        let timeless = Notices {
            pending: total(2.0),
            ..Notices::default()
        };
        assert_eq!(
            outbox.age(&timeless),
            (
                Status::Warn,
                "2 notifications without a time in column `c`".into()
            )
        );
        let none = Notices::default();
        assert_eq!(
            outbox.age(&none),
            (Status::Pass, "no notification is pending".into())
        );
        assert_eq!(outbox.dead(&none), None);
    }
}
