//! The next step after something went wrong.

use toml::{Table, Value};

use super::report::Report;
use super::stand::Unfit;
use crate::model::{DeniedAttempt, Failure};

/// What to do about a file that is no probe.
pub fn unfit(unfit: &Unfit) -> String {
    let code = unfit.failure.code.as_str();
    match code {
        "file.name" => "rename the file, such as to queue.wasm",
        "file.unreadable" | "file.kind" | "file.text" | "file.empty" | "file.unknown" => {
            "name the component that `probity build` made, NAME.wasm in the probe's folder"
        }
        "file.core-module" => {
            "make it a component: build for wasm32-wasip2, or run `probity component`"
        }
        "component.version" | "component.import" | "component.type" => {
            "build it against the interface that `probity wit` prints, or update Probity"
        }
        "component.export" => "export what the world `probe` of `probity wit` says",
        "tape.other-probe" => "give it that probe's name with --name, or give a tape of its own",
        "tape.unrecordable" => "leave that secret out of the grants, or make it longer",
        "limits.file" => "allow it with limits.file in its section, or build it smaller",
        "grant" => "correct what the message names: a --grant, or the section [secrets]",
        _ if code.starts_with("compile.") => {
            "raise the limit that the message names in [probes.compile], or build it smaller"
        }
        _ => "build it anew; `probity inspect` shows what the file is",
    }
    .to_owned()
}

/// What to do about the first run that failed; nothing when none did.
pub fn after_failed_run(report: &Report) -> Option<(String, String)> {
    let first = report.failed.first()?;
    let message = format!("run {} failed: {}", first.run, first.failure);
    let denied = report.snapshot.probes.first();
    let denied = denied.map(|probe| &*probe.status.denied_attempts);
    Some((message, failed(&first.failure, denied.unwrap_or_default())))
}

/// What to do about the first run that found nothing to observe; nothing when none did.
pub fn after_idle_run(report: &Report) -> Option<(String, String)> {
    let (run, failure) = report.first_idle.as_ref()?;
    let message = format!("run {run} observed nothing: {}", failure.message);
    let next = "give it what the message names with --set and --grant, or test it where that is";
    Some((message, next.to_owned()))
}

fn failed(failure: &Failure, denied: &[DeniedAttempt]) -> String {
    let code = failure.code.as_str();
    match code.split('.').next().unwrap_or_default() {
        "bad-config" => "correct the key with --set KEY=VALUE, or in the probe's section".to_owned(),
        "denied" => {
            let noted = denied.iter().find_map(|one| flags(one.grant.as_deref()?));
            match noted.or_else(|| told(&failure.message)) {
                Some(flags) => format!("allow it with {flags}"),
                None => "allow what the message names with --grant KEY=VALUE".to_owned(),
            }
        }
        "grant" => "correct the --grant that the message names".to_owned(),
        "limits" => {
            let key = code.split_once('.').map_or("KEY", |(_, key)| key);
            format!("make it use less, or allow more with --limit {key}=VALUE")
        }
        "trap" | "exit" => {
            "look at the backtrace and at what it last printed; names of functions need a build with them".to_owned()
        }
        "unavailable" | "retry-after" => {
            "see that what it observes answers: the probe itself is well".to_owned()
        }
        "tape" if code == "tape.missing" => {
            "record it again with --record, or put the answer into the tape (docs/recording.md)".to_owned()
        }
        "tape" => "let it ask for less while it is recorded".to_owned(),
        _ => "see the failure's message above; `probity wit` says what each code means".to_owned(),
    }
}

/// The line that a probe names itself, as flags: between backquotes, or as it begins and ends.
fn told(message: &str) -> Option<String> {
    let begin = message.find("grant = {");
    let bare = begin.and_then(|begin| Some(&message[begin..=begin + message[begin..].find('}')?]));
    let quoted = message.split('`').skip(1).step_by(2);
    quoted.chain(bare).find_map(flags)
}

/// A line of the configuration that grants something, as flags.
fn flags(line: &str) -> Option<String> {
    let table: Table = line.parse().ok()?;
    let of = |section: &str, flag: &str| {
        let keys = table.get(section).and_then(Value::as_table);
        let pairs = keys
            .into_iter()
            .flatten()
            .flat_map(|(key, value)| pairs(key, value));
        pairs
            .map(|pair| format!("{flag} {}", quoted(&pair)))
            .collect::<Vec<_>>()
    };
    let flags = [of("grant", "--grant"), of("limits", "--limit")].concat();
    (!flags.is_empty()).then(|| flags.join(" "))
}

fn pairs(key: &str, value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![format!("{key}={text}")],
        Value::Array(list) => list.iter().flat_map(|one| pairs(key, one)).collect(),
        Value::Table(table) => table
            .iter()
            .flat_map(|(name, one)| pairs(&format!("{key}.{name}"), one))
            .collect(),
        other => vec![format!("{key}={other}")],
    }
}

/// As a shell takes it for one word.
pub fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=/.:_-@%+,".contains(&byte);
    if word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_a_probe_names_becomes_flags() {
        for (message, wanted) in [
            (
                "/a is not granted: add `grant.read = [\"/a\"]` to",
                Some("--grant read=/a"),
            ),
            (
                "add grant = { read = [\"/a\"] } please",
                Some("--grant read=/a"),
            ),
            ("add grant = { read", None),
            ("no `idea` what", None),
        ] {
            assert_eq!(told(message).as_deref(), wanted, "{message}");
        }
    }

    #[test]
    fn a_line_that_grants_becomes_flags() {
        for (line, wanted) in [
            ("grant = { read = [\"/a b\"] }", Some("--grant 'read=/a b'")),
            (
                "grant = { sqlite = { jobs = \"/x.db\" } }",
                Some("--grant sqlite.jobs=/x.db"),
            ),
            (
                "limits = { http_response = \"8MiB\" }",
                Some("--limit http_response=8MiB"),
            ),
            ("[secrets] a = { …, origins = [\"x\"] }", None),
        ] {
            assert_eq!(flags(line).as_deref(), wanted, "{line}");
        }
    }
}
