//! A table of the probe's configuration, read key by key.

use std::fmt;

use crate::{Limit, Side, Value, number, show};

/// What is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key's path from the probe's own section, such as `watch[0].pattern`.
    pub key: String,
    /// What must stand there, and what does.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.key, self.problem)
    }
}

/// How a number that has a unit is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A number between 0 and this.
    Number(f64),
    /// Bytes, as a number or with a unit: `500MiB`.
    Bytes,
    /// Seconds, as a number or with units: `90s`, `1h 30m`, `2d`.
    Seconds,
}

/// One table.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    path: String,
    entries: &'a [(String, Value)],
}

impl<'a> Section<'a> {
    /// The probe's whole section, which may have no other keys than `known`.
    pub fn root(value: &'a Value, known: &[&str]) -> Result<Self, Fault> {
        Self::of(String::new(), value, known)
    }

    fn of(path: String, value: &'a Value, known: &[&str]) -> Result<Self, Fault> {
        let Value::Object(entries) = value else {
            return Err(fault(path, "a table", value));
        };
        let section = Self { path, entries };
        match entries
            .iter()
            .find(|(key, _)| !known.contains(&key.as_str()))
        {
            None => Ok(section),
            Some((key, _)) => Err(Fault {
                key: section.key(key),
                problem: format!("is not known here: use {}", known.join(", ")),
            }),
        }
    }

    /// The full path of one of its keys.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.into()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.entries
            .iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// A fault of one of its keys, whatever stands there.
    pub fn fault(&self, key: &str, expected: &str) -> Fault {
        match self.get(key) {
            Some(value) => fault(self.key(key), expected, value),
            None => Fault {
                key: self.key(key),
                problem: format!("must be {expected}, and is missing"),
            },
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool, Fault> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.fault(key, "true or false")),
        }
    }

    /// Text that must be there and not empty; `expected` says what it is.
    pub fn text(&self, key: &str, expected: &str) -> Result<&'a str, Fault> {
        match self.get(key) {
            Some(Value::Text(text)) if !text.is_empty() => Ok(text),
            _ => Err(self.fault(key, expected)),
        }
    }

    /// A whole number within bounds, both included.
    pub fn count(&self, key: &str, default: u32, least: u32, most: u32) -> Result<u32, Fault> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Number(number))
                if number.fract() == 0.0
                    && (f64::from(least)..=f64::from(most)).contains(number) =>
            {
                Ok(*number as u32)
            }
            Some(_) => Err(self.fault(key, &format!("a whole number from {least} to {most}"))),
        }
    }

    /// A table within this one, empty when it is absent.
    pub fn section(&self, key: &str, known: &[&str]) -> Result<Self, Fault> {
        match self.get(key) {
            Some(value) => Self::of(self.key(key), value, known),
            None => Ok(Self {
                path: self.key(key),
                entries: &[],
            }),
        }
    }

    /// A list of tables, empty when it is absent.
    pub fn sections(&self, key: &str, known: &[&str]) -> Result<Vec<Self>, Fault> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::List(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Self::of(format!("{}[{index}]", self.key(key)), item, known))
                .collect(),
            Some(_) => Err(self.fault(key, "a list of tables")),
        }
    }

    /// Thresholds `{ warn = …, fail = … }`, either of which may be left out; the table takes the place of the whole
    /// default, so an empty one switches both off.
    pub fn limit(&self, key: &str, quantity: Quantity, default: Limit) -> Result<Limit, Fault> {
        if self.get(key).is_none() {
            return Ok(default);
        }
        let table = self.section(key, &["warn", "fail"])?;
        let limit = Limit {
            side: default.side,
            warn: table.quantity("warn", quantity)?,
            fail: table.quantity("fail", quantity)?,
        };
        if let (Some(warn), Some(fail)) = (limit.warn, limit.fail) {
            match limit.side {
                Side::Above if warn > fail => return Err(table.fault("warn", "at most `fail`")),
                Side::Below if warn < fail => return Err(table.fault("warn", "at least `fail`")),
                _ => {}
            }
        }
        Ok(limit)
    }

    /// A quantity, or nothing when the key is absent.
    pub fn quantity(&self, key: &str, quantity: Quantity) -> Result<Option<f64>, Fault> {
        let (most, expected) = match quantity {
            Quantity::Number(most) => (most, format!("a number from 0 to {}", show::number(most))),
            Quantity::Bytes => (
                1e18,
                "a size such as \"500MiB\" or a number of bytes".into(),
            ),
            Quantity::Seconds => (1e12, "a duration such as \"90s\", \"26h\" or \"7d\"".into()),
        };
        let number = match (self.get(key), quantity) {
            (None, _) => return Ok(None),
            (Some(Value::Number(number)), _) => Some(*number),
            (Some(Value::Text(text)), Quantity::Bytes) => with_units(text, &SIZES),
            (Some(Value::Text(text)), Quantity::Seconds) => with_units(text, &DURATIONS),
            _ => None,
        };
        match number.filter(|number| (0.0..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.fault(key, &expected)),
        }
    }
}

fn fault(key: String, expected: &str, value: &Value) -> Fault {
    let found = match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => show::number(*number),
        Value::Text(text) => format!("\"{text}\""),
        Value::List(_) => "a list".into(),
        Value::Object(_) => "a table".into(),
    };
    let key = if key.is_empty() { "config".into() } else { key };
    let problem = format!("must be {expected}, not {found}");
    Fault { key, problem }
}

