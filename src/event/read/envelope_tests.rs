//! Times and trace contexts as they are taken, and as they are not.

use serde_json::json;

use super::tests::{read, refuses, with};

#[test]
fn times_are_of_this_world() {
    let ahead = |hours: i64| {
        let time = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        with("time", json!(time.to_string()))
    };
    assert!(read(&ahead(23).to_string()).is_ok());
    refuses(
        &ahead(25),
        &["event 0: /time: is more than a day ahead of this machine's clock"],
    );
    let before = "event 0: /time: is before the year 2000: the sender's clock is not set";
    refuses(&with("time", json!("1999-12-31T23:59:59Z")), &[before]);
    for time in [
        "2026-01-31",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "now",
        "2026-01-31T12:00:00+02:00[Europe/Berlin]",
    ] {
        let form =
            "event 0: /time: must be a time as RFC 3339 has it, such as 2026-01-31T12:00:00.25Z";
        refuses(&with("time", json!(time)), &[form]);
    }
    for time in [
        "2026-01-31t12:00:00z",
        "2026-01-31T12:00:00.123456789+05:30",
        "2000-01-01T00:00:00Z",
    ] {
        assert!(
            read(&with("time", json!(time)).to_string()).is_ok(),
            "{time}"
        );
    }
}

#[test]
fn a_traceparent_is_one() {
    let trace = |text: &str| read(&with("traceparent", json!(text)).to_string()).is_ok();
    let (id, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    assert!(trace(&format!("00-{id}-{span}-01")));
    assert!(trace(&format!("cc-{id}-{span}-01")));
    assert!(trace(&format!("cc-{id}-{span}-01-0a-ff")));
    for wrong in [
        format!("00-{id}-{span}-01-more"),
        format!("ff-{id}-{span}-01"),
        format!("00-{}-{span}-01", id.to_uppercase()),
        format!("00-{}-{span}-01", "0".repeat(32)),
        format!("00-{id}-{}-01", "0".repeat(16)),
        format!("00-{id}-{span}"),
        format!("cc-{id}-{span}-01-password=hunter2"),
        format!("cc-{id}-{span}-01-"),
        format!("cc-{id}-{span}-01-{}", "a".repeat(33)),
        String::new(),
    ] {
        assert!(!trace(&wrong), "{wrong}");
    }
}
