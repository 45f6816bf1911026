//! Status pages of web servers, and what is none.

use probity::model::ProbeState;

use super::stage::Stage;
use super::web::{
    WITHOUT_END, answering, dripping, endless, grant, http, page, silent, targets, url,
};

const NGINX: &str = include_str!("../../probes/webserver/fixtures/nginx");
const APACHE: &str = include_str!("../../probes/webserver/fixtures/apache");

#[tokio::test(flavor = "multi_thread")]
async fn both_pages_are_read() {
    let all = [page(NGINX).await, page(APACHE).await];
    let [nginx, apache] = all;
    let section = grant("http", "http://", &all)
        + &targets(&[
            ("nginx", url(nginx, ", capacity = 300")),
            ("apache", url(apache, "")),
            ("wrong", url(apache, ", kind = \"nginx\"")),
        ]);
    let stage = Stage::start("webserver", &section).await;
    for (check, status, words) in [
        ("nginx", "fail", "in use 97 %: fails from 95 %"),
        ("apache", "pass", "3 of 50 workers busy, in use 6 %"),
        ("wrong", "fail", "not what nginx's `stub_status` looks like"),
    ] {
        stage.until_check(check, status, words).await;
    }
    for (series, value) in [
        ("webserver_requests_total{target=\"nginx\"}", 31_070_465.0),
        ("webserver_connections_dropped_total{target=\"nginx\"}", 2.0),
        (
            "webserver_connections{target=\"nginx\",state=\"waiting\"}",
            106.0,
        ),
        (
            "webserver_workers{target=\"apache\",state=\"sending\"}",
            2.0,
        ),
        ("webserver_sent_bytes_total{target=\"apache\"}", 5_814_272.0),
        ("webserver_up{target=\"wrong\"}", 0.0),
    ] {
        stage.until_value(series, |found| found == value).await;
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hostile_server_hides_another_one() {
    let all = [
        silent().await,
        answering(http("200 OK", "", "<!DOCTYPE html>")).await,
        endless(WITHOUT_END.as_bytes(), b"Active connections: ").await,
        dripping(WITHOUT_END.as_bytes(), NGINX).await,
        answering(http("403 No", "", "")).await,
        page(NGINX).await,
    ];
    let [silent, html, endless, dripping, closed, well] = all;
    let section = grant("http", "http://", &all)
        + &targets(&[
            ("silent", url(silent, ", timeout = \"1s\"")),
            ("html", url(html, "")),
            ("endless", url(endless, "")),
            ("dripping", url(dripping, "")),
            ("closed", url(closed, "")),
            ("well", url(well, "")),
        ]);
    let stage = Stage::start("webserver", &section).await;
    for (check, status, words) in [
        ("well", "pass", "291 connections"),
        ("silent", "fail", "no answer within 1 s"),
        ("html", "fail", "a page for people"),
        ("endless", "fail", "the page has more than 64 KiB"),
        ("dripping", "fail", ""),
        ("closed", "fail", "403, not 200"),
    ] {
        stage.until_check(check, status, words).await;
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_page_it_says_what_to_add() {
    let stage = Stage::start("webserver", "").await;
    let told = stage.until_state(ProbeState::Dormant).await;
    assert!(told.contains("config.targets = [{ name = "), "{told}");
    stage.stop().await;
}
