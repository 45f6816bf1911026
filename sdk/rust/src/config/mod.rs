//! The probe's own section of the operator's configuration, and the quantities and thresholds that it is made of.
//!
//! A probe rarely calls anything here: [`Probe::Config`](crate::Probe::Config) is read before [`Probe::start`](crate::Probe::start), and what is
//! wrong in it is told with its key, what must stand there and what does.

mod fault;
mod limit;
mod quantity;
mod target;
mod text;
mod value;

pub use fault::Fault;
pub use limit::{Ceiling, Floor};
pub use quantity::{Bytes, Count, Form, Quantity, Ratio, Seconds, Whole};
pub use target::{Named, Targets};
pub use text::{Name, Path, text};

use serde::de::DeserializeOwned;

use crate::host::config as host;
use crate::json::Value;
use crate::{Failure, Result};

/// The value of a key as text: a string as it is, anything else as JSON. A dot goes down into tables, as in `thresholds.warn`. Nothing when
/// the key is absent.
pub fn get(key: &str) -> Option<String> {
    host::get(key)
}

/// The whole section as a JSON object; `{}` when there is none.
pub fn json() -> String {
    host::json()
}

/// The whole section as a value.
///
/// # Errors
/// `bad-config`, naming the key and what is expected.
pub fn read<T: DeserializeOwned>() -> Result<T> {
    parse(&json()).map_err(|fault| Failure::bad_config(fault.to_string()))
}

/// A section's JSON text as a value.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse<T: DeserializeOwned>(json: &str) -> core::result::Result<T, Fault> {
    let Some(value) = Value::parse(json) else {
        return Err(Fault::new("must be JSON"));
    };
    T::deserialize(value::Reader(&value)).map_err(fault::Wrong::into_fault)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    #[allow(dead_code, reason = "shown by Debug")]
    struct Settings {
        flag: bool,
        count: u32,
        few: Option<Whole<1, 9>>,
        share: Option<Ratio>,
        every: Option<Seconds>,
        size: Option<Bytes>,
        mode: Option<Mode>,
        list: Vec<Item>,
        load: Ceiling<f64>,
        free: Floor<Ratio>,
        pair: Option<(f64, String)>,
        many: Option<Count>,
        path: Option<Path>,
        targets: Targets<Target, 2>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Target {
        name: Name,
    }

    impl Named for Target {
        fn name(&self) -> &str {
            self.name.as_str()
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "shown by Debug")]
    struct Item {
        name: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Fast,
        Slow,
    }

    fn fault(json: &str) -> String {
        parse::<Settings>(json).expect_err(json).to_string()
    }

    #[test]
    fn a_fault_names_the_key_what_must_stand_there_and_what_does() {
        for (json, told) in [
            ("[]", "the configuration must be a table, not a list"),
            (r#"{"flag":1.5}"#, "`flag` must be true or false, not 1.5"),
            (
                r#"{"count":"many"}"#,
                "`count` must be a whole number from 0 to 4294967295, not \"many\"",
            ),
            (
                r#"{"count":-1}"#,
                "`count` must be a whole number from 0 to 4294967295, not -1",
            ),
            (
                r#"{"count":1.5}"#,
                "`count` must be a whole number from 0 to 4294967295, not 1.5",
            ),
            (
                r#"{"few":10}"#,
                "`few` must be a whole number from 1 to 9, not 10",
            ),
            (
                r#"{"share":1.01}"#,
                "`share` must be a number from 0 to 1, not 1.01",
            ),
            (
                r#"{"every":"2 parsecs"}"#,
                "`every` must be a duration such as \"90s\", \"26h\" or \"7d\", not \"2 parsecs\"",
            ),
            (
                r#"{"size":[]}"#,
                "`size` must be a size such as \"500MiB\" or a number of bytes, not a list",
            ),
            (
                r#"{"mode":"quick"}"#,
                "`mode` must be `fast` or `slow`, not \"quick\"",
            ),
            (r#"{"list":{}}"#, "`list` must be a list, not a table"),
            (
                r#"{"list":[{"name":"a"},{"name":null}]}"#,
                "`list[1].name` must be text, not null",
            ),
            (r#"{"list":[{}]}"#, "`list[0].name` must be there"),
            (
                r#"{"list":[{"name":"a","x":1}]}"#,
                "`list[0].x` is not known here: use `name`",
            ),
            (
                r#"{"load":{"warn":"1"}}"#,
                "`load.warn` must be a number, not \"1\"",
            ),
            (
                r#"{"load":{"warn":5,"fail":2}}"#,
                "`load` must not warn from 5 on and fail from 2 on",
            ),
            (
                r#"{"free":{"warn":0.1,"fail":0.2}}"#,
                "`free` must not warn from 10 % down and fail from 20 % down",
            ),
            (r#"{"load":5}"#, "`load` must be a table, not 5"),
            (r#"{"pair":[1]}"#, "`pair` must be a list of 2, not of 1"),
            (
                r#"{"many":-1}"#,
                "`many` must be a number, 0 or more, not -1",
            ),
            (
                r#"{"path":"a/b"}"#,
                "`path` must be an absolute path such as \"/var/log\", not \"a/b\"",
            ),
            (
                r#"{"targets":[{"name":"a b"}]}"#,
                "`targets[0].name` must be 1 to 64 letters, digits, `-`, `_` and `.`, not \"a b\"",
            ),
            (
                r#"{"targets":[{"name":"a"},{"name":"a"}]}"#,
                "`targets[1]` must have a name that no other one has, not \"a\" again",
            ),
            (
                r#"{"targets":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]}"#,
                "`targets` must be a list of at most 2 tables, not of 4",
            ),
            (
                r#"{"targets":7}"#,
                "`targets` must be a list of at most 2 tables, not 7",
            ),
            ("{", "the configuration must be JSON"),
        ] {
            assert_eq!(fault(json), told, "{json}");
        }
    }

    #[test]
    fn what_is_right_is_read() {
        let read: Settings = parse(
            r#"{"flag":true,"count":7,"few":9,"share":0.5,"every":"1h 30m","size":"1.5GiB","mode":"slow",
                "list":[{"name":"a"}],"load":{"warn":1},"free":{},"pair":[2,"b"],
                "many":0,"path":"/a/b/","targets":[{"name":"a"},{"name":"b"}]}"#,
        )
        .expect("it is right");
        assert!(read.flag);
        assert_eq!(read.every.map(|every| every.0), Some(5400.0));
        assert_eq!(read.size.map(|size| size.0), Some(1_610_612_736.0));
        assert_eq!(read.load.warn, Some(1.0));
        assert!(matches!(read.mode, Some(Mode::Slow)));
        assert_eq!(read.pair, Some((2.0, "b".into())));
        assert_eq!(read.many, Some(Count(0.0)));
        assert_eq!(read.path, Some(Path("/a/b".into())));
        assert_eq!(read.targets.0.len(), 2);
    }

    #[test]
    fn a_probe_without_configuration_takes_none() {
        assert_eq!(parse::<()>("{}"), Ok(()));
        let told = parse::<()>(r#"{"x":1}"#)
            .expect_err("there is one")
            .to_string();
        assert_eq!(
            told,
            "`x` is not known here: this probe has no configuration"
        );
    }
}
