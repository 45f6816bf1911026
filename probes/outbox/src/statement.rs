//! Statements in which names are quoted and values are parameters.

use std::fmt;

use probity_sdk::{config, sql::Value};
use serde::{Deserialize, Deserializer};

/// The name of a table or a column, whatever is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier(String);

impl Identifier {
    /// Reads it; nothing when SQLite could have none like it.
    pub fn new(name: &str) -> Option<Self> {
        fits(name).then(|| Self(name.to_owned()))
    }

    /// The name as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a column of the table that a statement is about. SQLite takes a quoted name that is no column's for text, unless the table
    /// stands before it: a mistyped name would otherwise give numbers that mean nothing.
    pub fn column(&self) -> String {
        format!("t.{self}")
    }
}

fn fits(name: &str) -> bool {
    (1..=200).contains(&name.len()) && !name.contains('\0')
}

impl fmt::Display for Identifier {
    /// Quoted (SQLite's documentation, "SQL Keywords").
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        config::text(
            from,
            "the name of a table or a column, 1 to 200 characters",
            fits,
        )
        .map(Self)
    }
}

/// A statement with the values of its parameters.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub struct Statement {
    /// With `?1`, `?2`, … where values go.
    pub text: String,
    /// The values.
    pub values: Vec<Value>,
}

impl Statement {
    /// A place for a value, to be put into the text.
    pub fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }

    /// Whether `expression` has one of these values: a condition.
    pub fn one_of(&mut self, expression: &str, values: &[String]) -> String {
        let places: Vec<String> = values
            .iter()
            .map(|value| self.place(Value::Text(value.clone())))
            .collect();
        format!("{expression} IN ({})", places.join(", "))
    }
}

/// What a column says, as short text; empty where it says nothing.
pub fn label(column: Option<&Identifier>) -> String {
    match column {
        Some(column) => format!(
            "coalesce(substr(CAST({} AS TEXT), 1, 100), '')",
            column.column()
        ),
        None => "''".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_quoted_and_values_are_not_in_the_text() {
        let name = Identifier::new("a\"; DROP TABLE b; --").expect("it may be a name");
        assert_eq!(name.column(), "t.\"a\"\"; DROP TABLE b; --\"");
        let mut statement = Statement::default();
        let condition = statement.one_of(&name.column(), &["x'".into(), "y".into()]);
        assert!(condition.ends_with(" IN (?1, ?2)"), "{condition}");
        assert_eq!(
            statement.values,
            [Value::Text("x'".into()), Value::Text("y".into())]
        );
        assert_eq!(Identifier::new(""), None);
        assert_eq!(Identifier::new("a\0"), None);
    }

    proptest! {
        /// As SQLite reads it: from a quote to the next that is not doubled.
        #[test]
        fn a_quoted_name_ends_where_it_should(name in "[a-z\"' ;.-]{1,20}") {
            let quoted = Identifier::new(&name).expect("it may be a name").to_string();
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("it is quoted");
            prop_assert_eq!(inner.replace("\"\"", "\"\0").matches('"').count(), inner.matches("\"\"").count());
            prop_assert_eq!(inner.replace("\"\"", "\""), name);
        }
    }
}
