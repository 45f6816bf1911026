//! The status page, a probe's page and the summary: what is on them, and what never gets onto them.

use probity::history::History;
use probity::http::Handles;
use probity::model::{Failure, ProbeState};
use probity::page::{Config, Exports, Moment, live, overview, probe};
use probity::snapshot::Snapshot;
use std::time::Instant;

use super::snapshots::ageless;
use super::stage::{
    HOSTILE, assert_harmless, busy, history, hostile, put_memory_limit, tags, unescaped,
};
use super::wire::{self, Answer, TestServer};

pub const HTML: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

/// A server with a history of what it shows.
pub fn staged(snapshot: Snapshot) -> TestServer {
    let past = history(&snapshot);
    TestServer::start_with(&wire::config(), Some(snapshot), |handles| Handles {
        history: Some(past),
        ..handles
    })
}

pub fn assert_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
    assert!(!policy.contains("unsafe"), "{policy}");
    // `no-referrer` would make a form's Origin null, which is refused.
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_harmless(answer.text());
}

/// Renders the page without a server.
pub fn page(snapshot: &Snapshot, past: Option<&History>) -> String {
    let view = past.map(History::view);
    let moment = Moment {
        snapshot,
        history: view.as_deref(),
        now: Instant::now(),
        live_failures: &[],
        can_act: true,
        config: &Config::default(),
        exports: Exports::default(),
    };
    overview(&moment, None).unwrap()
}

#[tokio::test]
async fn sections_stand_in_the_order_in_which_an_operator_asks() {
    let server = staged(busy(1));
    let answer = server.get_with("/", HTML).await;
    assert_page(&answer, 200);
    let sections: Vec<String> = tags(answer.text())
        .into_iter()
        .filter(|tag| tag.name == "section")
        .map(|tag| tag.get("id").unwrap().to_owned())
        .collect();
    let wanted = [
        "overall",
        "attention",
        "vitals",
        "probes",
        "watched",
        "checks",
        "activity",
        "errors",
        "history",
        "exports",
        "cost",
    ];
    assert_eq!(sections, wanted);
    let text = answer.text();
    let after = |section: &str| {
        let begin = text.find(&format!("<section id=\"{section}\"")).unwrap();
        &text[begin..begin + text[begin..].find("</section>").unwrap()]
    };
    for (section, words) in [
        ("overall", "5 things need attention"),
        ("attention", "98 % used"),
        ("attention", "<code>df -h</code>"),
        ("attention", "probity inspect broken.wasm"),
        ("attention", "probity test crashing.wasm"),
        (
            "attention",
            "the new file does not run, the one before does",
        ),
        ("vitals", "12.5\u{202f}%"),
        ("vitals", "2.00\u{202f}GiB of 8.00\u{202f}GiB"),
        ("vitals", "250\u{202f}µs"),
        ("probes", "href=\"/probes/files\""),
        ("probes", "1 dormant"),
        ("watched", "the main process was killed"),
        ("watched", "1.50\u{202f}GiB"),
        ("checks", "collector says pass"),
        ("activity", "generation 2 runs"),
        ("activity", ">16<"),
        ("errors", "0: crashing!collect"),
        ("history", "the first samples"),
        ("exports", "href=\"/metrics\""),
        ("cost", "30.0\u{202f}MiB"),
    ] {
        assert!(
            after(section).contains(words),
            "{section}: {words}\n{}",
            after(section)
        );
    }
    assert!(!after("errors").contains("no server to look at"));
    server.stop().await;
}

