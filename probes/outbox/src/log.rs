//! A log of operations: which have not ended, and how those went that have.

use probity_sdk::sql::Value;
use probity_sdk::{Result, sql};

use crate::statement::label;
use crate::{Ask, Form, Groups, Log, Statement};

/// What a log says. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Operations {
    /// Operations that have not ended, by kind.
    pub(crate) in_flight: Groups,
    /// How long the oldest of them has been running.
    pub(crate) oldest: Option<f64>,
    /// Results of the window, by outcome.
    pub(crate) results: Groups,
    /// Failures among them.
    pub(crate) failures: f64,
    /// How long the operations that ended in the window took: on average, and the longest.
    pub(crate) durations: Option<(f64, f64)>,
}

/// When each outcome was last seen, in Unix seconds. It is asked for once, for that may take a look at each row, and kept up from the results.
pub(crate) type Last = Vec<(String, f64)>;

impl Log {
    /// Asks for everything. `last`: when each outcome was last seen, as far as that is known.
    pub(crate) fn look(
        &self,
        now: f64,
        last: &mut Option<Last>,
        ask: Ask<'_>,
    ) -> Result<Operations> {
        let form = Form::of(self.time, &self.database, &self.table, &self.started, ask)?;
        let running = Groups::read(&ask(&self.database, &self.running(form))?)?;
        let results = ask(
            &self.database,
            &self.results(form, Some(now - self.window.0)),
        )?;
        if last.is_none() {
            // What takes too long now would do so every time: what is seen from here on has to do.
            let seen = ask(&self.database, &self.results(form, None));
            *last = Some(seen.map(|rows| last_of(&rows)).unwrap_or_default());
        }
        if let Some(last) = last {
            keep_up(last, last_of(&results), self.most.0);
        }
        let results = Groups::read(&results)?;
        Ok(Operations {
            oldest: running.whole(0).map(|began| (now - began).max(0.0)),
            in_flight: running,
            failures: results.whole(0).unwrap_or(0.0),
            durations: results
                .whole(1)
                .zip(results.whole(2))
                .map(|(sum, longest)| (sum / results.total.max(1.0), longest)),
            results,
        })
    }

    /// Operations that have not ended, and when the first of them began.
    fn running(&self, form: Form) -> Statement {
        let mut statement = Statement::default();
        let from = format!(
            "{} AS t WHERE {}",
            self.table,
            self.is_running(&mut statement)
        );
        let began = format!("min({})", form.seconds(&self.started));
        let limit = statement.place(Value::Integer(self.most.0.into()));
        statement.text = Groups::query(
            &label(self.kind.as_ref()),
            &[began],
            &["min(a0) OVER ()".to_owned()],
            &from,
            &limit,
        );
        statement
    }

    /// Results since then, or all: failures among them, how long they took together and at most, and when each outcome was last seen.
    fn results(&self, form: Form, since: Option<f64>) -> Statement {
        let mut statement = Statement::default();
        let ended = self.finished.as_ref().unwrap_or(&self.started);
        let is_failure = self.is_failure(&mut statement);
        let took = match &self.finished {
            Some(finished) => format!(
                "{} - {}",
                form.seconds(finished),
                form.seconds(&self.started)
            ),
            None => "NULL".to_owned(),
        };
        let has_ended = format!("({}) IS NOT TRUE", self.is_running(&mut statement));
        let is_since = since
            .map(|since| format!("{} AND ", form.is_since(ended, since, &mut statement)))
            .unwrap_or_default();
        let from = format!("{} AS t WHERE {is_since}{has_ended}", self.table);
        let inner = [
            format!("sum({is_failure})"),
            format!("sum({took})"),
            format!("max({took})"),
            format!("max({})", form.seconds(ended)),
        ];
        // The last one is of each outcome alone.
        let outer = [
            "sum(a0) OVER ()",
            "sum(a1) OVER ()",
            "max(a2) OVER ()",
            "a3",
        ]
        .map(str::to_owned);
        let limit = statement.place(Value::Integer(self.most.0.into()));
        statement.text = Groups::query(&label(self.status.as_ref()), &inner, &outer, &from, &limit);
        statement
    }

    fn is_running(&self, statement: &mut Statement) -> String {
        match (&self.status, &self.finished) {
            (Some(status), _) if !self.running.is_empty() => {
                statement.one_of(&status.column(), &self.running)
            }
            (_, Some(finished)) => format!("{} IS NULL", finished.column()),
            // The configuration is held against that.
            (_, None) => "FALSE".to_owned(),
        }
    }

    fn is_failure(&self, statement: &mut Statement) -> String {
        let Some(status) = &self.status else {
            return "0".to_owned();
        };
        let said = format!("lower({})", label(Some(status)));
        let lower = |values: &[String]| {
            values
                .iter()
                .map(|value| value.to_ascii_lowercase())
                .collect::<Vec<_>>()
        };
        match self.succeeded.is_empty() {
            true => statement.one_of(&said, &lower(&self.failed)),
            false => format!("NOT {}", statement.one_of(&said, &lower(&self.succeeded))),
        }
    }
}

