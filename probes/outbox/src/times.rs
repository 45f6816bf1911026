//! Times as tables keep them: Unix time in some unit, or text in the form of ISO 8601.

use probity_sdk::{Failure, Result, sql};
use serde::Deserialize;

use crate::{Ask, Identifier, Statement};

/// How a table keeps times, as the operator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// As one of its values shows.
    #[default]
    Auto,
    /// Unix seconds.
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// Text such as `2026-01-01T12:00:00.5Z`.
    Text,
}

/// How a table keeps times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Unix time, in units of which a second has so many.
    Unix(f64),
    /// Text that SQLite's own functions read.
    Text,
}

/// Numbers above these are no seconds (they would be after the year 5000), no milliseconds, no microseconds.
const LARGEST: [(f64, f64); 3] = [(1e11, 1.0), (1e14, 1e3), (1e17, 1e6)];
/// What is left: nanoseconds.
const SMALLEST_UNIT: f64 = 1e9;

impl Form {
    /// Finds out how `column` keeps times; seconds where it has none yet.
    ///
    /// # Errors
    /// When the table cannot be read, or what stands in the column is no time.
    pub fn of(
        kept: Kept,
        database: &str,
        table: &Identifier,
        column: &Identifier,
        ask: Ask<'_>,
    ) -> Result<Self> {
        match kept {
            Kept::Seconds => Ok(Self::Unix(1.0)),
            Kept::Milliseconds => Ok(Self::Unix(1e3)),
            Kept::Text => Ok(Self::Text),
            Kept::Auto => {
                let name = column.column();
                let text = format!(
                    "SELECT {name}, unixepoch({name}) FROM {table} AS t WHERE {name} IS NOT NULL LIMIT 1"
                );
                let statement = Statement {
                    text,
                    values: Vec::new(),
                };
                let rows = ask(database, &statement)?;
                match rows.first().map(Vec::as_slice) {
                    None => Ok(Self::Unix(1.0)),
                    Some([value, read]) => {
                        Self::of_value(value, read).ok_or_else(|| odd(column, value))
                    }
                    Some(_) => Err(Failure::other(
                        "a row has not the columns that were asked for",
                    )),
                }
            }
        }
    }

    /// The form of a value; `read` is what SQLite takes it for as text.
    fn of_value(value: &sql::Value, read: &sql::Value) -> Option<Self> {
        match value {
            sql::Value::Text(_) => sql::number(read).map(|_| Self::Text),
            value => {
                let size = sql::number(value)?.abs();
                let unit = LARGEST.iter().find(|(largest, _)| size < *largest);
                Some(Self::Unix(unit.map_or(SMALLEST_UNIT, |(_, unit)| *unit)))
            }
        }
    }

    /// A column's time in Unix seconds: an expression.
    pub fn seconds(self, column: &Identifier) -> String {
        let name = column.column();
        match self {
            // By a real number, or SQLite would cut the rest off.
            Self::Unix(unit) => format!("{name} / {unit:.1}"),
            Self::Text => format!("unixepoch({name}, 'subsec')"),
        }
    }

    /// Whether a column's time is not before `since`: a condition that an index on the column serves.
    pub fn is_since(self, column: &Identifier, since: f64, statement: &mut Statement) -> String {
        let name = column.column();
        match self {
            Self::Unix(unit) => {
                let place = statement.place(sql::Value::Real(since * unit));
                format!("{name} >= {place}")
            }
            Self::Text => {
                let place = statement.place(sql::Value::Real(since));
                // Text is compared as text first: zones differ by less than a day.
                format!(
                    "{name} >= date({place} - 86400, 'unixepoch') AND unixepoch({name}, 'subsec') >= {place}"
                )
            }
        }
    }
}

fn odd(column: &Identifier, value: &sql::Value) -> Failure {
    let shown = sql::text(value).unwrap_or_else(|| "bytes".to_owned());
    let shown: String = shown.chars().take(40).collect();
    let column = column.as_str();
    Failure::unavailable(format!(
        "column `{column}` has \"{shown}\", which is neither Unix time nor a time in the form of ISO 8601"
    ))
}

#[cfg(test)]
mod tests {
    use probity_sdk::sql::Value;

    use super::*;

    fn form(value: Value, read: Value) -> Result<Form> {
        let name = |text| Identifier::new(text).expect("it is a name");
        let mut ask = |_: &str, _: &Statement| Ok(vec![vec![value.clone(), read.clone()]]);
        Form::of(Kept::Auto, "d", &name("t"), &name("c"), &mut ask)
    }

    #[test]
    fn a_value_shows_the_form() {
        for (value, read, wanted) in [
            (Value::Integer(1_767_225_600), Value::Null, Form::Unix(1.0)),
            (Value::Real(1_767_225_600.5), Value::Null, Form::Unix(1.0)),
            (
                Value::Integer(1_767_225_600_000),
                Value::Null,
                Form::Unix(1e3),
            ),
            (
                Value::Integer(1_767_225_600_000_000),
                Value::Null,
                Form::Unix(1e6),
            ),
            (
                Value::Integer(1_767_225_600_000_000_000),
                Value::Null,
                Form::Unix(1e9),
            ),
            (
                Value::Text("2026-01-01T00:00:00Z".into()),
                Value::Integer(1_767_225_600),
                Form::Text,
            ),
        ] {
            assert_eq!(form(value, read).expect("it is a time"), wanted);
        }
        let failure = form(Value::Text("yesterday".into()), Value::Null).expect_err("it is none");
        assert_eq!(
            failure.message(),
            "column `c` has \"yesterday\", which is neither Unix time nor a time in the form of ISO 8601"
        );
        assert!(form(Value::Blob(vec![1]), Value::Null).is_err());
    }

    #[test]
    fn conditions_leave_the_column_alone_so_that_its_index_serves() {
        let column = Identifier::new("at").expect("it is a name");
        let mut statement = Statement::default();
        assert_eq!(
            Form::Unix(1e3).is_since(&column, 5.0, &mut statement),
            "t.\"at\" >= ?1"
        );
        assert_eq!(statement.values, [Value::Real(5000.0)]);
        assert_eq!(Form::Unix(1e3).seconds(&column), "t.\"at\" / 1000.0");
        let text = Form::Text.is_since(&column, 5.0, &mut statement);
        assert!(
            text.starts_with("t.\"at\" >= date(?2 - 86400, 'unixepoch') AND "),
            "{text}"
        );
    }
}
