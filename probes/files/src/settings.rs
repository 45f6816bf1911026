//! The probe's configuration: a list of watches.

use kit::{Fault, Limit, Quantity, Section, Value};

/// More would hide those that matter; the host takes a hundred checks.
const MAX_WATCHES: usize = 50;
/// The longest name of a watch.
const MAX_NAME_BYTES: usize = 64;

/// What to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The watches, each with a name of its own.
    pub watches: Vec<Watch>,
}

/// Files of one kind in one folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// The label of its series and the id of its check.
    pub name: String,
    /// The folder, an absolute path; the probe's grant must have it or one above it.
    pub path: String,
    /// Which names match; see [`crate::matches`].
    pub pattern: String,
    /// Whether folders below are looked at too.
    pub recursive: bool,
    /// The most names looked at in one run, whether they match or not.
    pub max_entries: u32,
    /// How many files match.
    pub count: Limit,
    /// Their bytes together.
    pub bytes: Limit,
    /// Seconds since the newest one was changed.
    pub newest_age: Limit,
    /// Seconds since the oldest one was changed.
    pub oldest_age: Limit,
}

const KEYS: [&str; 9] = [
    "name",
    "path",
    "pattern",
    "recursive",
    "max_entries",
    "max_count",
    "max_bytes",
    "newest_max_age",
    "oldest_max_age",
];

impl Settings {
    /// Reads the probe's section.
    ///
    /// # Errors
    /// The first key that is unknown or holds something else than it should.
    pub fn parse(json: &str) -> Result<Self, Fault> {
        let value = Value::parse(json).unwrap_or(Value::Null);
        let section = Section::root(&value, &["watch"])?;
        let tables = section.sections("watch", &KEYS)?;
        if tables.is_empty() || tables.len() > MAX_WATCHES {
            return Err(section.fault("watch", "a list of 1 to 50 tables"));
        }
        let mut watches: Vec<Watch> = Vec::new();
        for table in &tables {
            let watch = watch(table)?;
            if watches.iter().any(|known| known.name == watch.name) {
                return Err(table.fault("name", "a name that no other watch has"));
            }
            watches.push(watch);
        }
        Ok(Self { watches })
    }
}

fn watch(table: &Section<'_>) -> Result<Watch, Fault> {
    let above = |key, quantity| table.limit(key, quantity, Limit::above(None, None));
    Ok(Watch {
        name: name(table)?,
        path: path(table)?,
        pattern: pattern(table)?,
        recursive: table.flag("recursive", false)?,
        max_entries: table.count("max_entries", 10_000, 1, 1_000_000)?,
        count: above("max_count", Quantity::Number(1e9))?,
        bytes: above("max_bytes", Quantity::Bytes)?,
        newest_age: above("newest_max_age", Quantity::Seconds)?,
        oldest_age: above("oldest_max_age", Quantity::Seconds)?,
    })
}

fn name(table: &Section<'_>) -> Result<String, Fault> {
    let expected = "1 to 64 letters, digits, `-`, `_` and `.`";
    let name = table.text("name", expected)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() > MAX_NAME_BYTES || !name.bytes().all(plain) {
        return Err(table.fault("name", expected));
    }
    Ok(name.into())
}

fn path(table: &Section<'_>) -> Result<String, Fault> {
    let expected = "an absolute path such as \"/var/log\"";
    let path = table.text("path", expected)?;
    if !path.starts_with('/') {
        return Err(table.fault("path", expected));
    }
    let short = path.trim_end_matches('/');
    Ok(if short.is_empty() { "/" } else { short }.into())
}

/// It is held against names, so a `/` in it could never match.
fn pattern(table: &Section<'_>) -> Result<String, Fault> {
    let expected = "a pattern for names, without `/`, such as \"*.log\"";
    if !table.has("pattern") {
        return Ok("*".into());
    }
    let pattern = table.text("pattern", expected)?;
    if pattern.contains('/') {
        return Err(table.fault("pattern", expected));
    }
    Ok(pattern.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(json: &str) -> String {
        Settings::parse(json).unwrap_err().to_string()
    }

    #[test]
    fn a_watch_needs_a_name_and_a_path() {
        let settings =
            Settings::parse(r#"{"watch":[{"name":"logs","path":"/var/log/"}]}"#).unwrap();
        let off = Limit::above(None, None);
        let expected = Watch {
            name: "logs".into(),
            path: "/var/log".into(),
            pattern: "*".into(),
            recursive: false,
            max_entries: 10_000,
            count: off,
            bytes: off,
            newest_age: off,
            oldest_age: off,
        };
        assert_eq!(settings.watches, [expected]);
    }

    #[test]
    fn thresholds_have_units() {
        let json = r#"{"watch":[{"name":"b","path":"/","pattern":"*.tar","recursive":true,"max_entries":5,
            "max_count":{"warn":1},"max_bytes":{"fail":"2GiB"},
            "newest_max_age":{"warn":"26h","fail":"2d"},"oldest_max_age":{"warn":60}}]}"#;
        let watch = &Settings::parse(json).unwrap().watches[0];
        assert_eq!(watch.path, "/");
        assert_eq!((watch.recursive, watch.max_entries), (true, 5));
        assert_eq!(watch.count, Limit::above(Some(1.0), None));
        assert_eq!(watch.bytes, Limit::above(None, Some(2_147_483_648.0)));
        assert_eq!(
            watch.newest_age,
            Limit::above(Some(93_600.0), Some(172_800.0))
        );
        assert_eq!(watch.oldest_age, Limit::above(Some(60.0), None));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        let one = |watch: &str| format!(r#"{{"watch":[{watch}]}}"#);
        for (json, said) in [
            (
                "{}".into(),
                "`watch` must be a list of 1 to 50 tables, and is missing",
            ),
            (
                r#"{"watch":[]}"#.into(),
                "`watch` must be a list of 1 to 50 tables, not a list",
            ),
            (
                one(r#"{"path":"/a"}"#),
                "`watch[0].name` must be 1 to 64 letters, digits, `-`, `_` and `.`, and is missing",
            ),
            (
                one(r#"{"name":"a b","path":"/a"}"#),
                "`watch[0].name` must be 1 to 64 letters, digits, `-`, `_` and `.`, not \"a b\"",
            ),
            (
                one(r#"{"name":"a","path":"a"}"#),
                "`watch[0].path` must be an absolute path such as \"/var/log\", not \"a\"",
            ),
            (
                one(r#"{"name":"a","path":"/a","pattern":"b/*"}"#),
                "`watch[0].pattern` must be a pattern for names, without `/`, such as \"*.log\", not \"b/*\"",
            ),
            (
                one(r#"{"name":"a","path":"/a"},{"name":"a","path":"/b"}"#),
                "`watch[1].name` must be a name that no other watch has, not \"a\"",
            ),
            (
                one(r#"{"name":"a","path":"/a","max_entries":0}"#),
                "`watch[0].max_entries` must be a whole number from 1 to 1000000, not 0",
            ),
            (
                one(r#"{"name":"a","path":"/a","max_bytes":{"warn":"5 GB"}}"#),
                "`watch[0].max_bytes.warn` must be a size such as \"500MiB\" or a number of bytes, not \"5 GB\"",
            ),
        ] {
            assert_eq!(fault(&json), said);
        }
    }
}
