//! HTTP endpoints: as they should be, as they should not, and hostile.

use probity::model::ProbeState;

use super::stage::{PATIENT, Stage};
use super::web::{
    self, WITHOUT_END, answering, closing, dripping, endless, grant, page, silent, targets, url,
};

const LONG: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_judged_by_status_and_body() {
    let well = page("all is well").await;
    let moved = web::http("301 Moved", "location: https://elsewhere/\r\n", "");
    let moved = answering(moved).await;
    let broken = answering(web::http("503 No", "", "")).await;
    let section = grant("http", "http://", &[well, moved, broken])
        + &targets(&[
            ("well", url(well, ", expect_body = \"well\"")),
            ("otherwise", url(well, ", expect_absent = \"well\"")),
            ("moved", url(moved, "")),
            ("broken", url(broken, "")),
            ("expected", url(broken, ", expect_status = [\"2xx\", 503]")),
        ]);
    let stage = Stage::start("http", &section).await;
    for (check, status, words) in [
        ("well", "pass", "200, 11 B, in "),
        ("otherwise", "fail", "\"well\" is in the body"),
        ("moved", "fail", "301 to https://elsewhere/, not 2xx"),
        ("broken", "fail", "503, not 2xx"),
        ("expected", "pass", "503, 0 B, in "),
    ] {
        stage.until_check(check, status, words).await;
    }
    for (series, value) in [
        ("http_up{target=\"well\"}", 1.0),
        ("http_up{target=\"broken\"}", 0.0),
        ("http_status_code{target=\"broken\"}", 503.0),
        ("http_body_bytes{target=\"well\"}", 11.0),
    ] {
        stage.until_value(series, |found| found == value).await;
    }
    let count = "http_probe_duration_seconds_count{target=\"well\"}";
    stage.until_value(count, |count| count > 1.0).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hostile_server_hides_another_one() {
    let all = [
        silent().await,
        closing().await,
        answering("\u{0}\u{1}what?\r\n\r\n").await,
        endless(WITHOUT_END.as_bytes(), b"for ever ").await,
        dripping(LONG, "drip").await,
        dripping(b"HTTP/1.1 200 OK\r\nx: ", "y").await,
        answering(LONG).await,
        page("all is well").await,
    ];
    let [silent, closing, garbage, endless, dripping, head, cut, well] = all;
    let short = ", timeout = \"1s\"";
    let section = PATIENT.to_owned()
        + &grant("http", "http://", &all)
        + &targets(&[
            ("silent", url(silent, short)),
            ("closing", url(closing, short)),
            ("garbage", url(garbage, short)),
            ("endless", url(endless, ", expect_body = \"never\"")),
            ("dripping", url(dripping, ", timeout = \"8s\"")),
            ("head", url(head, short)),
            ("cut", url(cut, short)),
            ("denied", "url = \"http://127.0.0.2:1/\"".to_owned()),
            ("well", url(well, "")),
        ]);
    let stage = Stage::start("http", &section).await;
    for (check, status, words) in [
        ("well", "pass", "200, 11 B"),
        ("silent", "fail", "no answer within 1 s"),
        ("closing", "fail", "the connection broke off"),
        ("garbage", "fail", "the answer is not HTTP"),
        ("endless", "fail", "is not in the first 256 KiB of the body"),
        ("dripping", "fail", "the answer comes in too small pieces"),
        ("head", "fail", "no answer within 1 s"),
        ("cut", "fail", "no answer within 1 s"),
        (
            "denied",
            "fail",
            "grant = { http = [\"http://127.0.0.2:1\"] }",
        ),
    ] {
        stage.until_check(check, status, words).await;
    }
    let up = "http_up{target=\"well\"}";
    stage.until_value(up, |up| up == 1.0).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_are_down_leave_time_for_the_last() {
    let (silent, well) = (silent().await, page("all is well").await);
    let names: Vec<String> = (0..40).map(|place| format!("silent{place}")).collect();
    let mut list: Vec<(&str, String)> = names
        .iter()
        .map(|name| (name.as_str(), url(silent, "")))
        .collect();
    list.push(("well", url(well, "")));
    let section = grant("http", "http://", &[silent, well]) + &targets(&list);
    let stage = Stage::start("http", &section).await;
    stage.until_check("well", "pass", "200, 11 B").await;
    stage
        .until_check("silent39", "fail", "no answer within")
        .await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told() {
    let stage = Stage::start("http", "").await;
    let told = stage.until_state(ProbeState::Dormant).await;
    assert!(told.contains("config.targets = [{ name = "), "{told}");
    stage.stop().await;
    let section = targets(&[("a", "url = \"http://127.0.0.1:1/\"".to_owned())]);
    let stage = Stage::start("http", &section).await;
    let told = stage.until_state(ProbeState::Degraded).await;
    let line = "grant = { http = [\"http://127.0.0.1:1\"] }";
    assert!(told.contains(line), "{told}");
    stage.stop().await;
}
