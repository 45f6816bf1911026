//! Numbers, thresholds and troubles in words.

use std::fmt::Display;

use probity_sdk::config::{Ceiling, Quantity};
use probity_sdk::{Failure, Status, show};

/// A verdict and why.
pub type Judged = (Status, String);

/// A short time in words, such as `0.4 ms`, `120 ms` or `2.5 s`.
pub fn moment(seconds: f64) -> String {
    match seconds {
        0.0..0.01 => format!("{} ms", show::number((seconds * 1e4).round() / 10.0)),
        0.01..1.0 => format!("{} ms", (seconds * 1e3).round() as u64),
        _ => show::seconds(seconds),
    }
}

/// The first 60 characters: what a server says goes into labels, which have a longest length.
pub fn short(text: &str) -> &str {
    match text.char_indices().nth(60) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

/// A number of things in words: `1 replica`, `2 replicas`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Why a target at `place` has no answer, in words; a failure for want of a grant names the place itself.
pub fn trouble(place: &impl Display, failure: &Failure) -> String {
    match failure.is_denied() {
        true => failure.message().into_owned(),
        false => format!("{place}: {}", failure.message()),
    }
}

/// `words` of a server without the password that it was shown: servers repeat what they do not understand, and messages go further than
/// passwords may.
pub fn without(words: &str, password: &[u8]) -> String {
    match String::from_utf8_lossy(password).as_ref() {
        "" => words.to_owned(),
        password => words.replace(password, "(the password)"),
    }
}

/// The verdict on `value`, with `message` and the threshold that is crossed, if any: `message: warns from 5 s`. `show` tells a threshold.
pub fn held<Q: Quantity>(
    most: &Ceiling<Q>,
    value: f64,
    message: String,
    show: fn(f64) -> String,
) -> Judged {
    let status = most.judge(value);
    let crossed = match status {
        Status::Pass => None,
        Status::Warn => most.warn.map(|at| ("warns", at)),
        Status::Fail => most.fail.map(|at| ("fails", at)),
    };
    match crossed {
        None => (status, message),
        Some((verb, at)) => (
            status,
            format!("{message}: {verb} from {}", show(at.number())),
        ),
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::config::Seconds;

    use super::*;

    #[test]
    fn short_times_are_in_milliseconds() {
        for (seconds, shown) in [
            (0.0, "0 ms"),
            (0.000_44, "0.4 ms"),
            (0.0123, "12 ms"),
            (0.5, "500 ms"),
            (2.54, "2.5 s"),
        ] {
            assert_eq!(moment(seconds), shown);
        }
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(short("abc"), "abc");
        assert_eq!(short(&"é".repeat(61)), "é".repeat(60));
    }

    #[test]
    fn passwords_are_not_repeated() {
        assert_eq!(
            without("bad: `abc`, abc", b"abc"),
            "bad: `(the password)`, (the password)"
        );
        assert_eq!(without("bad \u{fffd}", b"\xff"), "bad (the password)");
        assert_eq!(without("bad", b""), "bad");
    }

    #[test]
    fn things_are_counted() {
        assert_eq!(count(0, "row"), "0 rows");
        assert_eq!(count(1, "row"), "1 row");
    }

    #[test]
    fn a_threshold_is_named_when_it_is_crossed() {
        let most = Ceiling {
            warn: Some(Seconds(0.1)),
            fail: Some(Seconds(2.0)),
        };
        let told = |value| held(&most, value, "it took long".into(), moment);
        assert_eq!(told(0.05), (Status::Pass, "it took long".into()));
        let warned = "it took long: warns from 100 ms".to_owned();
        assert_eq!(told(0.1), (Status::Warn, warned));
        let failed = "it took long: fails from 2 s".to_owned();
        assert_eq!(told(3.0), (Status::Fail, failed));
    }
}
