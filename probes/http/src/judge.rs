//! The verdict on one exchange.

use std::time::Duration;

use probity_sdk::http::{Exchange, Response};
use probity_sdk::{Failure, Status, show};

use crate::Target;

/// The longest place of a redirect that is shown, in characters.
const SHOWN: usize = 200;

/// How an exchange came out, in a word for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Good,
    /// With a status that is not expected.
    Status,
    /// With a body that is not.
    Body,
    /// So late that it fails.
    Slow,
    /// Without an answer.
    Unanswered,
    /// It may not be asked.
    Denied,
}

/// A verdict and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub status: Status,
    /// What came back, and what is wrong with it.
    pub message: String,
    /// The same in a word.
    pub outcome: Outcome,
}

impl Outcome {
    /// As a label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Status => "status",
            Self::Body => "body",
            Self::Slow => "slow",
            Self::Unanswered => "unanswered",
            Self::Denied => "denied",
        }
    }
}

/// Judges what came of asking a target.
pub fn judge(target: &Target, exchange: &Exchange) -> Judgement {
    match &exchange.answer {
        Ok(response) => judge_answer(target, response, exchange.took),
        Err(failure) => unanswered(failure),
    }
}

fn unanswered(failure: &Failure) -> Judgement {
    let outcome = match failure.is_denied() {
        true => Outcome::Denied,
        false => Outcome::Unanswered,
    };
    Judgement {
        status: Status::Fail,
        message: failure.message().into_owned(),
        outcome,
    }
}

fn judge_answer(target: &Target, response: &Response, took: Duration) -> Judgement {
    let fail = |outcome, message| Judgement {
        status: Status::Fail,
        message,
        outcome,
    };
    if !target.expect_status.contain(response.status) {
        return fail(Outcome::Status, wrong_status(target, response));
    }
    if let Some(message) = wrong_body(target, response) {
        return fail(Outcome::Body, message);
    }
    let (status, time) = target.max_time.explain(took.as_secs_f64());
    let bytes = show::bytes(response.body.len() as f64);
    let bytes = if response.is_cut {
        format!("more than {bytes}")
    } else {
        bytes
    };
    Judgement {
        status,
        message: format!("{}, {bytes}, in {time}", response.status),
        outcome: match status {
            Status::Fail => Outcome::Slow,
            _ => Outcome::Good,
        },
    }
}

fn wrong_status(target: &Target, response: &Response) -> String {
    let (status, expected) = (response.status, &target.expect_status);
    match response.header("location") {
        Some(location) if status / 100 == 3 => format!(
            "{status} to {}, not {expected}: redirects are not followed, so name the URL that is meant",
            place(location)
        ),
        _ => format!("{status}, not {expected}"),
    }
}

/// Where a redirect leads, without its query: that may repeat ours, with what the host has put in the place of secrets.
fn place(location: &str) -> String {
    let place = location.split(['?', '#']).next().unwrap_or_default();
    let shown: String = place.chars().take(SHOWN).collect();
    match shown.len() < location.len() {
        true => format!("{shown}…"),
        false => shown,
    }
}

fn wrong_body(target: &Target, response: &Response) -> Option<String> {
    let has = |text: &String| contains(&response.body, text.as_bytes());
    let read = if response.is_cut {
        format!(
            "the first {} of the body (`body_at_most`)",
            show::bytes(response.body.len() as f64)
        )
    } else {
        "the body".to_owned()
    };
    if let Some(text) = target.expect_body.as_ref().filter(|text| !has(text)) {
        return Some(format!("\"{text}\" is not in {read}"));
    }
    let absent = target.expect_absent.as_ref().filter(|text| has(text));
    absent.map(|text| format!("\"{text}\" is in the body"))
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::config;

    use super::*;
    use crate::Settings;

    fn said(target: &str, answer: probity_sdk::Result<Response>, took: f64) -> Judgement {
        let json = format!(r#"{{"targets":[{{"name":"a","url":"http://a"{target}}}]}}"#);
        let settings: Settings = config::parse(&json).unwrap();
        let exchange = Exchange {
            answer,
            took: Duration::from_secs_f64(took),
            first_byte: None,
        };
        judge(&settings.targets.0[0], &exchange)
    }

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.into(),
            is_cut: false,
        }
    }

    #[test]
    fn what_is_expected_passes_and_what_is_late_does_not() {
        let hello = || Ok(answer(200, "hello"));
        for (target, took, status, message, outcome) in [
            ("", 0.012, Status::Pass, "200, 5 B, in 12 ms", Outcome::Good),
            (
                "",
                1.0,
                Status::Warn,
                "200, 5 B, in 1 s: warns from 1 s",
                Outcome::Good,
            ),
            (
                r#","max_time":{}"#,
                2.5,
                Status::Pass,
                "200, 5 B, in 2.5 s",
                Outcome::Good,
            ),
            (
                r#","max_time":{"fail":"50ms"}"#,
                0.06,
                Status::Fail,
                "200, 5 B, in 60 ms: fails from 50 ms",
                Outcome::Slow,
            ),
            (
                r#","expect_body":"ell","expect_absent":"x""#,
                0.1,
                Status::Pass,
                "200, 5 B, in 100 ms",
                Outcome::Good,
            ),
        ] {
            let said = said(target, hello(), took);
            let expected = Judgement {
                status,
                message: message.into(),
                outcome,
            };
            assert_eq!(said, expected, "{target}");
        }
    }

    #[test]
    fn what_is_not_expected_fails_with_the_reason() {
        let mut moved = answer(301, "");
        moved.headers.push(("location".into(), "https://b/".into()));
        let mut repeats = answer(302, "");
        let login = "/login?next=/?key=a-secret".to_owned();
        repeats.headers.push(("location".into(), login));
        let mut cut = answer(200, "hel");
        cut.is_cut = true;
        for (target, answer, message, outcome) in [
            ("", answer(503, ""), "503, not 2xx", Outcome::Status),
            (
                r#","expect_status":[204]"#,
                answer(200, ""),
                "200, not 204",
                Outcome::Status,
            ),
            (
                "",
                moved,
                "301 to https://b/, not 2xx: redirects are not followed, so name the URL that is meant",
                Outcome::Status,
            ),
            (
                "",
                repeats,
                "302 to /login…, not 2xx: redirects are not followed, so name the URL that is meant",
                Outcome::Status,
            ),
            (
                r#","expect_body":"yes""#,
                answer(200, "no"),
                "\"yes\" is not in the body",
                Outcome::Body,
            ),
            (
                r#","expect_body":"hello""#,
                cut,
                "\"hello\" is not in the first 3 B of the body (`body_at_most`)",
                Outcome::Body,
            ),
            (
                r#","expect_absent":"error""#,
                answer(200, "an error"),
                "\"error\" is in the body",
                Outcome::Body,
            ),
        ] {
            let said = said(target, Ok(answer), 0.1);
            assert_eq!(
                (said.status, said.message.as_str(), said.outcome),
                (Status::Fail, message, outcome)
            );
        }
    }

    #[test]
    fn no_answer_fails_with_its_reason() {
        let silent = said(
            "",
            Err(Failure::unavailable("no answer within 3000 ms")),
            3.0,
        );
        assert_eq!(
            (silent.status, silent.outcome),
            (Status::Fail, Outcome::Unanswered)
        );
        assert_eq!(silent.message, "no answer within 3000 ms");
        let denied = said("", Err(Failure::denied("grant it")), 0.0);
        assert_eq!(
            (denied.status, denied.outcome),
            (Status::Fail, Outcome::Denied)
        );
    }
}
