//! Other endpoints' metrics, given out again; and endpoints that mean no good.

use std::fmt::Write as _;

use probity::model::ProbeState;

use super::stage::Stage;
use super::web::{
    self, WITHOUT_END, answering, closing, dripping, endless, grant, page, silent, targets, url,
};

const WELL: &str = "# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n\
    http_requests_total{code=\"200\"} 1027\nhttp_requests_total{code=\"500\"} 3\n\
    # TYPE wait_seconds histogram\nwait_seconds_bucket{le=\"1\"} 2\nwait_seconds_bucket{le=\"+Inf\"} 3\n\
    wait_seconds_sum 4.25\nwait_seconds_count 3\n# TYPE jobs_count gauge\njobs_count 7\n\
    build_info{version=\"1.2\",probe=\"x\"} 1\nexact 0.30000000000000004\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_given_out_again() {
    let address = page(WELL).await;
    let section = grant("http", "http://", &[address])
        + &targets(&[
            ("app", url(address, "")),
            (
                "some",
                url(
                    address,
                    ", keep = [\"http_*\", \"wait_seconds\"], drop = [\"*{code=\\\"5*\\\"}\"], buckets = true,
                       rename = [{ to = \"app_\" }]"
                        .replace('\n', " ")
                        .as_str(),
                ),
            ),
        ]);
    let stage = Stage::start("scrape", &section).await;
    stage
        .until_check("app", "pass", "7 of 9 samples, 2 left out (bucket 2)")
        .await;
    stage
        .until_check("some", "pass", "5 of 9 samples, 4 dropped by the rules")
        .await;
    for (series, value) in [
        ("http_requests_total{target=\"app\",code=\"500\"}", 3.0),
        ("wait_seconds_sum_total{target=\"app\"}", 4.25),
        ("wait_seconds_count_total{target=\"app\"}", 3.0),
        ("jobs_count_value{target=\"app\"}", 7.0),
        (
            "build_info{target=\"app\",exported_probe=\"x\",version=\"1.2\"}",
            1.0,
        ),
        ("exact{target=\"app\"}", 0.300_000_000_000_000_04),
        (
            "app_http_requests_total{target=\"some\",code=\"200\"}",
            1027.0,
        ),
        (
            "app_wait_seconds_bucket_total{target=\"some\",exported_le=\"1\"}",
            2.0,
        ),
        ("scrape_samples_read{target=\"app\"}", 9.0),
        ("scrape_samples_kept{target=\"some\"}", 5.0),
        ("scrape_left_out{target=\"app\",reason=\"bucket\"}", 2.0),
    ] {
        stage.until_value(series, |found| found == value).await;
    }
    let dropped = "app_http_requests_total{target=\"some\",code=\"500\"}";
    assert_eq!(stage.value(dropped).await, None);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hostile_endpoint_hides_another_one() {
    let mut many = String::new();
    for place in 0..100_000 {
        writeln!(many, "m{{i=\"{place}\"}} 1").unwrap();
    }
    let long = "x".repeat(1000);
    let mut wide = String::new();
    for place in 0..400 {
        writeln!(
            wide,
            "w{{a=\"{long}\",b=\"{long}\",c=\"{long}\",d=\"{place}\"}} 1"
        )
        .unwrap();
    }
    let all = [
        page(&many).await,
        page(&wide).await,
        page("a 1\na 2\nb{c=\"\\x\"} 1\nd_total NaN\nscrape_up 5\nprobity_up 5\n\u{1}\n").await,
        endless(WITHOUT_END.as_bytes(), b"m 1\n").await,
        dripping(WITHOUT_END.as_bytes(), "m 1\n").await,
        silent().await,
        closing().await,
        page("<html></html>").await,
        answering(web::http(
            "200 OK",
            "content-type: application/openmetrics-text\r\n",
            "a 1\n",
        ))
        .await,
        page(WELL).await,
    ];
    let names = [
        "many", "wide", "odd", "endless", "dripping", "silent", "closing", "html", "cut", "well",
    ];
    let list: Vec<(&str, String)> = names
        .iter()
        .zip(all)
        .map(|(name, address)| (*name, url(address, "")))
        .collect();
    let section = grant("http", "http://", &all) + &targets(&list);
    let stage = Stage::start("scrape", &section).await;
    for (check, status, words) in [
        ("well", "pass", "7 of 9 samples"),
        ("many", "warn", "of 100000 samples"),
        ("many", "warn", "cut at 83 series"),
        ("wide", "warn", "text "),
        (
            "odd",
            "warn",
            "1 of 5 samples, 6 left out (syntax 2, duplicate 1, value 1, name 2)",
        ),
        ("endless", "fail", "the answer has more than 1.6 MiB"),
        ("dripping", "fail", ""),
        ("silent", "fail", "no answer within"),
        ("closing", "fail", "the connection broke off"),
        ("html", "fail", "it is not Prometheus' text format"),
        ("cut", "fail", "it is not whole"),
    ] {
        stage.until_check(check, status, words).await;
    }
    let requests = "http_requests_total{target=\"well\",code=\"200\"}";
    stage.until_value(requests, |count| count == 1027.0).await;
    let left_out = "scrape_left_out{target=\"many\",reason=\"max_series\"}";
    stage.until_value(left_out, |count| count == 99_917.0).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_target_it_says_what_to_add() {
    let stage = Stage::start("scrape", "").await;
    let told = stage.until_state(ProbeState::Dormant).await;
    assert!(told.contains("config.targets = [{ name = "), "{told}");
    stage.stop().await;
}
