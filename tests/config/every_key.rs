//! Every key with every mistake (fault C01).

use crate::Bench;
use crate::example::{FREE, keys_of, whole_example};

/// What a key may be given by mistake, as TOML.
const MISTAKES: [(&str, &str); 9] = [
    ("wrong type", "{ a = [1979-05-27] }"),
    ("wrong scalar", "1979-05-27"),
    ("negative", "-1"),
    ("negative duration", "\"-1s\""),
    ("zero", "0"),
    ("zero duration", "\"0s\""),
    ("huge", "99999999999999999999999"),
    ("huge text", "\"99999999999h\""),
    ("empty", "\"\""),
];

#[test]
fn c01_every_key_takes_or_refuses_every_mistake_and_says_where() {
    let full = Bench::with_file(whole_example()).good().config;
    let mut refused = 0;
    // Secrets have names of the operator's.
    let secrets = ["file", "env", "origins"].map(|key| format!("secrets.x.{key}"));
    let keys = keys_of(&full).into_iter().filter(|key| key != "secrets");
    for key in keys.chain(secrets) {
        let (section, name) = key.rsplit_once('.').unwrap();
        let header = match section.strip_prefix("probe") {
            Some("") if name == "name" => "[[probe]]\n".to_owned(),
            Some("") => "[[probe]]\nname = \"x\"\n".to_owned(),
            Some(rest) if rest.starts_with('.') => {
                format!("[[probe]]\nname = \"x\"\n[probe{rest}]\n")
            }
            None if key == "watch.name" => "[[watch]]\npid = 1\n".to_owned(),
            None if key == "watch.arguments" => {
                "[[watch]]\nname = \"x\"\nprocess = \"x\"\n".to_owned()
            }
            None if section == "watch" => "[[watch]]\nname = \"x\"\n".to_owned(),
            None if key == "events.kind.name" => "[[events.kind]]\nschema = {}\n".to_owned(),
            None if key == "events.kind.schema" => "[[events.kind]]\nname = \"a.b\"\n".to_owned(),
            None if section == "events.kind" => {
                "[[events.kind]]\nname = \"a.b\"\nschema = {}\n".to_owned()
            }
            _ => format!("[{section}]\n"),
        };
        let line = header.lines().count() + 1;
        let unknown = ("unknown sibling", "zzz");
        for (mistake, value) in MISTAKES.into_iter().chain([unknown]) {
            let text = match value {
                "zzz" => format!("{header}{name}_x = 1\n"),
                _ => format!("{header}{name} = {value}\n"),
            };
            if FREE.contains(&key.as_str()) && value == MISTAKES[0].1 {
                continue;
            }
            let Err(error) = Bench::with_file(&text).load() else {
                assert_ne!(value, MISTAKES[0].1, "{key} took a table");
                assert_ne!(value, "zzz", "{key} has an unknown sibling");
                continue;
            };
            refused += 1;
            let shown = error.to_string();
            let told = error.faults().iter().any(|fault| {
                let place = fault.place.to_string();
                fault.key.contains(name)
                    && place.contains(&format!("probity.toml:{line}:"))
                    && shown.contains(&text.lines().last().unwrap()[..name.len()])
            });
            assert!(told, "{key}, {mistake}: {shown}");
        }
    }
    assert!(refused > 200, "only {refused} were refused");
}

/// Keys with a range, by section.
const RANGES: [(&str, &str); 74] = [
    ("events.derived", "window"),
    ("events.derived", "busy_window"),
    ("events.derived", "names"),
    ("events.derived", "in_flight"),
    ("events.derived", "workers"),
    ("events.derived", "sessions"),
    ("events.derived", "lost_after"),
    ("events.derived", "session_lost_after"),
    ("events.derived", "worker_lost_after"),
    ("events.derived.overdue", "default"),
    ("events.derived.error_rate", "window"),
    ("events.derived.error_rate", "threshold"),
    ("events.derived.error_rate", "least"),
    ("server", "max_connections"),
    ("server", "header_timeout"),
    ("server", "body_timeout"),
    ("server", "max_body"),
    ("server", "drain_timeout"),
    ("server.stream", "interval"),
    ("server.stream", "max_clients"),
    ("server.stream", "kept_events"),
    ("server.stream", "keep_alive"),
    ("sampler", "interval"),
    ("probes", "interval"),
    ("probes", "stack"),
    ("probes", "cache_size"),
    ("probes.compile", "memory"),
    ("probes.compile", "cpu"),
    ("probes.compile", "wall"),
    ("probes.limits", "deadline"),
    ("probes.limits", "cpu"),
    ("probes.limits", "host_calls"),
    ("probes.limits", "memory"),
    ("probes.limits", "memories"),
    ("probes.limits", "instances"),
    ("probes.limits", "tables"),
    ("probes.limits", "table_elements"),
    ("probes.limits", "handles"),
    ("probes.limits", "crossing"),
    ("probes.limits", "random"),
    ("probes.limits", "output"),
    ("probes.limits", "metrics"),
    ("probes.limits", "series"),
    ("probes.limits", "labels"),
    ("probes.limits", "name_bytes"),
    ("probes.limits", "value_bytes"),
    ("probes.limits", "checks"),
    ("probes.limits", "series_text"),
    ("probes.limits", "log_lines"),
    ("probes.limits", "log_bytes"),
    ("probes.limits", "state"),
    ("probes.limits", "query_rows"),
    ("probes.limits", "query_bytes"),
    ("probes.limits", "http_request"),
    ("probes.limits", "http_response"),
    ("probes.limits", "file"),
    ("health", "failures"),
    ("health", "recoveries"),
    ("health.event_loop_lag", "warn"),
    ("health.event_loop_lag", "fail"),
    ("archive.series", "step"),
    ("archive.series", "retention"),
    ("archive.series", "max_size"),
    ("archive.snapshots", "interval"),
    ("archive.snapshots", "retention"),
    ("archive.snapshots", "max_size"),
    ("backup", "every"),
    ("backup", "keep"),
    ("backup", "keep_for"),
    ("backup", "level"),
    ("backup", "timeout"),
    ("backup.s3", "timeout"),
    ("health.disk_used_percent", "warn"),
    ("health.memory_used_percent", "fail"),
];

#[test]
fn c01_what_is_out_of_a_range_is_told_the_range() {
    for (section, key) in RANGES {
        for (mistake, value) in MISTAKES {
            let refusal = Bench::with_file(format!("[{section}]\n{key} = {value}\n")).refusal();
            let told = refusal.contains("must be between") || refusal.contains("is not TOML");
            assert!(told, "{section}.{key}, {mistake}: {refusal}");
        }
    }
}