/// The outcomes of an answer's rows with when they were last seen, which stands last.
fn last_of(rows: &[Vec<Value>]) -> Last {
    let pair = |row: &Vec<Value>| {
        Some((
            sql::text(row.first()?).unwrap_or_default(),
            sql::number(row.last()?)?,
        ))
    };
    rows.iter().filter_map(pair).collect()
}

/// Takes newer times over, for at most so many outcomes.
fn keep_up(last: &mut Last, newer: Last, most: u32) {
    for (outcome, at) in newer {
        match last.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, seen)) => *seen = seen.max(at),
            None => last.push((outcome, at)),
        }
    }
    last.truncate(most as usize);
}

#[cfg(test)]
mod tests {
    use probity_sdk::config;

    use super::*;
    use crate::{Rows, Settings};

    fn log(more: &str) -> Log {
        let json = format!(
            r#"{{"logs":[{{"name":"l","database":"d","table":"execution_log","started":"began"{more}}}]}}"#
        );
        let settings = config::parse::<Settings>(&json).expect("it is right");
        assert_eq!(settings.fault(), None);
        settings.logs.0.into_iter().next().expect("there is one")
    }

    #[test]
    fn the_statements_are_these() {
        let log = log(r#","finished":"ended","status":"state","kind":"task","running":["run"]"#);
        let running = log.running(Form::Unix(1.0));
        let wanted = "SELECT k, n, sum(n) OVER (), min(a0) OVER () FROM (SELECT coalesce(substr(CAST(t.\"task\" AS TEXT), 1, 100), '') AS k, \
            count(*) AS n, min(t.\"began\" / 1.0) AS a0 FROM \"execution_log\" AS t WHERE t.\"state\" IN (?1) GROUP BY 1) ORDER BY n DESC, k LIMIT ?2";
        assert_eq!(running.text, wanted);
        assert_eq!(
            running.values,
            [Value::Text("run".into()), Value::Integer(20)]
        );
        let results = log.results(Form::Unix(1e3), Some(5.0));
        let wanted = "FROM \"execution_log\" AS t WHERE t.\"ended\" >= ?6 AND (t.\"state\" IN (?5)) IS NOT TRUE GROUP BY 1";
        assert!(results.text.contains(wanted), "{}", results.text);
        assert!(results.text.contains("sum(lower(coalesce(substr(CAST(t.\"state\" AS TEXT), 1, 100), '')) IN (?1, ?2, ?3, ?4)) AS a0"));
        assert_eq!(results.values.get(5), Some(&Value::Real(5000.0)));
    }

    #[test]
    fn what_did_not_succeed_failed() {
        let results = log(r#","finished":"ended","status":"code","succeeded":["0"]"#)
            .results(Form::Text, None);
        assert!(
            results.text.contains("sum(NOT lower(")
                && results
                    .text
                    .contains("WHERE (t.\"ended\" IS NULL) IS NOT TRUE"),
            "{}",
            results.text
        );
        assert_eq!(results.values[0], Value::Text("0".into()));
    }

    #[test]
    fn the_last_of_each_outcome_is_asked_for_once_and_kept_up() {
        let log = log(r#","finished":"ended","status":"state","most":2"#);
        let row = |outcome: &str, count, failed, at| -> Vec<Value> {
            let numbers = [count, 10, failed, 30, 12, at].map(Value::Integer);
            [Value::Text(outcome.into())]
                .into_iter()
                .chain(numbers)
                .collect()
        };
        let mut asked = Vec::new();
        let mut last = None;
        for run in 0..2 {
            let mut ask = |_: &str, statement: &Statement| -> Result<Rows> {
                asked.push(statement.text.clone());
                Ok(
                    match (
                        statement.text.contains("unixepoch"),
                        statement.text.contains(">= ?"),
                        statement.text.contains("IS NOT TRUE"),
                    ) {
                        (true, ..) => vec![vec![Value::Integer(900), Value::Null]],
                        (_, true, _) => vec![row("ok", 8, 2, 950 + run), row("failed", 2, 2, 940)],
                        (_, _, true) => vec![row("ok", 80, 9, 950), row("timeout", 7, 9, 100)],
                        _ => vec![vec![
                            Value::Null,
                            Value::Integer(3),
                            Value::Integer(3),
                            Value::Integer(400),
                        ]],
                    },
                )
            };
            let operations = log
                .look(1000.0, &mut last, &mut ask)
                .expect("it is answered");
            assert_eq!(
                (operations.in_flight.total, operations.oldest),
                (3.0, Some(600.0))
            );
            assert_eq!(
                (
                    operations.results.total,
                    operations.failures,
                    operations.durations
                ),
                (10.0, 2.0, Some((3.0, 12.0)))
            );
        }
        assert_eq!(
            asked.len(),
            4 + 3,
            "the last ones are asked for in the first run alone"
        );
        assert_eq!(
            last,
            Some(vec![("ok".into(), 951.0), ("timeout".into(), 100.0)])
        );
    }
}
