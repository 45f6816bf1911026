//! What a request asks for, in Prometheus' forms of times and durations.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::envelope::Refusal;
use crate::model::printable;
use crate::query::{MAX_PATTERNS, MAX_STEPS, Query, QueryError, Window, parse, patterns_of};

/// The units of durations with their milliseconds, in the order in which Prometheus has them follow each other.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Selectors of one request at most.
const MAX_MATCHES: usize = 100;

/// Times are within so many milliseconds of 1970, some three hundred thousand years, so that they can be added up.
const FARTHEST: f64 = 9_007_199_254_740_992.0;

/// A request's parameters, those of its address and those of its body.
#[derive(Debug)]
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

impl Parameters {
    /// A parameter's value; one that is empty is not given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut given = self
            .0
            .iter()
            .filter(|(key, value)| key == name && !value.is_empty());
        given.next().map(|(_, value)| value.as_str())
    }

    /// Whether there is an expression, be it carried out here or not.
    pub(super) fn expression(&self) -> Result<(), Refusal> {
        let text = self.get("query").unwrap_or_default();
        let parsed = parse(text).map_err(|error| Refusal::from(error).of("query"));
        parsed.map(drop)
    }

    /// The expression.
    pub(super) fn query(&self) -> Result<Query, Refusal> {
        let text = self.get("query").unwrap_or_default();
        Query::parse(text).map_err(|error| Refusal::from(error).of("query"))
    }

    /// The steps of a range query.
    pub(super) fn window(&self) -> Result<Window, Refusal> {
        let needed = |name: &str| Refusal::parameter(name, "it is needed");
        let start = self.time("start")?.ok_or_else(|| needed("start"))?;
        let end = self.time("end")?.ok_or_else(|| needed("end"))?;
        let step = self.duration("step")?.ok_or_else(|| needed("step"))?;
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        if end < start {
            return Err(Refusal::parameter("end", "it must not be before start"));
        }
        if step == 0 {
            let wanted = "it must be at least a millisecond";
            return Err(Refusal::parameter("step", wanted));
        }
        if (end - start) as u64 / step as u64 > MAX_STEPS {
            let wanted = format!(
                "exceeded maximum resolution of {MAX_STEPS} points per timeseries; take a longer step"
            );
            return Err(Refusal::parameter("step", &wanted));
        }
        Ok(Window { start, end, step })
    }

    /// A time in RFC 3339 or in Unix seconds, as milliseconds.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let seconds = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let time = match seconds {
            Some(seconds) => Some((seconds * 1e3).round().clamp(-FARTHEST, FARTHEST) as i64),
            None => text.parse().ok().map(Timestamp::as_millisecond),
        };
        let shown = printable(text, 64);
        let wanted = format!("`{shown}` is no time in RFC 3339, nor in seconds since 1970");
        time.map(Some)
            .ok_or_else(|| Refusal::parameter(name, &wanted))
    }

    /// A duration in seconds, or with units such as `1h30m`.
    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let seconds = text.parse::<f64>().ok();
        let duration = match seconds {
            Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            None => with_units(text),
        };
        let shown = printable(text, 64);
        let wanted = format!("`{shown}` is no duration in seconds, nor one such as 1h30m");
        duration
            .map(Some)
            .ok_or_else(|| Refusal::parameter(name, &wanted))
    }

    /// How old a sample may be; as in Prometheus, none at all is as good as not given.
    pub(super) fn lookback(&self) -> Result<Option<Duration>, Refusal> {
        let given = self.duration("lookback_delta")?;
        Ok(given.filter(|one| !one.is_zero()))
    }

    /// How many results at most; 0 is no limit.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let Some(text) = self.get("limit") else {
            return Ok(usize::MAX);
        };
        match text.parse::<usize>() {
            Ok(0) => Ok(usize::MAX),
            Ok(limit) => Ok(limit),
            Err(_) => Err(Refusal::parameter("limit", "it must be a whole number")),
        }
    }

    /// The selectors of `match[]`, as they are written.
    pub(super) fn matches(&self) -> Result<Vec<&str>, Refusal> {
        let given = self.0.iter().filter(|(key, _)| key == "match[]");
        let given: Vec<&str> = given.map(|(_, text)| text.as_str()).collect();
        if given.len() > MAX_MATCHES {
            let wanted = format!("there are {} of it: at most {MAX_MATCHES}", given.len());
            return Err(Refusal::parameter("match[]", &wanted));
        }
        let patterns: usize = given.iter().map(|text| patterns_of(text)).sum();
        if patterns > MAX_PATTERNS {
            let message = format!(
                "the selectors have {patterns} regular expressions together: at most {MAX_PATTERNS}"
            );
            return Err(Refusal::from(QueryError::too_much(message)).of("match[]"));
        }
        Ok(given)
    }

    /// The stretch of time that is asked about: all of it, unless something else is said.
    pub(super) fn stretch(&self) -> Result<(i64, i64), Refusal> {
        let start = self.time("start")?.unwrap_or(i64::MIN);
        let end = self.time("end")?.unwrap_or(i64::MAX);
        if end < start {
            return Err(Refusal::parameter("end", "it must not be before start"));
        }
        Ok((start, end))
    }
}

/// A duration whose units become smaller, each of them at most once.
fn with_units(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (_, millis) = units.find(|(unit, _)| *unit == &rest[..letters])?;
        total = total.checked_add(number.checked_mul(*millis)?)?;
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(Duration::from_millis(total))
}

/// The wall clock, in milliseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Parameters {
        Parameters(vec![("x".to_owned(), text.to_owned())])
    }

    #[test]
    fn times_and_durations_are_read_as_prometheus_reads_them() {
        for (text, wanted) in [
            ("1700000000", Some(1_700_000_000_000)),
            ("1700000000.001", Some(1_700_000_000_001)),
            ("-1.5", Some(-1_500)),
            ("1e300", Some(9_007_199_254_740_992)),
            ("2023-11-14T22:13:20Z", Some(1_700_000_000_000)),
            ("2023-11-14T23:13:20.25+01:00", Some(1_700_000_000_250)),
            ("NaN", None),
            ("Inf", None),
            ("now", None),
            ("2023-11-14", None),
        ] {
            assert_eq!(one(text).time("x").ok().flatten(), wanted, "{text}");
        }
        for (text, wanted) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("1h30m", Some(5_400_000)),
            ("1d", Some(86_400_000)),
            ("1s5ms", Some(1_005)),
            ("30m1h", None),
            ("1h1h", None),
            ("-5", None),
            ("1e30", None),
            ("5parsecs", None),
            ("m", None),
            ("99999999999999y", None),
        ] {
            let read = one(text).duration("x").ok().flatten();
            let read = read.map(|duration| duration.as_millis());
            assert_eq!(read, wanted, "{text}");
        }
        assert!(matches!(one("").time("x"), Ok(None)));
    }
}
