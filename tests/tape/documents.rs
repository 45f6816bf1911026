//! Tapes that are none, that are another probe's, and that somebody has edited.

use probity::probe::{Tape, TapeDocument, TapeError};

use crate::scene::{REACH, record, replay, run, section, try_load};

/// Why a text is no tape.
fn fault(text: &str) -> TapeError {
    TapeDocument::parse(text).unwrap_err()
}

async fn tape() -> String {
    let settings = [("do", "resolve"), ("to", "10.0.0.1")];
    record(REACH, &section("reach", "", &settings), 1).await.1
}

#[tokio::test]
async fn a_tape_that_is_none_is_refused_with_the_place() {
    let text = tape().await;
    let cut = &text[..text.len() / 2];
    assert!(matches!(fault(cut), TapeError::NotJson(why) if why.contains("line")));
    assert!(matches!(fault("{\"version\": 1}"), TapeError::NotATape(_)));
    assert!(matches!(fault("[]"), TapeError::NotATape(_)));
    for end in 0..text.trim_end().len() {
        assert!(
            matches!(fault(&text[..end]), TapeError::NotJson(_)),
            "{end}"
        );
    }
    let newer = text.replace("\"probity_tape\": 1", "\"probity_tape\": 2");
    assert_eq!(fault(&newer), TapeError::Version(2));
}

#[tokio::test]
async fn a_wrong_field_is_told_with_its_place() {
    let text = tape().await;
    for (from, to, place, why) in [
        (
            "\"trigger\": \"test\"",
            "\"trigger\": \"whim\"",
            "runs[0].trigger",
            "must be schedule",
        ),
        (
            "\"ordinal\": 1",
            "\"ordinal\": -1",
            "runs[0].ordinal",
            "invalid",
        ),
        (
            "\"ordinal\": 1",
            "\"ordinal\": 1, \"colour\": 1",
            "runs[0].colour",
            "unknown field",
        ),
        (
            "\"random_seed\": \"",
            "\"random_seed\": \"z",
            "random_seed",
            "64 hexadecimal",
        ),
        (
            "\"log_lines\": 1000",
            "\"log_lines\": 0",
            "probe.limits.log_lines",
            "must be between",
        ),
        (
            "\"interval\": \"5s\"",
            "\"interval\": \"5\"",
            "probe.interval",
            "a duration",
        ),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let error = fault(&text.replacen(from, to, 1));
        let TapeError::Damaged(path, message) = &error else {
            panic!("{error:?}")
        };
        assert!(path == place && message.contains(why), "{error}");
        assert!(!error.next().is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_with_its_place() {
    let text = tape().await;
    for (source, answer) in [
        (
            "http",
            "{ \"method\": \"GET\", \"url\": \"http://a/\", \"status\": 7 }",
        ),
        (
            "http",
            "{ \"method\": \"GET\", \"url\": \"http://a/\", \"error\": \"Odd\" }",
        ),
        ("files", "{ \"ask\": \"open\", \"path\": \"/a\" }"),
        (
            "files",
            "{ \"ask\": \"open\", \"path\": \"/a\", \"error\": \"no-entrance\" }",
        ),
        ("tcp", "{ \"to\": \"a:1\", \"error\": \"refused\" }"),
        (
            "tcp",
            "{ \"to\": \"a:1\", \"said\": [{ \"after\": 2, \"data\": \"\" }, { \"after\": 1, \"data\": \"\" }] }",
        ),
    ] {
        let edited = text.replacen(
            "\"ordinal\": 1",
            &format!("\"ordinal\": 1, \"{source}\": [{answer}]"),
            1,
        );
        let error = fault(&edited);
        let place = format!("runs[0].{source}[0]");
        assert!(
            matches!(&error, TapeError::Damaged(path, _) if *path == place),
            "{error}"
        );
    }
}

#[test]
fn the_documented_example_is_a_tape() {
    let text = include_str!("../../docs/recording.md");
    let (_, example) = text.split_once("```json\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let document = TapeDocument::parse(example).unwrap();
    assert_eq!((document.probe(), document.runs()), ("web", 1));
}

#[tokio::test]
async fn a_tape_of_another_probe_is_refused() {
    let document = TapeDocument::parse(&tape().await).unwrap();
    let section = section("other", "", &[]);
    let refused = try_load(&Tape::replaying(document), REACH.as_ref(), &section)
        .err()
        .unwrap();
    assert_eq!(refused.code, "tape.other-probe");
    assert!(refused.message.contains("`reach`") && refused.message.contains("`other`"));
}

#[tokio::test]
async fn a_run_more_than_the_tape_has_fails() {
    let document = TapeDocument::parse(&tape().await).unwrap();
    assert_eq!((document.probe(), document.runs()), ("reach", 1));
    let section = document.section();
    let tape = Tape::replaying(document);
    let mut probe = try_load(&tape, REACH.as_ref(), &section).unwrap();
    let runs = run(&tape, &mut probe, 2).await;
    assert_eq!(runs.codes(), ["other", "tape.missing"]);
    assert!(runs.said()[1].contains("holds 1 run"), "{:?}", runs.said());
}

#[tokio::test]
async fn configuration_and_limits_are_those_of_the_tape() {
    let text = tape().await;
    let other = text.replace("\"to\": \"10.0.0.1\"", "\"to\": \"10.0.0.2\"");
    assert_eq!(replay(REACH, &other).await.said(), ["ok: 10.0.0.2"]);
    let tight = text.replace("\"host_calls\": 10000", "\"host_calls\": 1");
    let runs = replay(REACH, &tight).await;
    assert_eq!(runs.codes(), ["limits.host_calls"]);
    let outcome = &runs.differences[0][..2];
    assert_eq!(
        outcome,
        [
            "- outcome failed: other: ok: 10.0.0.1",
            "+ outcome failed: limits.host_calls"
        ]
    );
}

#[tokio::test]
async fn a_secret_that_is_too_short_to_be_kept_out_is_not_recorded() {
    let section = section(
        "reach",
        "reveal = [\"pin\"]",
        &[("do", "reveal"), ("to", "pin")],
    );
    let refused = try_load(&Tape::recording(None), REACH.as_ref(), &section)
        .err()
        .unwrap();
    assert_eq!(refused.code, "tape.unrecordable");
    assert!(refused.message.contains("`pin`") && !refused.message.contains("123"));
}

#[tokio::test]
async fn nothing_is_no_recording() {
    let tape = Tape::recording(None);
    assert_eq!(tape.recorded(), Err(TapeError::Empty));
    try_load(&tape, REACH.as_ref(), &section("reach", "", &[])).unwrap();
    assert_eq!(tape.recorded(), Err(TapeError::Empty));
    assert_eq!(Tape::default().recorded(), Err(TapeError::Empty));
}
