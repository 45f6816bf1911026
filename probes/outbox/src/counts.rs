//! How often a column has which value.

use probity_sdk::Result;
use probity_sdk::sql::Value;

use crate::statement::label;
use crate::{Ask, Counts, Form, Groups, Statement};

impl Counts {
    /// Counts.
    pub(crate) fn look(&self, now: f64, ask: Ask<'_>) -> Result<Groups> {
        let mut statement = Statement::default();
        let condition = match &self.since {
            Some(column) => {
                let form = Form::of(self.time, &self.database, &self.table, column, ask)?;
                format!(
                    " WHERE {}",
                    form.is_since(column, now - self.window.0, &mut statement)
                )
            }
            None => String::new(),
        };
        let from = format!("{} AS t{condition}", self.table);
        let limit = statement.place(Value::Integer(self.most.0.into()));
        statement.text = Groups::query(&label(Some(&self.column)), &[], &[], &from, &limit);
        Groups::read(&ask(&self.database, &statement)?)
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::config;

    use super::*;
    use crate::{Rows, Settings};

    fn asked(more: &str) -> Vec<Statement> {
        let json = format!(
            r#"{{"counts":[{{"name":"c","database":"d","table":"a b","column":"level"{more}}}]}}"#
        );
        let settings = config::parse::<Settings>(&json).expect("it is right");
        let mut asked = Vec::new();
        let mut ask = |_: &str, statement: &Statement| -> Result<Rows> {
            asked.push(statement.clone());
            Ok(Vec::new())
        };
        settings.counts.0[0]
            .look(5000.0, &mut ask)
            .expect("it is answered");
        asked
    }

    #[test]
    fn rows_are_counted_all_or_those_of_a_window() {
        let all = asked("");
        let wanted = "SELECT k, n, sum(n) OVER () FROM (SELECT coalesce(substr(CAST(t.\"level\" AS TEXT), 1, 100), '') AS k, count(*) AS n FROM \"a b\" AS t \
            GROUP BY 1) ORDER BY n DESC, k LIMIT ?1";
        assert_eq!((all[0].text.as_str(), all.len()), (wanted, 1));
        let window = asked(r#","since":"at","window":"1h""#);
        assert!(
            window[1]
                .text
                .contains("FROM \"a b\" AS t WHERE t.\"at\" >= ?1 GROUP BY 1"),
            "{}",
            window[1].text
        );
        assert_eq!(window[1].values, [Value::Real(1400.0), Value::Integer(20)]);
    }
}
