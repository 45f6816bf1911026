//! The verdict on one watch.

use probity_sdk::Status;
use probity_sdk::config::{Ceiling, Seconds};
use probity_sdk::files::Refused;

use crate::{Found, Survey, Watch};

/// A verdict and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Status,
    /// What was found, and what is wrong with it.
    pub message: String,
}

/// Judges a walk.
///
/// A folder that is not there fails: somebody watches it because there should be something in it. A walk that was cut
/// short warns, since its numbers mean nothing.
pub fn judge(watch: &Watch, survey: &Survey) -> Judgement {
    let path = watch.path.as_str();
    let (verdict, message) = match survey {
        Survey::Whole(found) => return judge_found(watch, found),
        Survey::TooMany { entries } => (
            Status::Warn,
            format!(
                "not measured: {path} has more than the {entries} names looked at; narrow the path, or raise max_entries and limits.deadline"
            ),
        ),
        Survey::Refused(Refused::Missing) => (Status::Fail, format!("{path} does not exist")),
        Survey::Refused(Refused::NotGranted) => (Status::Fail, format!("{path} is not granted")),
        Survey::Refused(Refused::Because(reason)) => (Status::Fail, format!("{path}: {reason}")),
    };
    Judgement { verdict, message }
}

fn judge_found(watch: &Watch, found: &Found) -> Judgement {
    let mut said = vec![
        watch.max_count.explain(found.count as f64),
        watch.max_bytes.explain(found.bytes as f64),
        age("newest", &watch.newest_max_age, found.newest_age),
        age("oldest", &watch.oldest_max_age, found.oldest_age),
    ];
    if found.count == 0 {
        // Nothing is not old. But where a new file is expected, there being none is as bad as it gets.
        said.pop();
        if watch.newest_max_age.is_set() {
            said[2] = (
                watch.newest_max_age.worst(),
                "there is no newest one".into(),
            );
        }
    }
    if found.unreadable > 0 {
        said.push((Status::Warn, format!("{} cannot be read", found.unreadable)));
    }
    let verdict = said
        .iter()
        .map(|(verdict, _)| *verdict)
        .max()
        .unwrap_or(Status::Pass);
    let parts: Vec<&str> = said
        .iter()
        .map(|(_, part)| part.as_str())
        .filter(|part| !part.is_empty())
        .collect();
    Judgement {
        verdict,
        message: parts.join(", "),
    }
}

fn age(which: &str, limit: &Ceiling<Seconds>, age: Option<f64>) -> (Status, String) {
    match age {
        None => (Status::Pass, String::new()),
        Some(age) => {
            let (verdict, message) = limit.explain(age);
            (verdict, format!("{which} {message}"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Settings;
    use probity_sdk::config;

    fn said(thresholds: &str, survey: &Survey) -> (Status, String) {
        let json = format!(r#"{{"watch":[{{"name":"w","path":"/b"{thresholds}}}]}}"#);
        let settings: Settings = config::parse(&json).unwrap();
        let judgement = judge(&settings.watch.0[0], survey);
        (judgement.verdict, judgement.message)
    }

    fn three() -> Survey {
        Survey::Whole(Found {
            count: 3,
            bytes: 3 << 20,
            newest_age: Some(90.0),
            oldest_age: Some(7200.0),
            unreadable: 0,
        })
    }

    #[test]
    fn without_thresholds_it_passes_and_tells() {
        let message = "3 files, 3 MiB, newest 1 min 30 s, oldest 2 h";
        assert_eq!(said("", &three()), (Status::Pass, message.into()));
        let none = Survey::Whole(Found::default());
        assert_eq!(said("", &none), (Status::Pass, "0 files, 0 B".into()));
    }

    #[test]
    fn each_threshold_counts_and_the_worst_wins() {
        for (thresholds, verdict, part) in [
            (
                r#","max_count":{"warn":3}"#,
                Status::Warn,
                "3 files: warns from 3 files,",
            ),
            (
                r#","max_bytes":{"fail":"1MiB"}"#,
                Status::Fail,
                "3 MiB: fails from 1 MiB,",
            ),
            (
                r#","newest_max_age":{"warn":"1m"}"#,
                Status::Warn,
                "newest 1 min 30 s: warns from 1 min,",
            ),
            (
                r#","oldest_max_age":{"fail":"1h"}"#,
                Status::Fail,
                "oldest 2 h: fails from 1 h",
            ),
            (
                r#","max_count":{"warn":1},"oldest_max_age":{"fail":"1h"}"#,
                Status::Fail,
                "fails from 1 h",
            ),
            (
                r#","max_count":{"warn":4},"oldest_max_age":{"fail":"3h"}"#,
                Status::Pass,
                "3 files,",
            ),
        ] {
            let (given, message) = said(thresholds, &three());
            assert_eq!(given, verdict, "{thresholds}");
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn no_file_is_as_bad_as_an_old_newest_one() {
        let none = Survey::Whole(Found::default());
        let newest = |table| said(&format!(r#","newest_max_age":{table}"#), &none);
        let message = "0 files, 0 B, there is no newest one";
        assert_eq!(newest(r#"{"fail":"1d"}"#), (Status::Fail, message.into()));
        assert_eq!(newest(r#"{"warn":"1d"}"#), (Status::Warn, message.into()));
        assert_eq!(
            said(r#","oldest_max_age":{"fail":"1d"}"#, &none).0,
            Status::Pass
        );
    }

    #[test]
    fn what_cannot_be_read_warns() {
        let survey = Survey::Whole(Found {
            unreadable: 2,
            ..Found::default()
        });
        assert_eq!(
            said("", &survey),
            (Status::Warn, "0 files, 0 B, 2 cannot be read".into())
        );
    }

    #[test]
    fn what_was_not_measured_does_not_pass() {
        let fail = |refused| said("", &Survey::Refused(refused));
        assert_eq!(
            fail(Refused::Missing),
            (Status::Fail, "/b does not exist".into())
        );
        assert_eq!(
            fail(Refused::NotGranted),
            (Status::Fail, "/b is not granted".into())
        );
        assert_eq!(
            fail(Refused::Because("a reason")),
            (Status::Fail, "/b: a reason".into())
        );
        let (verdict, message) = said("", &Survey::TooMany { entries: 7 });
        assert_eq!(verdict, Status::Warn);
        assert!(
            message.starts_with("not measured: /b has more than the 7 names"),
            "{message}"
        );
    }
}