#[tokio::test]
async fn every_link_answers() {
    let server = staged(ageless(hostile()));
    let mut seen = std::collections::BTreeSet::new();
    let encoded: String = HOSTILE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for path in [
        "/",
        "/probes/crashing",
        "/status",
        &format!("/probes/{encoded}"),
    ] {
        let answer = server.get_with(path, HTML).await;
        assert_page(&answer, 200);
        let all = tags(answer.text());
        let ids: Vec<&str> = all.iter().filter_map(|tag| tag.get("id")).collect();
        let links = all
            .iter()
            .filter_map(|tag| tag.get("href").or(tag.get("src")));
        for link in links.map(unescaped) {
            let (address, fragment) = link.split_once('#').unwrap_or((&link, ""));
            if address.is_empty() {
                assert!(ids.contains(&fragment), "{path}: #{fragment}");
            } else if address.starts_with('/') && seen.insert(address.to_owned()) {
                let answer = server.get(address).await;
                assert_eq!(answer.status, 200, "{path}: {address}");
            }
        }
    }
    assert!(seen.len() > 15, "{seen:?}");
    server.stop().await;
}

#[tokio::test]
async fn g43_hostile_words_stay_text() {
    let server = staged(hostile());
    let encoded: String = HOSTILE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let own = format!("/probes/{encoded}");
    for path in ["/", "/probes/crashing", &own, "/status"] {
        let answer = server.get_with(path, HTML).await;
        assert_page(&answer, 200);
        assert!(!answer.text().contains("alert(1)</script>"), "{path}");
        let scripts = answer.text().matches("<script").count();
        assert!(scripts <= 1, "{path}");
    }
    let page = server.get_with(&own, HTML).await;
    assert!(page.text().contains("alert(1)"), "it is shown, as text");
    let unknown = server.get_with("/probes/%3Cscript%3Ealert(1)", HTML).await;
    assert_page(&unknown, 404);
    assert!(unknown.text().contains("There is no probe"));
    // Its values come as JSON, and are put into the page as text.
    let frame = server
        .get(&format!("/page/live?probe={encoded}"))
        .await
        .json();
    let values = frame["values"].as_object().unwrap();
    assert!(
        values
            .values()
            .any(|value| value.as_str().unwrap().contains("</script>"))
    );
    server.stop().await;
}

#[test]
fn values_change_and_the_shape_stays_until_the_structure_changes() {
    let first = busy(1);
    let past = history(&first);
    let shape = |page: &str| live(page)["shape"].clone();
    let page_of = |snapshot: &Snapshot| page(snapshot, Some(&past));
    let mut second = busy(2);
    second.timestamp += std::time::Duration::from_secs(100);
    let mut files = (*second.probes[0]).clone();
    files.status.runs = 4711;
    files.status.memory_bytes = Some(1 << 20);
    second.probes[0] = std::sync::Arc::new(files);
    let (one, two) = (page_of(&first), page_of(&second));
    assert_eq!(shape(&one), shape(&two));
    let frame = live(&two);
    assert_eq!(frame["values"]["p0.n"], "4\u{202f}711", "{frame:#}");
    assert_eq!(frame["states"]["p0.s"], "pass");
    // One bar for its two ticks, at the end; what was before is not known.
    assert_eq!(frame["paths"]["p0.b2"], "M236 8h4");
    assert_eq!(frame["paths"]["p0.b0"], "M0 8h236");
    assert_eq!(frame["values"]["p0.u"], "100\u{202f}%");
    second.probes.pop();
    assert_ne!(shape(&page_of(&second)), shape(&one));
    assert_ne!(shape(&page(&first, None)), shape(&one));
}

