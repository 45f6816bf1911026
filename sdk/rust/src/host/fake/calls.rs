//! The made-up host's imports other than metrics.

use std::cell::RefCell;

use super::{CheckSeen, Refusal, with};

/// A check's report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReportSeen {
    pub(crate) status: health::Status,
    pub(crate) message: String,
    pub(crate) details: Option<String>,
}

pub(crate) mod config {
    use super::with;
    use crate::json::Value;

    pub(crate) fn json() -> String {
        with(|host| match host.config.as_str() {
            "" => "{}".to_owned(),
            json => json.to_owned(),
        })
    }

    pub(crate) fn get(key: &str) -> Option<String> {
        let whole = Value::parse(&json())?;
        let value = key
            .split('.')
            .try_fold(&whole, |value, key| value.get(key))?;
        Some(match value {
            Value::Text(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

pub(crate) mod log {
    use super::with;
    pub(crate) use crate::log::Level;

    pub(crate) fn enabled(_: Level) -> bool {
        true
    }

    pub(crate) fn log(level: Level, message: &str) {
        with(|host| host.lines.push((level, message.to_owned())));
    }
}

pub(crate) mod run {
    use super::with;

    pub(crate) fn trigger() -> String {
        with(|host| host.trigger.clone())
    }

    pub(crate) fn now_unix_seconds() -> f64 {
        with(|host| host.now)
    }

    pub(crate) fn seconds_left() -> f64 {
        // As the real host has it where nothing else is configured.
        with(|host| host.left.unwrap_or((host.interval * 0.8).min(5.0)))
    }

    pub(crate) fn interval_seconds() -> f64 {
        with(|host| host.interval)
    }

    pub(crate) fn missed_runs() -> u32 {
        with(|host| host.missed)
    }

    pub(crate) fn ordinal() -> u32 {
        with(|host| host.ordinal)
    }
}

pub(crate) mod state {
    use super::{Refusal, with};

    /// As the real host has it where nothing else is configured.
    const LIMIT: usize = 64 * 1024;

    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        with(|host| host.state[1].get(key).cloned())
    }

    pub(crate) fn get_text(key: &str) -> Option<String> {
        String::from_utf8(get(key)?).ok()
    }

    pub(crate) fn put(key: &str, value: &[u8]) -> Result<(), Refusal> {
        if key.is_empty() || key.len() > 256 {
            let message = format!("a state key has 1 to 256 bytes, this one has {}", key.len());
            return Err(Refusal::new("state.key", message));
        }
        with(|host| {
            let others = host.state[1].iter().filter(|(other, _)| *other != key);
            let bytes: usize = others.map(|(key, value)| key.len() + value.len()).sum();
            let bytes = bytes + key.len() + value.len();
            if bytes > LIMIT {
                let message = format!("{bytes} bytes of state: at most {LIMIT} (limits.state)");
                return Err(Refusal::new("state.too-large", message));
            }
            host.state[1].insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    pub(crate) fn put_text(key: &str, value: &str) -> Result<(), Refusal> {
        put(key, value.as_bytes())
    }

    pub(crate) fn remove(key: &str) {
        with(|host| host.state[1].remove(key));
    }

    pub(crate) fn keys(prefix: &str) -> Vec<String> {
        with(|host| {
            host.state[1]
                .keys()
                .filter(|key| key.starts_with(prefix))
                .cloned()
                .collect()
        })
    }
}

pub(crate) mod snapshot {
    use super::with;
    use crate::json::Value;

    pub(crate) fn latest(metric: &str, labels: &[String]) -> Option<f64> {
        with(|host| {
            host.latest
                .get(&(metric.to_owned(), labels.to_vec()))
                .copied()
        })
    }

    pub(crate) fn json(pointer: &str) -> Option<String> {
        let whole = with(|host| Value::parse(&host.snapshot))?;
        let mut value = &whole;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            value = match value {
                Value::List(items) => items.get(step.parse::<usize>().ok()?)?,
                other => other.get(&step)?,
            };
        }
        Some(value.to_string())
    }

    pub(crate) fn hostname() -> String {
        "testing".to_owned()
    }

    pub(crate) fn host_version() -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    pub(crate) fn supports(feature: &str) -> bool {
        !matches!(feature, "lines" | "notify")
    }
}

pub(crate) mod secrets {
    use super::{Refusal, with};

    pub(crate) fn placeholder(name: &str) -> Result<String, Refusal> {
        reveal(name).map(|_| format!("{{{{{name}}}}}"))
    }

    pub(crate) fn reveal(name: &str) -> Result<Vec<u8>, Refusal> {
        let secret = with(|host| host.secrets.get(name).cloned());
        secret.ok_or_else(|| {
            Refusal::new(
                "denied",
                format!("the secret `{name}` is not granted (`grant.secrets`)"),
            )
        })
    }
}

pub(crate) mod events {
    use super::{Refusal, with};
    use crate::json::Value;

    pub(crate) fn emit(kind: &str, body: &str) -> Result<(), Refusal> {
        if !matches!(Value::parse(body), Some(Value::Object(_))) {
            return Err(Refusal::new(
                "events.body",
                "an event's body is a JSON object",
            ));
        }
        with(|host| host.events.push((kind.to_owned(), body.to_owned())));
        Ok(())
    }
}

pub(crate) mod health {
    use super::{CheckSeen, Refusal, ReportSeen, with};
    pub(crate) use crate::Status;
    use crate::json::Value;

    pub(crate) struct Check(usize);

    impl Check {
        pub(crate) fn define(id: &str, _title: &str) -> Result<Self, Refusal> {
            let plain =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
                let message =
                    format!("`{id}` is no check id: 1 to 64 letters, digits, `-`, `_` and `.`");
                return Err(Refusal::new("health.id", message));
            }
            with(|host| {
                let known = host.checks.iter().position(|check| check.id == id);
                if known.is_none() && host.checks.len() == 100 {
                    return Err(Refusal::new("health.too-many", "at most 100 checks"));
                }
                Ok(Self(known.unwrap_or_else(|| {
                    host.checks.push(CheckSeen { id: id.to_owned() });
                    host.checks.len() - 1
                })))
            })
        }

        pub(crate) fn report(&self, status: Status, message: &str) {
            let report = ReportSeen {
                status,
                message: message.to_owned(),
                details: None,
            };
            with(|host| host.reports.push((self.0, report)));
        }

        pub(crate) fn report_details(
            &self,
            status: Status,
            message: &str,
            details: &str,
        ) -> Result<(), Refusal> {
            if details.len() > 16 * 1024 || !matches!(Value::parse(details), Some(Value::Object(_)))
            {
                return Err(Refusal::new(
                    "health.details",
                    "details are a JSON object of at most 16 KiB",
                ));
            }
            let report = ReportSeen {
                status,
                message: message.to_owned(),
                details: Some(details.to_owned()),
            };
            with(|host| host.reports.push((self.0, report)));
            Ok(())
        }
    }
}

pub(crate) mod sql {
    use super::{RefCell, Refusal, with};

    /// SQLite's five storage classes.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Value {
        /// NULL.
        Null,
        /// A 64-bit integer.
        Integer(i64),
        /// A floating-point number.
        Real(f64),
        /// UTF-8 text.
        Text(String),
        /// Bytes.
        Blob(Vec<u8>),
    }

    pub(crate) struct Rows {
        columns: Vec<String>,
        rows: RefCell<std::vec::IntoIter<Vec<Value>>>,
    }

    impl Rows {
        pub(crate) fn columns(&self) -> Vec<String> {
            self.columns.clone()
        }

        pub(crate) fn take(&self, most: u32) -> Result<Vec<Vec<Value>>, Refusal> {
            Ok(self
                .rows
                .borrow_mut()
                .by_ref()
                .take(most as usize)
                .collect())
        }
    }

    pub(crate) fn query(database: &str, statement: &str, _: &[Value]) -> Result<Rows, Refusal> {
        let table = with(|host| {
            host.tables
                .get(&(database.to_owned(), statement.to_owned()))
                .cloned()
        });
        let Some((columns, rows)) = table else {
            let message = format!(
                "the database `{database}` has no answer to `{statement}` (`testing::Host::sql`)"
            );
            return Err(Refusal::new("denied", message));
        };
        Ok(Rows {
            columns,
            rows: RefCell::new(rows.into_iter()),
        })
    }
}
