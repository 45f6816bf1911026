//! What the operator wrote.

use probity_sdk::config::{Ceiling, Count, Name, Named, Ratio, Seconds, Targets, Whole};
use serde::Deserialize;

use crate::{Identifier, Kept};

/// The probe's section.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Logs of operations.
    pub logs: Targets<Log, 20>,
    /// Outboxes of notifications.
    pub outboxes: Targets<Outbox, 20>,
    /// Columns whose values are counted.
    pub counts: Targets<Counts, 20>,
}

/// A table with one row for each operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The checks' name, and the metrics' label.
    pub name: Name,
    /// The database, as it is granted.
    pub database: String,
    /// The table, or a view.
    pub table: Identifier,
    /// The column of when an operation began.
    pub started: Identifier,
    /// The column of when it ended, NULL until then.
    pub finished: Option<Identifier>,
    /// The column of how it went.
    pub status: Option<Identifier>,
    /// The column of what kind of operation it is.
    pub kind: Option<Identifier>,
    /// The values of `status` of operations that have not ended. Without them those have no time in `finished`.
    #[serde(default)]
    pub running: Vec<String>,
    /// The values of `status` of those that failed, in upper or lower case.
    #[serde(default = "failed")]
    pub failed: Vec<String>,
    /// The values of `status` of those that went well: all others failed then.
    #[serde(default)]
    pub succeeded: Vec<String>,
    /// How times are kept.
    #[serde(default)]
    pub time: Kept,
    /// How far back results are counted.
    #[serde(default = "hour")]
    pub window: Seconds,
    /// Different kinds and outcomes that are told apart; the rest is summed up as `other`.
    #[serde(default = "twenty")]
    pub most: Whole<1, 100>,
    /// How long an operation should run.
    #[serde(default = "max_elapsed")]
    pub max_elapsed: Ceiling<Seconds>,
    /// How many operations should run at once.
    #[serde(default)]
    pub max_in_flight: Ceiling<Count>,
    /// Which share of the results should be failures.
    #[serde(default = "max_failures")]
    pub max_failures: Ceiling<Ratio>,
}

/// A table with one row for each notification.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    /// The checks' name, and the metrics' label.
    pub name: Name,
    /// The database, as it is granted.
    pub database: String,
    /// The table, or a view.
    pub table: Identifier,
    /// The column of when a notification was put in.
    pub created: Identifier,
    /// The column of when it was delivered, NULL until then.
    pub sent: Option<Identifier>,
    /// The column of when it was last tried.
    pub attempted: Option<Identifier>,
    /// The column of how it is.
    pub status: Option<Identifier>,
    /// The column of what kind of notification it is, or where it goes.
    pub kind: Option<Identifier>,
    /// The values of `status` of notifications that wait. Without them those have no time in `sent`.
    #[serde(default)]
    pub pending: Vec<String>,
    /// The values of `status` of those that will never be delivered.
    #[serde(default)]
    pub dead: Vec<String>,
    /// How times are kept.
    #[serde(default)]
    pub time: Kept,
    /// Different kinds that are told apart; the rest is summed up as `other`.
    #[serde(default = "twenty")]
    pub most: Whole<1, 100>,
    /// How many notifications should wait.
    #[serde(default = "max_pending")]
    pub max_pending: Ceiling<Count>,
    /// How long the oldest should wait.
    #[serde(default = "max_age")]
    pub max_age: Ceiling<Seconds>,
    /// How many should never be delivered.
    #[serde(default = "max_dead")]
    pub max_dead: Ceiling<Count>,
}

/// A column whose values are counted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// The check's name, and the metric's label.
    pub name: Name,
    /// The database, as it is granted.
    pub database: String,
    /// The table, or a view.
    pub table: Identifier,
    /// The column.
    pub column: Identifier,
    /// The column of a row's time, where only those of the window are counted.
    pub since: Option<Identifier>,
    /// How times are kept.
    #[serde(default)]
    pub time: Kept,
    /// How far back rows are counted.
    #[serde(default = "hour")]
    pub window: Seconds,
    /// Different values that are told apart; the rest is summed up as `other`.
    #[serde(default = "twenty")]
    pub most: Whole<1, 100>,
}

fn failed() -> Vec<String> {
    ["failed", "failure", "error", "timeout"]
        .map(str::to_owned)
        .to_vec()
}

fn hour() -> Seconds {
    Seconds(3600.0)
}

fn twenty() -> Whole<1, 100> {
    Whole(20)
}

fn max_elapsed() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(3600.0)),
        fail: Some(Seconds(86_400.0)),
    }
}

fn max_failures() -> Ceiling<Ratio> {
    Ceiling {
        warn: Some(Ratio(0.1)),
        fail: Some(Ratio(0.5)),
    }
}

fn max_pending() -> Ceiling<Count> {
    Ceiling {
        warn: Some(Count(1000.0)),
        fail: None,
    }
}

fn max_age() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(300.0)),
        fail: Some(Seconds(3600.0)),
    }
}

fn max_dead() -> Ceiling<Count> {
    Ceiling {
        warn: Some(Count(1.0)),
        fail: None,
    }
}

