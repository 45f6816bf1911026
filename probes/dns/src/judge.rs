//! An answer held against what the operator expects.

use probity_sdk::{Result, Status};
use targets::{held, moment, trouble};

use crate::{Answered, Data, Query, Rcode, Record};

/// Answers that a message shows at most.
const SHOWN: usize = 5;

/// What is thought of an answer.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    /// Whether it is the expected one, however long it took.
    pub is_as_expected: bool,
    /// With the time that it took.
    pub status: Status,
    /// Why.
    pub message: String,
}

/// Holds an answer, or why there is none, against what the query expects.
pub fn judge(query: &Query, answered: &Result<Answered>) -> Verdict {
    let server = &query.server;
    let fault = match answered {
        Err(failure) => Some(trouble(server, failure)),
        Ok(answered) => fault(query, answered),
    };
    match (fault, answered) {
        (None, Ok(answered)) => on_time(query, answered),
        (fault, _) => Verdict {
            is_as_expected: false,
            status: Status::Fail,
            message: fault.unwrap_or_default(),
        },
    }
}

/// What is not as expected.
fn fault(query: &Query, answered: &Answered) -> Option<String> {
    let (server, question, answer) = (&query.server, &query.question, &answered.answer);
    if answer.rcode != query.rcode {
        return Some(format!(
            "{server} answers {} for {:?}, not {}",
            answer.rcode, question.domain, query.rcode
        ));
    }
    let records = question.asked_for(answer);
    if (records.len() as u32) < query.least {
        let (kind, domain, count) = (question.kind, &question.domain, records.len());
        return Some(format!(
            "{server} knows {count} {kind} records of {domain}: fails below {}",
            query.least
        ));
    }
    let says = |data: &&Data| records.iter().any(|record| data_of(record) == Some(*data));
    let missing = query.expected.iter().find(|data| !says(data))?;
    Some(format!(
        "{server} answers {} for {}, without {missing}",
        shown(&records),
        question.domain
    ))
}

fn on_time(query: &Query, answered: &Answered) -> Verdict {
    let (server, domain) = (&query.server, &query.question.domain);
    let said = match query.rcode {
        Rcode::NO_ERROR => shown(&query.question.asked_for(&answered.answer)),
        rcode => rcode.to_string(),
    };
    let message = format!(
        "{server} answers {said} for {domain} in {}",
        moment(answered.seconds)
    );
    let (status, message) = held(&query.max_time, answered.seconds, message, moment);
    Verdict {
        is_as_expected: true,
        status,
        message,
    }
}

fn data_of(record: &Record) -> Option<&Data> {
    record.data.as_ref().map(|(_, data)| data)
}

/// What the records say, the first few of them.
fn shown(records: &[&Record]) -> String {
    let mut text = String::new();
    for (place, record) in records.iter().take(SHOWN).enumerate() {
        text.push_str(if place == 0 { "" } else { ", " });
        text.push_str(&data_of(record).map(ToString::to_string).unwrap_or_default());
    }
    match records.len() {
        0 => "nothing".to_owned(),
        count if count > SHOWN => format!("{text} and {} more", count - SHOWN),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::{Failure, config};

    use super::*;
    use crate::writing::{Reply, address, name};
    use crate::{Kind, Settings};

    fn query(more: &str) -> Query {
        let json = format!(
            r#"{{"queries":[{{"name":"q","server":"1.1.1.1","domain":"example.com"{more}}}]}}"#
        );
        config::parse::<Settings>(&json)
            .expect("it is right")
            .queries
            .0
            .remove(0)
    }

    /// The verdict on an answer with these addresses.
    fn verdict(query: &Query, code: u8, addresses: &[&str], seconds: f64) -> (Status, String) {
        let mut reply = Reply::to(&query.question, 1).code(code);
        for text in addresses {
            reply = reply.answer(&name("example.com"), Kind::A, 60, address(text));
        }
        let answer = query
            .question
            .answer(&reply.bytes())
            .expect("it is well formed");
        let verdict = judge(query, &Ok(Answered { answer, seconds }));
        (verdict.status, verdict.message)
    }

    #[test]
    fn an_answer_is_held_against_what_is_expected() {
        let two = ["192.0.2.1", "192.0.2.2"];
        for (more, code, addresses, status, message) in [
            (
                "",
                0,
                &two[..1],
                Status::Pass,
                "1.1.1.1:53 answers 192.0.2.1 for example.com in 20 ms",
            ),
            (
                "",
                2,
                &[],
                Status::Fail,
                "1.1.1.1:53 answers SERVFAIL for example.com, not NOERROR",
            ),
            (
                "",
                0,
                &[],
                Status::Fail,
                "1.1.1.1:53 knows 0 A records of example.com: fails below 1",
            ),
            (
                r#","min_answers":0"#,
                0,
                &[],
                Status::Pass,
                "1.1.1.1:53 answers nothing for example.com in 20 ms",
            ),
            (
                r#","expect_rcode":"NXDOMAIN""#,
                3,
                &[],
                Status::Pass,
                "1.1.1.1:53 answers NXDOMAIN for example.com in 20 ms",
            ),
            (
                r#","expect_rcode":"NXDOMAIN""#,
                0,
                &two,
                Status::Fail,
                "1.1.1.1:53 answers NOERROR for example.com, not NXDOMAIN",
            ),
            (
                r#","expect":["192.0.2.2"]"#,
                0,
                &two,
                Status::Pass,
                "1.1.1.1:53 answers 192.0.2.1, 192.0.2.2 for example.com in 20 ms",
            ),
            (
                r#","expect":["192.0.2.1", "192.0.2.9"]"#,
                0,
                &two,
                Status::Fail,
                "1.1.1.1:53 answers 192.0.2.1, 192.0.2.2 for example.com, without 192.0.2.9",
            ),
            (
                r#","max_time":{"warn":"10ms"}"#,
                0,
                &two[..1],
                Status::Warn,
                "1.1.1.1:53 answers 192.0.2.1 for example.com in 20 ms: warns from 10 ms",
            ),
        ] {
            assert_eq!(
                verdict(&query(more), code, addresses, 0.02),
                (status, message.to_owned()),
                "{more}"
            );
        }
    }

    #[test]
    fn many_answers_are_counted() {
        let addresses: Vec<String> = (1..9).map(|last| format!("192.0.2.{last}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let (_, message) = verdict(&query(""), 0, &addresses, 0.0);
        assert!(message.contains("192.0.2.5 and 3 more"), "{message}");
    }

    #[test]
    fn no_answer_fails() {
        let verdict = judge(
            &query(""),
            &Err(Failure::unavailable("no answer within 10 ms")),
        );
        assert_eq!(verdict.message, "1.1.1.1:53: no answer within 10 ms");
        assert!(!verdict.is_as_expected);
    }
}
