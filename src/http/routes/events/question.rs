//! Which events a request is about.

use crate::event::{EventCursor, EventFilter, EventOrder};
use crate::http::problem::Problem;
use crate::http::routes::value;
use crate::http::routes::window::{microseconds, refused, word};
use crate::model::EventOutcome;

/// The parameters that choose events.
pub(super) const CHOOSING: [&str; 8] = [
    "kind",
    "run",
    "correlation",
    "trace",
    "source",
    "outcome",
    "from",
    "until",
];
/// Kinds that one request may name.
const MOST_KINDS: usize = 64;

/// Which events are meant.
///
/// # Errors
/// 400 that names the parameter.
pub(super) fn filter(pairs: &[(String, String)]) -> Result<EventFilter, Problem> {
    let text = |name| value(pairs, name).map(Into::into);
    let time = |name| {
        let given = value(pairs, name);
        given.map(|text| microseconds(name, text)).transpose()
    };
    let kinds: Vec<_> = list(pairs, "kind").map(Into::into).collect();
    if kinds.len() > MOST_KINDS {
        let wanted = format!("must be at most {MOST_KINDS} kinds");
        return Err(refused("kind", &kinds.join(","), wanted));
    }
    let outcome = |word: &str| {
        let words = EventOutcome::ALL.map(EventOutcome::as_str).join(", ");
        let unknown = || refused("outcome", word, format!("must be of {words}"));
        EventOutcome::of(word).ok_or_else(unknown)
    };
    Ok(EventFilter {
        kinds,
        run: text("run"),
        correlation: text("correlation"),
        trace: trace(pairs)?,
        source: text("source"),
        from: time("from")?,
        until: time("until")?,
        outcomes: list(pairs, "outcome")
            .map(outcome)
            .collect::<Result<_, _>>()?,
    })
}

/// A trace id as it stands in a `traceparent`.
fn trace(pairs: &[(String, String)]) -> Result<Option<Box<str>>, Problem> {
    let Some(text) = value(pairs, "trace") else {
        return Ok(None);
    };
    let fits = text.len() == 32 && text.bytes().all(|one| one.is_ascii_hexdigit());
    let id = || text.to_ascii_lowercase().into();
    fits.then(|| Some(id()))
        .ok_or_else(|| refused("trace", text, "must be 32 hexadecimal digits"))
}

/// A list that may be given in one parameter or in several.
fn list<'a>(pairs: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    let own = pairs.iter().filter(move |(key, _)| key == name);
    let items = own.flat_map(|(_, value)| value.split(','));
    items.map(str::trim).filter(|item| !item.is_empty())
}

/// How many at once: `usual` if nothing else is asked for.
pub(super) fn limit(
    pairs: &[(String, String)],
    usual: usize,
    most: usize,
) -> Result<usize, Problem> {
    let Some(text) = value(pairs, "limit") else {
        return Ok(usual);
    };
    let number = text.parse().ok();
    let fits = number.filter(|number| (1..=most).contains(number));
    fits.ok_or_else(|| refused("limit", text, format!("must be between 1 and {most}")))
}

pub(super) fn order(pairs: &[(String, String)]) -> Result<EventOrder, Problem> {
    let words = [
        ("newest", EventOrder::NewestFirst),
        ("oldest", EventOrder::OldestFirst),
    ];
    Ok(word(pairs, "order", &words)?.unwrap_or(EventOrder::NewestFirst))
}

/// Where the page before has ended.
pub(super) fn cursor(pairs: &[(String, String)]) -> Result<Option<EventCursor>, Problem> {
    let Some(text) = value(pairs, "cursor") else {
        return Ok(None);
    };
    let parsed = text.split_once('.').and_then(|(time, sequence)| {
        Some(EventCursor {
            time: time.parse().ok()?,
            sequence: sequence.parse().ok()?,
        })
    });
    let unknown = || refused("cursor", text, "must be a `next` of an earlier answer");
    parsed.map(Some).ok_or_else(unknown)
}

/// A place as [`cursor`] reads it.
pub(super) fn written(cursor: EventCursor) -> String {
    format!("{}.{}", cursor.time, cursor.sequence)
}