impl Settings {
    /// What fits together in no configuration, with its key.
    pub fn fault(&self) -> Option<String> {
        let logs = self
            .logs
            .0
            .iter()
            .enumerate()
            .find_map(|(place, log)| Some(format!("`logs[{place}]` {}", log.fault()?)));
        let outboxes = self
            .outboxes
            .0
            .iter()
            .enumerate()
            .find_map(|(place, outbox)| Some(format!("`outboxes[{place}]` {}", outbox.fault()?)));
        let names: Vec<&str> = self.names().collect();
        let twice = names
            .iter()
            .enumerate()
            .find(|(place, name)| names.iter().take(*place).any(|before| before == *name));
        let twice = twice.map(|(_, name)| {
            format!("`logs`, `outboxes` and `counts` must not have the name \"{name}\" twice")
        });
        logs.or(outboxes).or(twice)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let logs = self.logs.0.iter().map(Named::name);
        let outboxes = self.outboxes.0.iter().map(Named::name);
        logs.chain(outboxes)
            .chain(self.counts.0.iter().map(Named::name))
    }
}

impl Log {
    fn fault(&self) -> Option<&'static str> {
        match (&self.finished, &self.status, self.running.is_empty()) {
            (None, _, true) => Some(
                "must say which operations have not ended: by the column `finished`, or by values of `status` in `running`",
            ),
            (_, None, false) => {
                Some("has values in `running`, and no column `status` that could have them")
            }
            _ if self.status.is_none() && !self.succeeded.is_empty() => {
                Some("has values in `succeeded`, and no column `status` that could have them")
            }
            _ => None,
        }
    }
}

impl Outbox {
    fn fault(&self) -> Option<&'static str> {
        match (&self.sent, &self.status, self.pending.is_empty()) {
            (None, _, true) => Some(
                "must say which notifications wait: by the column `sent`, or by values of `status` in `pending`",
            ),
            (_, None, false) => {
                Some("has values in `pending`, and no column `status` that could have them")
            }
            _ if self.status.is_none() && !self.dead.is_empty() => {
                Some("has values in `dead`, and no column `status` that could have them")
            }
            _ => None,
        }
    }
}

macro_rules! named {
    ($($kind:ty),*) => {$(
        impl Named for $kind {
            fn name(&self) -> &str {
                self.name.as_str()
            }
        }
    )*};
}

named!(Log, Outbox, Counts);

#[cfg(test)]
mod tests {
    use probity_sdk::config;

    use super::*;

    #[test]
    fn what_does_not_fit_together_is_refused_with_its_key() {
        let log = r#""name":"a","database":"d","table":"t","started":"s""#;
        let outbox = r#""name":"a","database":"d","table":"t","created":"c""#;
        for (json, told) in [
            (format!(r#"{{"logs":[{{{log},"finished":"f"}}]}}"#), None),
            (
                format!(r#"{{"logs":[{{{log},"status":"s","running":["r"]}}]}}"#),
                None,
            ),
            (
                format!(r#"{{"logs":[{{{log}}}]}}"#),
                Some(
                    "`logs[0]` must say which operations have not ended: by the column `finished`, or by values of `status` in `running`",
                ),
            ),
            (
                format!(r#"{{"logs":[{{{log},"running":["r"]}}]}}"#),
                Some(
                    "`logs[0]` has values in `running`, and no column `status` that could have them",
                ),
            ),
            (
                format!(r#"{{"logs":[{{{log},"finished":"f","succeeded":["r"]}}]}}"#),
                Some(
                    "`logs[0]` has values in `succeeded`, and no column `status` that could have them",
                ),
            ),
            (
                format!(r#"{{"outboxes":[{{{outbox}}}]}}"#),
                Some(
                    "`outboxes[0]` must say which notifications wait: by the column `sent`, or by values of `status` in `pending`",
                ),
            ),
            (
                format!(r#"{{"outboxes":[{{{outbox},"sent":"s","dead":["d"]}}]}}"#),
                Some(
                    "`outboxes[0]` has values in `dead`, and no column `status` that could have them",
                ),
            ),
            (
                format!(
                    r#"{{"logs":[{{{log},"finished":"f"}}],"outboxes":[{{{outbox},"sent":"s"}}]}}"#
                ),
                Some("`logs`, `outboxes` and `counts` must not have the name \"a\" twice"),
            ),
        ] {
            let settings = config::parse::<Settings>(&json).expect("each key is right");
            assert_eq!(settings.fault().as_deref(), told, "{json}");
        }
    }

    #[test]
    fn a_key_that_is_not_known_is_told() {
        let json = r#"{"logs":[{"name":"a","database":"d","table":"t","start":"s"}]}"#;
        let told = config::parse::<Settings>(json)
            .expect_err("it is not known")
            .to_string();
        assert!(
            told.starts_with("`logs[0].start` is not known here: use `name`, `database`"),
            "{told}"
        );
        let json = r#"{"logs":[{"name":"a","database":"d","table":"","started":"s"}]}"#;
        let told = config::parse::<Settings>(json)
            .expect_err("it is empty")
            .to_string();
        assert_eq!(
            told,
            "`logs[0].table` must be the name of a table or a column, 1 to 200 characters, not \"\""
        );
    }
}
