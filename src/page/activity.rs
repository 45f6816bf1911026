//! What the program did and what went wrong: operations, requests, recent errors, and its own cost.

use std::time::{Duration, SystemTime};

use super::Moment;
use super::attention::path_segment;
use super::past::{Past, extremes};
use super::words::{NOTHING, ago, bytes, count, moment, per_second, percent, seconds};
use crate::model::{EventOutcome, Failure, Operation, RecentError, SourceKind, WorkResult};
use crate::snapshot::{Recent, Snapshot, recent};

/// Operations shown: the snapshot keeps more.
const OPERATIONS: usize = 10;
/// Errors shown.
const ERRORS: usize = 20;
/// Those of one probe: its own page has the rest.
const OF_ONE_PROBE: usize = 3;

/// An operation that has ended, an application's or the program's own.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) key: String,
    pub(super) name: String,
    /// To what it was done, or its id.
    pub(super) target: String,
    /// Who wanted it, or who told it.
    pub(super) cause: String,
    pub(super) tone: &'static str,
    pub(super) word: &'static str,
    /// What came of it.
    pub(super) outcome: String,
    pub(super) duration: String,
    pub(super) when: String,
    pub(super) moment: String,
}

/// Something that went wrong.
#[derive(Debug)]
pub(super) struct Error {
    pub(super) key: String,
    pub(super) subject: String,
    pub(super) link: Option<String>,
    pub(super) code: String,
    pub(super) message: String,
    /// What surrounds it: how often, and what runs.
    pub(super) context: String,
    pub(super) backtrace: Option<String>,
    pub(super) when: String,
    pub(super) moment: String,
    order: Option<SystemTime>,
}

/// A name, its value, and the key under which it lives.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) key: String,
    pub(super) label: &'static str,
    pub(super) value: String,
}

/// The last operations, newest first.
pub(super) fn operations(at: &Moment<'_>) -> Vec<Ended> {
    let newest = recent(at.snapshot).take(OPERATIONS).enumerate();
    newest
        .map(|(index, one)| {
            let mut ended = match one {
                Recent::Own(operation) => own_operation(at, operation),
                Recent::Told(result) => told_operation(at, result),
            };
            ended.key = format!("o{index}");
            ended
        })
        .collect()
}

fn own_operation(at: &Moment<'_>, one: &Operation) -> Ended {
    let (tone, word) = match one.outcome {
        Ok(_) => ("pass", "success"),
        Err(_) => ("fail", "failure"),
    };
    Ended {
        key: String::new(),
        name: one.kind.to_owned(),
        target: one.target.to_string(),
        cause: one.cause.as_str().to_owned(),
        tone,
        word,
        outcome: match &one.outcome {
            Ok(message) => message.clone(),
            Err(failure) => failure.to_string(),
        },
        duration: seconds(one.duration.as_secs_f64()),
        when: ago(one.started, at.wall()),
        moment: moment(one.started),
    }
}

fn told_operation(at: &Moment<'_>, one: &WorkResult) -> Ended {
    let micros = Duration::from_micros(u64::try_from(one.ended).unwrap_or(0));
    let ended = SystemTime::UNIX_EPOCH + micros;
    Ended {
        key: String::new(),
        name: one.name.to_string(),
        target: one.id.as_deref().unwrap_or_default().to_owned(),
        cause: one.source.as_deref().unwrap_or(NOTHING).to_owned(),
        tone: match one.outcome {
            EventOutcome::Success => "pass",
            EventOutcome::Failure | EventOutcome::Timeout => "fail",
            EventOutcome::Cancelled => "idle",
        },
        word: one.outcome.as_str(),
        outcome: match &one.error {
            Some((class, message)) => format!("{class}: {message}"),
            None => String::new(),
        },
        duration: match one.duration {
            Some(duration) => seconds(duration.as_secs_f64()),
            None => NOTHING.to_owned(),
        },
        when: ago(ended, at.wall()),
        moment: moment(ended),
    }
}

/// How often it was, unless it was once.
pub(super) fn repeated(at: &Moment<'_>, one: &RecentError) -> Option<String> {
    let since = ago(one.first, at.wall());
    (one.count > 1).then(|| format!("{} times, first {since}", count(one.count)))
}

/// The last errors of every source, newest first.
pub(super) fn errors(at: &Moment<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for probe in &at.snapshot.probes {
        let (identity, status) = (&probe.identity, &probe.status);
        let context = format!(
            "{} of {} runs failed · version {} · generation {}",
            count(status.failures),
            count(status.runs),
            identity.version.as_deref().unwrap_or("unknown"),
            identity.generation
        );
        let mut add = |failure: &Failure, when: Option<SystemTime>, context: String| {
            let link = format!("/probes/{}", path_segment(&identity.name));
            errors.push(error(
                at,
                &identity.name,
                Some(link),
                failure,
                when,
                context,
            ));
        };
        for one in status.recent_errors.iter().take(OF_ONE_PROBE) {
            let context = match repeated(at, one) {
                Some(repeated) => format!("{repeated} · {context}"),
                None => context.clone(),
            };
            add(&one.failure, Some(one.last), context);
        }
        if let Some(failure) = &status.last_rejection {
            let refused = count(status.costs.rejected_calls);
            add(
                failure,
                None,
                format!("{refused} calls of its refused while it ran on"),
            );
        }
        let on_disk = probe.on_disk.as_deref();
        let refused = on_disk.and_then(|disk| Some((disk, disk.failure.as_deref()?)));
        if let Some((disk, failure)) = refused.filter(|_| status.last_error.is_none()) {
            let context = format!("file of {}", bytes(disk.size_bytes as f64));
            add(failure, Some(disk.since), context);
        }
    }
    errors.extend(sampler_errors(at));
    errors.sort_by_key(|error| std::cmp::Reverse(error.order));
    errors.truncate(ERRORS);
    for (index, error) in errors.iter_mut().enumerate() {
        error.key = format!("e{index}");
    }
    errors
}