#[tokio::test]
async fn a_frame_is_of_the_page_that_was_loaded() {
    let server = staged(ageless(busy(7)));
    for (page, frame) in [
        ("/", "/page/live"),
        ("/probes/files", "/page/live?probe=files"),
    ] {
        let loaded = server.get_with(page, HTML).await;
        let body = tags(loaded.text());
        let body = body.iter().find(|tag| tag.name == "body").unwrap();
        assert_eq!(body.get("data-live"), Some(frame));
        let frame = server.get(frame).await;
        assert_eq!(frame.header("content-type"), Some("application/json"));
        let tag = frame.header("etag").unwrap().to_owned();
        let frame = frame.json();
        assert_eq!(frame["shape"], body.get("data-shape").unwrap());
        assert_eq!(
            (&frame["sequence"], &frame["age_ms"]),
            (&7.into(), &0.into())
        );
        let known = format!("If-None-Match: {tag}\r\n");
        let again = server
            .get_with(body.get("data-live").unwrap(), &known)
            .await;
        assert_eq!(again.status, 304);
    }
    assert_eq!(server.get("/page/live?probe=nobody").await.status, 404);
    assert_eq!(server.get("/page/live?probe=a&probe=b").await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn without_a_history_there_are_no_charts_and_the_page_says_so() {
    let server = super::server(busy(1));
    for path in ["/", "/probes/files"] {
        let answer = server.get_with(path, HTML).await;
        assert_page(&answer, 200);
        assert!(answer.text().contains("history.enabled"), "{path}");
        assert!(!answer.text().contains("class=\"heart\""), "{path}");
    }
    server.stop().await;
}

#[test]
fn what_applications_do_is_shown_by_words_and_numbers() {
    let html = page(&busy(1), None);
    for words in [
        ">overdue<",
        "42.0\u{202f}s",
        "mail.send: mail.send",
        "Wait p95",
        "Sessions open",
    ] {
        assert!(html.contains(words), "{words}");
    }
}

#[test]
fn memory_is_told_of_the_limit_that_binds() {
    for (limit, words) in [
        (
            4 << 30,
            "1.00\u{202f}GiB of 4.00\u{202f}GiB · control group",
        ),
        // A limit above the machine's memory limits nothing.
        (99 << 30, "2.00\u{202f}GiB of 8.00\u{202f}GiB · machine"),
    ] {
        let mut shown = busy(1);
        put_memory_limit(&mut shown, limit);
        let html = page(&shown, None);
        assert!(html.contains(words), "{words}");
    }
}

#[test]
fn where_nothing_was_told_the_activity_has_no_tables_of_it() {
    let mut shown = busy(1);
    shown.facts.activity = None;
    shown.operations = std::sync::Arc::default();
    let html = page(&shown, None);
    for words in [
        "Under way",
        "By name",
        ">Pools<",
        ">Queues<",
        "Sessions open",
        "Ended last",
    ] {
        assert!(!html.contains(words), "{words}");
    }
    assert!(html.contains("No operations yet"));
}

#[test]
fn a_probes_page_shows_what_it_may_and_what_it_tried() {
    let snapshot = busy(1);
    let past = history(&snapshot);
    let moment = Moment {
        snapshot: &snapshot,
        history: Some(&past.view()),
        now: Instant::now(),
        live_failures: &[],
        can_act: false,
        config: &Config::default(),
        exports: Exports::default(),
    };
    let page = probe(&moment, "crashing", None).unwrap().unwrap();
    for words in [
        "TCP to 127.0.0.1:25",
        "grant = { tcp = [&#34;127.0.0.1:25&#34;] }",
        "1: crashing!run",
        "grants.more",
        "trap.unreachable",
        "blake3:0000",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(!page.contains("<form"), "nothing can be done here");
    assert!(probe(&moment, "nobody", None).unwrap().is_none());
}

/// `busy` with further failures of its crashing probe, the last one three times.
fn troubled() -> Snapshot {
    let mut shown = busy(1);
    let crashing = shown
        .probes
        .iter()
        .position(|one| &*one.identity.name == "crashing");
    let crashing = crashing.unwrap();
    let mut view = (*shown.probes[crashing]).clone();
    let now = view.status.last_error.as_ref().unwrap().1;
    for (code, message) in [
        ("limits.cpu", "1 s of CPU time are allowed"),
        ("unavailable", "no answer"),
        ("unavailable", "no answer"),
        ("unavailable", "no answer"),
    ] {
        let failure = std::sync::Arc::new(Failure::new(code, message));
        view.status.count_failure(failure, now);
    }
    shown.probes[crashing] = std::sync::Arc::new(view);
    shown
}

#[tokio::test]
async fn the_errors_before_the_last_are_shown_too_with_how_often_they_were() {
    let server = staged(troubled());
    for path in ["/", "/probes/crashing"] {
        let answer = server.get_with(path, HTML).await;
        assert_page(&answer, 200);
        let text = answer.text();
        let errors = &text[text.find("<section id=\"errors\"").unwrap()..];
        let errors = &errors[..errors.find("</section>").unwrap()];
        let mut last = 0;
        for words in [
            "no answer",
            "3 times, first now",
            "1 s of CPU time are allowed",
            "trap.unreachable",
        ] {
            let at = errors.find(words);
            let at = at.unwrap_or_else(|| panic!("{path}: {words}\n{errors}"));
            assert!(at > last, "{path}: {words} stands too early\n{errors}");
            last = at;
        }
    }
    let told = server.get("/api/v1/probes/crashing").await.json();
    let errors = told["recent_errors"].as_array().unwrap();
    let told: Vec<_> = errors
        .iter()
        .map(|one| {
            (
                one["code"].as_str().unwrap(),
                one["count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("unavailable", 3),
            ("limits.cpu", 1),
            ("trap.unreachable", 1)
        ]
    );
    for key in ["message", "first", "timestamp"] {
        assert!(errors[0][key].is_string(), "{key}: {}", errors[0]);
    }
    server.stop().await;
}

#[tokio::test]
async fn before_the_first_snapshot_the_page_says_so_and_asks_again() {
    let server = TestServer::start(&wire::config(), None);
    let answer = server.get_with("/", HTML).await;
    assert_page(&answer, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    // Slowly without a script; with it the page looks itself, and a reader is not thrown back to its top.
    let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>";
    assert!(answer.text().contains(refresh), "{}", answer.text());
    assert_eq!(answer.text().matches("http-equiv").count(), 1);
    let all = tags(answer.text());
    let script = all.iter().find(|tag| tag.name == "script").unwrap();
    assert_eq!(server.get(script.get("src").unwrap()).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_summary_says_of_when_it_is_and_looks_again() {
    let server = staged(busy(1));
    let text = server.get_with("/status", HTML).await.text().to_owned();
    let first = &text[text.find("<section id=\"overall\"").unwrap()..];
    let first = &first[..first.find("</section>").unwrap()];
    assert!(first.contains("As of <time datetime=\"20"), "{first}");
    let body = tags(&text);
    let body = body.iter().find(|tag| tag.name == "body").unwrap();
    assert_eq!(body.get("data-again"), Some("60"));
    let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"60\"></noscript>";
    assert!(text.contains(refresh), "{text}");
    server.stop().await;
}

/// What old data is made to look like keeps its words readable: axe-core sees no opacity of what lies around a text.
#[tokio::test]
async fn nothing_with_words_in_it_is_faded() {
    let server = staged(busy(1));
    let style = server.get("/page/page.css").await.text().to_owned();
    let pictures = [".lost main svg {", ".tip::after {", "  @keyframes pulse {"];
    for rule in style.lines().filter(|line| line.contains("opacity:")) {
        let of_a_picture = pictures.iter().any(|start| rule.starts_with(start));
        assert!(of_a_picture, "{rule}");
    }
    assert!(style.contains(".lost main svg { opacity"), "{style}");
    server.stop().await;
}

#[tokio::test]
async fn only_what_is_switched_on_is_among_the_exports() {
    let server = staged(busy(1));
    let text = server.get_with("/", HTML).await.text().to_owned();
    assert!(!text.contains("/api/v1/events") && !text.contains("/api/v1/backups"));
    server.stop().await;
    let snapshot = busy(1);
    let config = Config::default();
    let moment = Moment {
        snapshot: &snapshot,
        history: None,
        now: Instant::now(),
        live_failures: &[],
        can_act: true,
        config: &config,
        exports: Exports {
            events: true,
            backups: true,
            snapshots: true,
        },
    };
    let html = overview(&moment, None).unwrap();
    for address in ["events", "runs", "kinds", "snapshots", "backups"] {
        let link = format!("<a href=\"/api/v1/{address}\">");
        assert!(html.contains(&link), "{address}");
    }
}

#[tokio::test]
async fn an_old_snapshot_looks_as_old_as_it_is() {
    let mut old = busy(1);
    old.published = Instant::now() - std::time::Duration::from_secs(60);
    let server = staged(old);
    let answer = server.get_with("/", HTML).await;
    let state = tags(answer.text());
    let mut state = state
        .iter()
        .filter(|tag| tag.get("data-s") == Some("age.s"));
    assert_eq!(state.next().unwrap().get("data-state"), Some("lost"));
    assert!(answer.text().contains("the newest snapshot is 6"));
    server.stop().await;
}

/// A snapshot is made each second, whatever is in it.
#[tokio::test]
async fn a_new_snapshot_of_old_values_looks_as_old_as_they_are() {
    let mut shown = busy(1);
    let mut machine = (*shown.sources[0]).clone();
    let mut stamp = Vec::new();
    for seconds in [1, 90] {
        shown.published = Instant::now();
        let read = shown.published - std::time::Duration::from_secs(seconds);
        machine.runs.last_success = Some(read);
        shown.sources[0] = std::sync::Arc::new(machine.clone());
        let server = staged(shown.clone());
        let answer = server.get_with("/", HTML).await;
        let all = tags(answer.text());
        let state = all.iter().find(|tag| tag.get("data-s") == Some("age.s"));
        let state = state.unwrap().get("data-state").unwrap().to_owned();
        let frame = server.get("/page/live").await.json();
        let value = |key: &str| frame["values"][key].as_str().unwrap().to_owned();
        stamp.push((state, value("age.of")));
        let late = server.get("/snapshot/scheduler").await.json()["late"].clone();
        let age = frame["age_ms"].as_u64().unwrap();
        let published = frame["published_ms"].as_u64().unwrap();
        match seconds {
            1 => assert!(
                age == published && late.is_null(),
                "{age} {published} {late}"
            ),
            _ => {
                assert!(age >= 90_000 && published < age, "{age} {published}");
                assert!(late["age_ms"].as_f64().unwrap() >= 90_000.0, "{late}");
                assert_eq!(late["source"], "machine");
            }
        }
        server.stop().await;
    }
    let wanted = [("fresh", ""), ("old", "machine")];
    assert_eq!(
        stamp,
        wanted.map(|(state, of)| (state.to_owned(), of.to_owned()))
    );
}

#[test]
fn a_source_that_fails_or_answers_no_more_needs_attention() {
    let mut shown = busy(1);
    let now = Instant::now();
    let ended = |seconds| now.checked_sub(std::time::Duration::from_secs(seconds));
    let mut sources: Vec<_> = shown.sources.iter().map(|one| (**one).clone()).collect();
    sources[0].runs.last_success = ended(0);
    sources[0].failure = Some(std::sync::Arc::new(Failure::new(
        "proc.read",
        "no such file",
    )));
    sources[1].runs.runs = 7;
    sources[1].runs.last_success = ended(30);
    shown.sources = sources.into_iter().map(std::sync::Arc::new).collect();
    let html = page(&shown, None);
    for words in [
        "source machine",
        "proc.read: no such file",
        "source files",
        "no good run for longer than two intervals",
        "7 things need attention",
    ] {
        assert!(html.contains(words), "{words}");
    }
    // Who was told to wait does not lag.
    let mut paused = (*shown.probes[0]).clone();
    paused.status.state = ProbeState::Paused;
    shown.probes[0] = std::sync::Arc::new(paused);
    assert!(page(&shown, None).contains("6 things need attention"));
}
