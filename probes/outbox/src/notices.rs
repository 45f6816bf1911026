//! An outbox of notifications: which wait, how long, and which will never be delivered.

use probity_sdk::sql::Value;
use probity_sdk::{Result, sql};

use crate::statement::label;
use crate::{Ask, Form, Groups, Identifier, Outbox, Statement};

/// What an outbox says. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Notices {
    /// Notifications that wait, by kind.
    pub(crate) pending: Groups,
    /// How long the oldest of them has been waiting.
    pub(crate) oldest: Option<f64>,
    /// Those that will never be delivered, where the configuration says which they are.
    pub(crate) dead: Option<f64>,
    /// Since the last was delivered.
    pub(crate) since_sent: Option<f64>,
    /// Since one was last tried.
    pub(crate) since_attempt: Option<f64>,
}

impl Outbox {
    /// Asks for everything.
    pub(crate) fn look(&self, now: f64, ask: Ask<'_>) -> Result<Notices> {
        let form = Form::of(self.time, &self.database, &self.table, &self.created, ask)?;
        let pending = Groups::read(&ask(&self.database, &self.waiting(form))?)?;
        let rest = ask(&self.database, &self.rest(form))?;
        let number = |place: usize| rest.first().and_then(|row| sql::number(row.get(place)?));
        let since = |place| number(place).map(|at| (now - at).max(0.0));
        Ok(Notices {
            oldest: pending.whole(0).map(|created| (now - created).max(0.0)),
            pending,
            dead: number(0),
            since_sent: since(1),
            since_attempt: since(2),
        })
    }

    /// Notifications that wait, and when the first of them was put in.
    fn waiting(&self, form: Form) -> Statement {
        let mut statement = Statement::default();
        let condition = match (&self.status, &self.sent) {
            (Some(status), _) if !self.pending.is_empty() => {
                statement.one_of(&status.column(), &self.pending)
            }
            (_, Some(sent)) => {
                format!("{} IS NULL{}", sent.column(), self.is_alive(&mut statement))
            }
            // The configuration is held against that.
            (_, None) => "FALSE".to_owned(),
        };
        let from = format!("{} AS t WHERE {condition}", self.table);
        let created = format!("min({})", form.seconds(&self.created));
        let limit = statement.place(Value::Integer(self.most.0.into()));
        statement.text = Groups::query(
            &label(self.kind.as_ref()),
            &[created],
            &["min(a0) OVER ()".to_owned()],
            &from,
            &limit,
        );
        statement
    }

    /// What will never be delivered does not wait.
    fn is_alive(&self, statement: &mut Statement) -> String {
        match &self.status {
            Some(status) if !self.dead.is_empty() => format!(
                " AND ({}) IS NOT TRUE",
                statement.one_of(&status.column(), &self.dead)
            ),
            _ => String::new(),
        }
    }

    /// The dead, and the last times: each by itself, so that an index on its column serves.
    fn rest(&self, form: Form) -> Statement {
        let mut statement = Statement::default();
        let table = &self.table;
        let dead = match &self.status {
            Some(status) if !self.dead.is_empty() => {
                let is_dead = statement.one_of(&status.column(), &self.dead);
                format!("(SELECT count(*) FROM {table} AS t WHERE {is_dead})")
            }
            _ => "NULL".to_owned(),
        };
        let last = |column: &Option<Identifier>| match column {
            // The last of the column as it is kept, which is the last as time too.
            Some(column) => format!(
                "(SELECT {} FROM (SELECT max({2}) AS {1} FROM {table} AS t) AS t)",
                form.seconds(column),
                column,
                column.column()
            ),
            None => "NULL".to_owned(),
        };
        statement.text = format!(
            "SELECT {dead}, {}, {}",
            last(&self.sent),
            last(&self.attempted)
        );
        statement
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::config;

    use super::*;
    use crate::{Rows, Settings};

    fn outbox(more: &str) -> Outbox {
        let json = format!(
            r#"{{"outboxes":[{{"name":"o","database":"d","table":"notification_outbox","created":"created"{more}}}]}}"#
        );
        let settings = config::parse::<Settings>(&json).expect("it is right");
        assert_eq!(settings.fault(), None);
        settings
            .outboxes
            .0
            .into_iter()
            .next()
            .expect("there is one")
    }

    #[test]
    fn the_statements_are_these() {
        let by_status = outbox(r#","status":"state","kind":"target","pending":["new","retry"]"#)
            .waiting(Form::Unix(1.0));
        assert!(
            by_status.text.contains(
                "FROM \"notification_outbox\" AS t WHERE t.\"state\" IN (?1, ?2) GROUP BY 1"
            ),
            "{}",
            by_status.text
        );
        let outbox =
            outbox(r#","status":"state","sent":"sent","attempted":"tried","dead":["dead"]"#);
        let by_time = outbox.waiting(Form::Unix(1.0));
        assert!(
            by_time.text.contains(
                "WHERE t.\"sent\" IS NULL AND (t.\"state\" IN (?1)) IS NOT TRUE GROUP BY 1"
            ),
            "{}",
            by_time.text
        );
        let wanted = "SELECT (SELECT count(*) FROM \"notification_outbox\" AS t WHERE t.\"state\" IN (?1)), \
            (SELECT t.\"sent\" / 1000.0 FROM (SELECT max(t.\"sent\") AS \"sent\" FROM \"notification_outbox\" AS t) AS t), \
            (SELECT t.\"tried\" / 1000.0 FROM (SELECT max(t.\"tried\") AS \"tried\" FROM \"notification_outbox\" AS t) AS t)";
        assert_eq!(outbox.rest(Form::Unix(1e3)).text, wanted);
    }

    #[test]
    fn ages_are_since_now() {
        let outbox = outbox(r#","sent":"sent","time":"seconds""#);
        let mut ask = |_: &str, statement: &Statement| -> Result<Rows> {
            Ok(match statement.text.contains("GROUP BY") {
                true => vec![vec![
                    Value::Null,
                    Value::Integer(5),
                    Value::Integer(5),
                    Value::Real(400.0),
                ]],
                false => vec![vec![Value::Null, Value::Real(1100.0), Value::Null]],
            })
        };
        let notices = outbox.look(1000.0, &mut ask).expect("it is answered");
        assert_eq!(
            (notices.pending.total, notices.oldest, notices.dead),
            (5.0, Some(600.0), None)
        );
        assert_eq!(
            (notices.since_sent, notices.since_attempt),
            (Some(0.0), None),
            "clocks differ"
        );
    }
}