fn sampler_errors<'a>(at: &'a Moment<'_>) -> impl Iterator<Item = Error> + 'a {
    let sources = at.snapshot.sources.iter();
    sources
        .filter(|source| source.info.kind == SourceKind::Sampler)
        .filter_map(|source| {
            let failure = source.failure.as_ref()?;
            let runs = &source.runs;
            let context = format!(
                "{} of {} runs failed",
                count(runs.failures),
                count(runs.runs)
            );
            let subject = format!("source {}", source.info.name);
            Some(error(at, &subject, None, failure, None, context))
        })
}

fn error(
    at: &Moment<'_>,
    subject: &str,
    link: Option<String>,
    failure: &Failure,
    when: Option<SystemTime>,
    context: String,
) -> Error {
    Error {
        key: String::new(),
        subject: subject.to_owned(),
        link,
        code: failure.code.clone(),
        message: failure.message.clone(),
        context,
        backtrace: failure.backtrace.clone(),
        when: when.map_or(String::new(), |when| ago(when, at.wall())),
        moment: when.map_or(String::new(), moment),
        order: when,
    }
}

/// The value of one of the host's own series, summed over those whose first label begins so.
pub(super) fn own(snapshot: &Snapshot, name: &str, label: &str) -> Option<f64> {
    let source = snapshot
        .sources
        .iter()
        .find(|one| &*one.info.name == "probity")?;
    let series = source.schema.series.iter().filter(|series| {
        let first = series.labels.first().map_or("", |value| &**value);
        &*series.metric.name == name && first.starts_with(label)
    });
    let values = series.filter_map(|series| Some(source.points.get(series.slot as usize)?.value));
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// Requests and scheduling.
pub(super) fn requests(at: &Moment<'_>, past: Option<&Past<'_>>) -> Vec<Fact> {
    let total = |label| {
        let total = own(at.snapshot, "probity_http_requests_total", label);
        total.map(|value| value as u64)
    };
    let rate = past.and_then(|past| past.rate("probity_http_requests_total", |_| true));
    let rate = rate.as_ref().and_then(extremes).map(|known| known.2);
    let sources = &at.snapshot.sources;
    let missed = sources.iter().map(|source| source.runs.missed).sum();
    let runs = sources.iter().map(|source| source.runs.runs).sum();
    let late = sources.iter().map(|source| source.runs.lateness).max();
    let facts = [
        ("Requests", whole(total(""))),
        (
            "a second",
            rate.map_or_else(|| NOTHING.to_owned(), per_second),
        ),
        ("refused (4xx)", whole(total("4"))),
        ("failed (5xx)", whole(total("5"))),
        ("Runs of sources", count(runs)),
        ("missed", count(missed)),
        (
            "latest start",
            seconds(late.unwrap_or_default().as_secs_f64()),
        ),
    ];
    listed("r", facts)
}

/// What the program itself costs.
pub(super) fn cost(at: &Moment<'_>) -> Vec<Fact> {
    let tally = |name| own(at.snapshot, name, "").map(|value| value as u64);
    let sources = at.snapshot.sources.iter();
    let series = sources.map(|one| one.schema.series.len()).sum::<usize>();
    let probes = at.snapshot.probes.iter().map(|one| &one.status);
    let guests: Duration = probes.clone().map(|one| one.costs.cpu).sum();
    let guest_memory = probes.filter_map(|one| one.memory_bytes).sum::<u64>();
    let mut facts = process(at);
    let rest = [
        ("CPU time of probes", seconds(guests.as_secs_f64())),
        ("Memory of probes", bytes(guest_memory as f64)),
        ("History", size(tally("probity_history_bytes"))),
        ("Series", count(series as u64)),
        ("Snapshot", count(at.snapshot.sequence)),
        (
            "Bodies encoded",
            whole(tally("probity_http_bodies_encoded_total")),
        ),
    ];
    facts.extend(listed("k", rest));
    facts
}

fn process(at: &Moment<'_>) -> Vec<Fact> {
    let Some(dated) = &at.snapshot.facts.process else {
        return Vec::new();
    };
    let facts = &dated.facts;
    let or_nothing = |value: Option<f64>, words: fn(f64) -> String| {
        value.map_or_else(|| NOTHING.to_owned(), words)
    };
    let facts = [
        ("CPU, of one core", or_nothing(facts.cpu_percent, percent)),
        ("CPU time", or_nothing(facts.cpu_seconds_total, seconds)),
        ("Resident memory", size(facts.resident_bytes)),
        ("of it private", size(facts.private_bytes)),
        ("Open files", whole(facts.open_fds)),
        ("Threads", whole(facts.threads)),
    ];
    listed("u", facts)
}

fn size(value: Option<u64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| bytes(value as f64))
}

fn whole(value: Option<u64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), count)
}

fn listed<const N: usize>(prefix: &str, facts: [(&'static str, String); N]) -> Vec<Fact> {
    let facts = facts.into_iter().enumerate();
    facts
        .map(|(index, (label, value))| Fact {
            key: format!("{prefix}{index}"),
            label,
            value,
        })
        .collect()
}
