//! Behaviours of a probe that is well: its metrics, its check, its configuration.

use std::time::Instant;

use super::Verdict;
use super::bed::{Bed, Setup};
use super::seen::{Seen, equal};

/// Three queues, a comment and an empty line.
const QUEUES: &str = "# name depth waited\n\nmail 12 3.5\nprint 3 0.05\nweb 7 10\n";
/// A line that is passed over, and how many of them are more than the 64 KiB that one read gives at most.
const COMMENT: &str = "# a line without a queue\n";
const COMMENTS: usize = 4000;
/// The upper bounds of the histogram.
const BOUNDS: [f64; 4] = [0.1, 1.0, 10.0, 60.0];

/// Whether the file is an implementation of the contract at all.
///
/// # Errors
/// Why it is taken for a probe of its own.
pub(super) async fn follows_the_contract(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    let ran = queue.good().await.map(|_| ());
    let seen = queue.seen()?;
    let names = ["queue_depth", "queue_polls_total", "queue_wait_seconds"];
    if names.iter().any(|name| kind(&seen, name).is_some()) {
        return Ok(());
    }
    Err(ran
        .err()
        .unwrap_or_else(|| "it gives none of them".to_owned()))
}

/// A metric's type.
fn kind(seen: &Seen, name: &str) -> Option<&'static str> {
    let mut series = seen.source.schema.series.iter();
    let found = series.find(|series| &*series.metric.name == name)?;
    Some(found.metric.kind.as_str())
}

pub(super) async fn definitions(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    queue.good().await?;
    let seen = queue.seen()?;
    for (name, kind, unit, keys) in [
        ("queue_depth", "gauge", "", &["queue"][..]),
        ("queue_depth_highest", "gauge", "", &["queue"]),
        ("queue_polls_total", "counter", "", &[]),
        ("queue_wait_seconds", "histogram", "seconds", &[]),
    ] {
        let mut series = seen.source.schema.series.iter();
        let found = series.find(|series| &*series.metric.name == name);
        let metric = &found.ok_or_else(|| format!("{name} is not there"))?.metric;
        equal(&format!("the type of {name}"), metric.kind.as_str(), kind)?;
        equal(&format!("the unit of {name}"), &*metric.unit, unit)?;
        let own: Vec<&str> = metric.label_keys.iter().map(|key| &**key).collect();
        equal(&format!("the labels of {name}"), own.as_slice(), keys)?;
        if metric.help.is_empty() {
            return Err(format!("{name} has no help"));
        }
        if kind == "histogram" {
            equal(
                "the buckets of queue_wait_seconds",
                &metric.bounds[..],
                &BOUNDS,
            )?;
        }
    }
    Ok(())
}

pub(super) async fn values(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    queue.good().await?;
    let seen = queue.seen()?;
    for (name, depth) in [("mail", 12.0), ("print", 3.0), ("web", 7.0)] {
        seen.has("queue_depth", &[name], depth)?;
        seen.has("queue_depth_highest", &[name], depth)?;
    }
    seen.has("queue_polls_total", &[], 1.0)?;
    // Counts of the buckets one by one, +Inf last, then the sum.
    waits(&seen, [1.0, 0.0, 2.0, 0.0, 0.0], 13.55)?;
    queue.write(&format!("{}late 4 1\n", COMMENT.repeat(COMMENTS)))?;
    queue.good().await?;
    let late = queue.seen()?.has("queue_depth", &["late"], 4.0);
    late.map_err(|why| format!("{why}, behind 100 KB of the file"))
}

/// What the histogram holds: counts of the buckets one by one with +Inf last, and the sum.
fn waits(seen: &Seen, counts: [f64; 5], sum: f64) -> Verdict {
    let numbers = seen.numbers("queue_wait_seconds", &[]);
    let numbers = numbers.ok_or("queue_wait_seconds is not there")?;
    equal(
        "the counts of queue_wait_seconds",
        &numbers[..5],
        &counts[..],
    )?;
    if (numbers[5] - sum).abs() > 1e-9 {
        return equal("the sum of queue_wait_seconds", numbers[5], sum);
    }
    Ok(())
}

pub(super) async fn totals(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    for _ in 0..3 {
        queue.good().await?;
    }
    let seen = queue.seen()?;
    seen.has("queue_polls_total", &[], 3.0)?;
    waits(&seen, [3.0, 0.0, 6.0, 0.0, 0.0], 40.65)?;
    queue.write("mail 40 99\n")?;
    queue.good().await?;
    queue.write("mail 5 0\n")?;
    queue.good().await?;
    let seen = queue.seen()?;
    seen.has("queue_polls_total", &[], 5.0)?;
    seen.has("queue_depth", &["mail"], 5.0)?;
    seen.has("queue_depth_highest", &["mail"], 40.0)?;
    waits(&seen, [4.0, 0.0, 6.0, 0.0, 1.0], 139.65)
}

pub(super) async fn labels(bed: &Bed) -> Verdict {
    // What a text format has to escape, and what is more than a byte a character.
    let names = ["a\"b\\c", "{x=\"1\"}", "größe", "待ち行列", "📬"];
    let text: String = names.iter().map(|name| format!("{name} 4 0.5\n")).collect();
    let mut queue = bed.begin(&Setup::default(), &text)?;
    queue.good().await?;
    let seen = queue.seen()?;
    names
        .iter()
        .try_for_each(|name| seen.has("queue_depth", &[name], 4.0))
}

pub(super) async fn gone(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    queue.good().await?;
    queue.write("mail 1 1\n")?;
    let second = Instant::now();
    queue.good().await?;
    let seen = queue.seen()?;
    for (name, is_there) in [("mail", true), ("print", false), ("web", false)] {
        let what = format!("whether queue_depth[{name:?}] is written");
        let written = seen.is_newer("queue_depth", &[name], second);
        equal(&what, written, is_there)?;
    }
    Ok(())
}

pub(super) async fn check(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    for (text, status, message) in [
        (QUEUES, "pass", "3 queues, the longest is mail with 12"),
        (
            "web 7 1\nmail 99 0\n",
            "pass",
            "2 queues, the longest is mail with 99",
        ),
        (
            "web 7 1\nmail 100 0\n",
            "warn",
            "mail has 100: warns from 100",
        ),
        ("mail 120 0\n", "warn", "mail has 120: warns from 100"),
        ("# nothing\n", "pass", "no queues"),
        ("", "pass", "no queues"),
    ] {
        queue.write(text)?;
        queue.good().await?;
        let said = queue.seen()?.says(status, message);
        said.map_err(|why| format!("{why}, for {text:?}"))?;
    }
    Ok(())
}

pub(super) async fn configuration(bed: &Bed) -> Verdict {
    for (warn, message) in [
        (toml::Value::Integer(5), "mail has 12: warns from 5"),
        (toml::Value::Float(2.5), "mail has 12: warns from 2.5"),
        (toml::Value::Float(12.0), "mail has 12: warns from 12"),
    ] {
        let mut queue = bed.begin(&Setup::with("warn", warn), QUEUES)?;
        queue.good().await?;
        queue.seen()?.says("warn", message)?;
    }
    Ok(())
}
