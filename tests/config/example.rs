//! The documented example: it is the default, and it is complete.

use std::collections::BTreeSet;

use probity::config::{Config, EXAMPLE};

use crate::Bench;

#[test]
fn the_example_is_the_default() {
    let built_in = Bench::new().good();
    assert_eq!(built_in.origin.to_string(), "built-in defaults");
    assert_eq!(Bench::with_file(EXAMPLE).good().config, built_in.config);
    let names: Vec<_> = built_in.config.probe.iter().map(|one| &one.name).collect();
    assert_eq!(names[..4], ["saturation", "sockets", "files", "cgroups"]);
    let disabled = built_in.config.probe[4..].iter().filter(|one| !one.enabled);
    assert_eq!(disabled.count(), 11);
    let plain = Config {
        probe: built_in.config.probe.clone(),
        ..Config::default()
    };
    assert_eq!(built_in.config, plain);
}

/// The example with its optional keys, which stand there as `# key = value`, switched on.
pub fn whole_example() -> String {
    let is_key = |line: &str| {
        line.strip_prefix("# ")
            .and_then(|line| line.split_once(" = "))
            .is_some_and(|(key, _)| {
                key.bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            })
            || ["# [[watch]]", "# [[events.kind]]"].contains(&line)
    };
    let line = |line: &str| match is_key(line) {
        true => line[2..].to_owned(),
        false => line.to_owned(),
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// What may hold anything.
pub const FREE: [&str; 2] = ["probe.config", "events.kind.schema"];

/// Whole keys of the leaves; what may hold anything counts as one.
fn leaves(prefix: &str, value: &toml::Value, into: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) if !table.is_empty() && !FREE.contains(&prefix) => {
            for (key, value) in table {
                let dot = if prefix.is_empty() { "" } else { "." };
                leaves(&format!("{prefix}{dot}{key}"), value, into);
            }
        }
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            for value in list {
                leaves(prefix, value, into);
            }
        }
        _ => {
            into.insert(prefix.to_owned());
        }
    }
}

pub fn keys_of(config: &Config) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    leaves("", &toml::Value::try_from(config).unwrap(), &mut keys);
    keys
}

#[test]
fn the_example_names_every_key() {
    let text = whole_example();
    let mut full = Bench::with_file(&text).good().config;
    let mut written = BTreeSet::new();
    leaves("", &toml::Value::Table(text.parse().unwrap()), &mut written);
    // A probe's limits have the keys of `probes.limits`, which the example explains once.
    let not_own = |key: &String| !key.starts_with("probe.limits");
    assert!(written.contains("probe.limits.memory"));
    assert!(std::mem::take(&mut full.probe[0].limits).memory.is_some());
    let written: BTreeSet<_> = written.into_iter().filter(not_own).collect();
    assert_eq!(written, keys_of(&full));
    // What is optional in the types stands in the example too: a type's fields, as serde lists them for an unknown key.
    for section in [
        "server",
        "sampler",
        "probes",
        "health",
        "log",
        "state",
        "probes.limits",
        "probes.compile",
        "watch",
        "backup",
        "backup.s3",
    ] {
        let header = match section {
            "watch" => "[[watch]]".to_owned(),
            _ => format!("[{section}]"),
        };
        let error = Bench::with_file(format!("{header}\nzzz = 1")).refusal();
        let list = error
            .split("the keys are ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap();
        for key in list.split(", ") {
            let key = format!("{section}.{key}");
            let named = written
                .iter()
                .any(|one| *one == key || one.starts_with(&format!("{key}.")));
            assert!(named, "{key} is not in the example");
        }
    }
}