const SIZES: [(&str, f64); 5] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];
const DURATIONS: [(&str, f64); 5] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// The sum of numbers that are each followed by a unit, white space between them allowed: `1h 30m`.
fn with_units(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let mut rest = text.as_bytes().trim_ascii();
    let mut sum = None;
    while !rest.is_empty() {
        if rest.starts_with(b"-") {
            return None;
        }
        let (number, length) = number::leading(rest)?;
        rest = rest.get(length..)?.trim_ascii_start();
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic());
        let (name, tail) = rest.split_at_checked(letters.count())?;
        let (_, factor) = units.iter().find(|(unit, _)| unit.as_bytes() == name)?;
        sum = Some(sum.unwrap_or(0.0) + number * factor);
        rest = tail.trim_ascii_start();
    }
    sum
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEYS: [&str; 4] = ["a", "flag", "limit", "list"];

    /// Runs `read` on the JSON text and gives what it says.
    fn outcome<T: fmt::Debug>(json: &str, read: fn(&Section<'_>) -> Result<T, Fault>) -> String {
        let value = Value::parse(json).unwrap();
        match Section::root(&value, &KEYS).and_then(|section| read(&section)) {
            Ok(value) => format!("{value:?}"),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn faults_name_the_key_the_expectation_and_the_value() {
        let flag = |json| outcome(json, |section| section.flag("flag", true));
        assert_eq!(flag("{}"), "true");
        assert_eq!(flag(r#"{"flag":false}"#), "false");
        assert_eq!(
            flag(r#"{"flag":1.5}"#),
            "`flag` must be true or false, not 1.5"
        );
        assert_eq!(
            flag(r#"{"flga":1}"#),
            "`flga` is not known here: use a, flag, limit, list"
        );
        assert_eq!(flag("[]"), "`config` must be a table, not a list");

        let text = |json| {
            outcome(json, |section| {
                section.text("a", "a word").map(str::to_owned)
            })
        };
        assert_eq!(text("{}"), "`a` must be a word, and is missing");
        assert_eq!(text(r#"{"a":""}"#), "`a` must be a word, not \"\"");

        let count = |json: &str| outcome(json, |section| section.count("a", 7, 1, 9));
        assert_eq!(count("{}"), "7");
        assert_eq!(count(r#"{"a":9}"#), "9");
        for wrong in ["10", "0", "-1", "1.5", "1e99", "\"1\""] {
            let said = count(&format!("{{\"a\":{wrong}}}"));
            assert!(
                said.starts_with("`a` must be a whole number from 1 to 9, not"),
                "{said}"
            );
        }

        let list = |json| outcome(json, |s| s.sections("list", &["x"])?[1].flag("x", true));
        assert_eq!(
            list(r#"{"list":[{},{"x":null}]}"#),
            "`list[1].x` must be true or false, not null"
        );
        assert_eq!(
            list(r#"{"list":[{},{"y":1}]}"#),
            "`list[1].y` is not known here: use x"
        );
        assert_eq!(
            list(r#"{"list":{}}"#),
            "`list` must be a list of tables, not a table"
        );
    }

    #[test]
    fn a_limit_takes_the_place_of_its_default() {
        let limit = |json| {
            outcome(json, |s| {
                let limit = s.limit("limit", Quantity::Seconds, Limit::above(Some(1.0), None))?;
                Ok((limit.warn, limit.fail))
            })
        };
        assert_eq!(limit("{}"), "(Some(1.0), None)");
        assert_eq!(limit(r#"{"limit":{}}"#), "(None, None)");
        assert_eq!(
            limit(r#"{"limit":{"fail":"1h 30m"}}"#),
            "(None, Some(5400.0))"
        );
        assert_eq!(
            limit(r#"{"limit":{"warn":2,"fail":2}}"#),
            "(Some(2.0), Some(2.0))"
        );
        assert_eq!(
            limit(r#"{"limit":{"warn":"2m","fail":"1m"}}"#),
            "`limit.warn` must be at most `fail`, not \"2m\""
        );
        assert_eq!(
            limit(r#"{"limit":{"warn":"2 parsecs"}}"#),
            "`limit.warn` must be a duration such as \"90s\", \"26h\" or \"7d\", not \"2 parsecs\""
        );
        assert_eq!(limit(r#"{"limit":5}"#), "`limit` must be a table, not 5");
        let ratio = |json| {
            outcome(json, |s| {
                s.limit("limit", Quantity::Number(1.0), Limit::below(None, None))
                    .map(|limit| limit.warn)
            })
        };
        assert_eq!(ratio(r#"{"limit":{"warn":1}}"#), "Some(1.0)");
        assert_eq!(
            ratio(r#"{"limit":{"warn":1.01}}"#),
            "`limit.warn` must be a number from 0 to 1, not 1.01"
        );
        assert_eq!(
            ratio(r#"{"limit":{"warn":-1}}"#),
            "`limit.warn` must be a number from 0 to 1, not -1"
        );
        assert_eq!(
            ratio(r#"{"limit":{"warn":"1"}}"#),
            "`limit.warn` must be a number from 0 to 1, not \"1\""
        );
        assert_eq!(
            ratio(r#"{"limit":{"warn":0.1,"fail":0.2}}"#),
            "`limit.warn` must be at least `fail`, not 0.1"
        );
    }

    #[test]
    fn units_add_up() {
        for (text, seconds) in [
            ("90s", 90.0),
            ("1d12h", 129_600.0),
            (" 1 h 30 m ", 5400.0),
            ("250ms", 0.25),
            ("1.5h", 5400.0),
        ] {
            assert_eq!(with_units(text, &DURATIONS), Some(seconds), "{text}");
        }
        assert_eq!(with_units("1.5GiB", &SIZES), Some(1_610_612_736.0));
        for text in [
            "", " ", "5", "s", "-5s", "1h 30", "1y", "5 s s", "1.2.3s", "1é",
        ] {
            assert_eq!(with_units(text, &DURATIONS), None, "{text}");
        }
    }
}
