//! A check of what applications tell: work that should have ended, and errors that are too many.

use std::time::Instant;

use serde_json::json;

use super::verdict::{Verdict, ago, judge, listed};
use super::{Config, Inputs};
use crate::model::{ActiveWork, ActivityFacts, NameFacts, Status, WorkFacts, printable};

/// The longest name or id in the message, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Whether nothing is overdue, and no error rate is above its threshold. It never fails: whoever knows what that work is
/// worth has rules for it.
pub(super) fn events(inputs: &Inputs<'_>, config: &Config, now: Instant) -> Verdict {
    if !config.events {
        return Verdict::new(Status::Pass, "is not wanted (health.events)");
    }
    let Some(dated) = inputs.facts.activity.as_ref() else {
        return Verdict::new(Status::Pass, "events are switched off (events.enabled)");
    };
    judge("what follows from events", Some(dated), now, look)
}

fn look(facts: &ActivityFacts) -> Verdict {
    let sorts = [
        Some(&facts.operations),
        facts.requests.as_ref(),
        facts.runs.as_ref(),
    ];
    let sorts = || sorts.into_iter().flatten();
    let count: u64 = sorts().map(|work| work.overdue).sum();
    let overdue: Vec<String> = sorts()
        .flat_map(|work: &WorkFacts| &work.overdue_work)
        .map(late)
        .collect();
    let rates: Vec<String> = sorts()
        .flat_map(|work| &work.names)
        .filter_map(|name| failing(name))
        .collect();
    let mut words = Vec::new();
    if count > 0 {
        // Of very many only the oldest are told one by one.
        let verb = if count == 1 { "is" } else { "are" };
        words.push(format!("{count} {verb} overdue: {}", listed(&overdue)));
    }
    if !rates.is_empty() {
        words.push(format!("too many errors: {}", listed(&rates)));
    }
    if words.is_empty() {
        let message = "nothing is overdue, and no error rate is above its threshold";
        return Verdict::new(Status::Pass, message);
    }
    Verdict::new(Status::Warn, words.join("; "))
        .with(json!({ "overdue": count, "error_rates": rates }))
}

fn late(one: &ActiveWork) -> String {
    let (name, id) = (
        printable(&one.name, MAX_NAME_BYTES),
        printable(&one.id, MAX_NAME_BYTES),
    );
    let expected = one.expected.unwrap_or_default();
    format!("{name} {id} ({} of {})", ago(one.elapsed), ago(expected))
}

fn failing(one: &NameFacts) -> Option<String> {
    let rate = one.error_rate.filter(|rate| rate.above)?;
    let name = printable(&one.name, MAX_NAME_BYTES);
    let (share, count) = (rate.rate * 100.0, rate.count);
    Some(match count {
        0 => format!("{name} (since before the start)"),
        _ => format!("{name} ({share:.1} % of {count})"),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::model::{ErrorRate, Percentiles};
    use crate::snapshot::{Dated, FactSheet};

    fn check(facts: ActivityFacts, config: &Config) -> Verdict {
        let now = Instant::now();
        let facts = FactSheet {
            activity: Some(Dated {
                facts: Arc::new(facts),
                read: now,
                interval: Duration::from_secs(1),
                failure: None,
            }),
            ..FactSheet::default()
        };
        let inputs = Inputs {
            facts: &facts,
            sources: &[],
            probes: &[],
            whole: true,
            reported: &[],
        };
        events(&inputs, config, now)
    }

    fn late(elapsed: u64) -> WorkFacts {
        WorkFacts {
            in_flight: 1,
            overdue: 1,
            overdue_work: vec![ActiveWork {
                id: "o-17".into(),
                name: "mail".into(),
                worker: None,
                elapsed: Duration::from_secs(elapsed),
                expected: Some(Duration::from_secs(30)),
            }],
            ..WorkFacts::default()
        }
    }

    fn failing(above: bool) -> WorkFacts {
        let rate = ErrorRate {
            rate: 0.125,
            count: 40,
            above,
        };
        let name = NameFacts {
            name: "/users".into(),
            in_flight: 0,
            outcomes: [0; 4],
            lost: 0,
            error_rate: Some(rate),
            durations: Percentiles::default(),
            last: Default::default(),
        };
        WorkFacts {
            names: vec![Arc::new(name)],
            ..WorkFacts::default()
        }
    }

    #[test]
    fn it_warns_of_what_is_overdue_and_of_errors_unless_it_is_not_wanted() {
        let config = Config::default();
        let well = ActivityFacts {
            requests: Some(failing(false)),
            ..ActivityFacts::default()
        };
        assert_eq!(check(well, &config).status, Status::Pass);
        let bad = ActivityFacts {
            operations: late(42),
            requests: Some(failing(true)),
            ..ActivityFacts::default()
        };
        let verdict = check(bad.clone(), &config);
        assert_eq!(verdict.status, Status::Warn);
        assert_eq!(
            verdict.message,
            "1 is overdue: mail o-17 (42s of 30s); too many errors: /users (12.5 % of 40)"
        );
        let off = Config {
            events: false,
            ..config
        };
        assert_eq!(check(bad, &off).status, Status::Pass);
    }
}
