//! What is beside the page: its files, the summary for others, badges, the summary in text, and all of it switched off.

use probity::http::Handles;
use probity::model::{ProbeState, Status, WatchState};
use probity::page::Config;
use probity::snapshot::HealthReport;

use super::page::{HTML, assert_page, staged};
use super::snapshots::{ageless, check};
use super::stage::{busy, hostile, put_watches, tags, watch};
use super::wire::{self, TestServer};

#[tokio::test]
async fn files_are_small_and_kept_for_ever_under_their_own_address() {
    let server = staged(busy(1));
    let page = server
        .get_with("/", &format!("{HTML}Accept-Encoding: gzip\r\n"))
        .await;
    assert_eq!(page.header("content-encoding"), Some("gzip"));
    let mut transferred = page.body.len();
    let plain = server.get_with("/", HTML).await;
    let all = tags(plain.text());
    let style = all.iter().find(|tag| tag.get("rel") == Some("stylesheet"));
    let script = all.iter().find(|tag| tag.name == "script");
    let wanted = [
        (
            style.unwrap().get("href").unwrap(),
            "text/css; charset=utf-8",
        ),
        (
            script.unwrap().get("src").unwrap(),
            "text/javascript; charset=utf-8",
        ),
    ];
    for (address, media) in wanted {
        let file = server.get_with(address, "Accept-Encoding: gzip\r\n").await;
        assert_eq!(
            (file.status, file.header("content-type")),
            (200, Some(media))
        );
        let kept = Some("public, max-age=31536000, immutable");
        assert_eq!(file.header("cache-control"), kept, "{address}");
        transferred += file.body.len();
        let (path, _) = address.split_once('?').unwrap();
        for other in [path.to_owned(), format!("{path}?v=0")] {
            let file = server.get(&other).await;
            assert_eq!(file.header("cache-control"), Some("no-cache"), "{other}");
        }
    }
    assert!(transferred < 60 << 10, "{transferred} bytes");
    server.stop().await;
}

#[tokio::test]
async fn the_summary_for_others_tells_nothing_of_the_inside() {
    let mut shown = hostile();
    let mut checks = shown.health.checks.clone();
    checks[2].title = "Files in /srv/secret-path".into();
    checks[2].message = "postgres://user:secret-word@db/".into();
    shown.health = std::sync::Arc::new(probity::snapshot::HealthReport::new(checks));
    let server = staged(shown);
    let answer = server.get_with("/status", HTML).await;
    assert_page(&answer, 200);
    let text = answer.text();
    for shown in [
        "files/backlog",
        "collector",
        "crashing/evil",
        "3 of 4 checks do not pass",
    ] {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
    for hidden in [
        "secret",
        "alert",
        "98 % used",
        "says",
        "file.text",
        "wasm",
        "<form",
        "0.1.0",
        "trap",
    ] {
        assert!(!text.contains(hidden), "{hidden}\n{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn badges_say_a_label_and_a_state() {
    let server = staged(ageless(busy(1)));
    for (path, status, title) in [
        ("/badge/health.svg", 200, "health: fail"),
        ("/badge/check/disk.svg", 200, "disk: fail"),
        ("/badge/check/files/backlog.svg", 200, "files/backlog: warn"),
        ("/badge/probe/files.svg", 200, "files: active"),
        ("/badge/probe/crashing.svg?label=shop", 200, "shop: backoff"),
        (
            "/badge/health.svg?label=%3Cb%3E%22",
            200,
            "&#60;b&#62;&#34;: fail",
        ),
        ("/badge/probe/nobody.svg", 404, "nobody: unknown"),
        (
            "/badge/check/nothing/here.svg",
            404,
            "nothing/here: unknown",
        ),
    ] {
        let badge = server.get(path).await;
        assert_eq!(badge.status, status, "{path}");
        assert_eq!(
            badge.header("content-type"),
            Some("image/svg+xml"),
            "{path}"
        );
        assert_eq!(badge.header("cache-control"), Some("no-cache"), "{path}");
        let label = format!("aria-label=\"{title}\"");
        assert!(badge.text().contains(&label), "{path}: {}", badge.text());
        assert!(badge.text().contains(&format!("<title>{title}</title>")));
    }
    for (path, status) in [
        ("/badge/probe/files", 404),
        ("/badge/health.svg?colour=red", 400),
        ("/badge/health.svg?label=a&label=b", 400),
    ] {
        assert_eq!(server.get(path).await.status, status, "{path}");
    }
    server.stop().await;
    let before = TestServer::start(&wire::config(), None);
    let badge = before.get("/badge/health.svg").await;
    assert_eq!(badge.status, 503);
    assert!(badge.text().contains("health: unknown"));
    before.stop().await;
}

#[tokio::test]
async fn a_bot_gets_a_dozen_lines() {
    let server = staged(ageless(busy(9)));
    let answer = server.get("/snapshot?format=text").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let text = answer.text().replace('\u{202f}', " ");
    assert!((8..=14).contains(&text.lines().count()), "{text}");
    for line in [
        "[fail] disk: 98 % used · next: df -h",
        "[rejected] broken: file.text: a text file, not a component · next: probity inspect broken.wasm",
        "Processors: 12.5 % (2 on line · load 0.50  –  –)",
        "Probes: 1 rejected, 1 active, 1 backoff, 1 dormant",
        "Checks: 1 pass, 1 warn, 1 fail · ready",
        "Snapshot 9, 0.0 s old",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(
        server.get("/snapshot?format=json").await.json()["sequence"],
        9
    );
    for path in [
        "/snapshot?format=xml",
        "/snapshot?format=text&format=json",
        "/snapshot?format=text&fields=health",
        "/snapshot/health?format=text",
    ] {
        let refused = server.get(path).await;
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.json()["parameter"], "format", "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_switched_off_answers_404() {
    let off = Config {
        enabled: false,
        status: false,
        badges: false,
        public: false,
    };
    let server = TestServer::start_with(&wire::config(), Some(busy(1)), |handles| Handles {
        page: off,
        ..handles
    });
    for path in [
        "/",
        "/probes/files",
        "/status",
        "/page/live",
        "/page/page.css",
        "/page/page.js",
        "/badge/health.svg",
        "/badge/probe/files.svg",
    ] {
        let answer = server.get_with(path, HTML).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .contains("switched off")
        );
    }
    let mut client = server.connect().await;
    client
        .send("POST /probes/files/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 404);
    let index = server.get("/").await;
    assert_eq!(index.status, 200);
    assert!(!index.text().contains("/status"), "{}", index.text());
    assert_eq!(server.get("/snapshot?format=text").await.status, 200);
    server.stop().await;
}

/// A server that wants the token `word`, with the page as `page` has it.
fn guarded(page: Config) -> TestServer {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "word\n").unwrap();
    let config = probity::http::Config {
        token_file: Some(file.path().to_owned()),
        ..wire::config()
    };
    TestServer::start_with(&config, Some(busy(1)), |handles| Handles {
        page,
        ..handles
    })
}

/// `me:word`, as a browser sends it once a person has given the token.
const BASIC: &str = "Authorization: Basic bWU6d29yZA==\r\n";

#[tokio::test]
async fn with_a_token_pages_need_it_too() {
    let server = guarded(Config::default());
    for path in [
        "/",
        "/status",
        "/probes/files",
        "/page/live",
        "/page/page.css",
        "/page/page.js",
        "/badge/health.svg",
    ] {
        let any = if path == "/page/live" { "" } else { HTML };
        assert_eq!(server.get_with(path, any).await.status, 401, "{path}");
        for shown in ["Authorization: Bearer word\r\n", BASIC] {
            let known = format!("{any}{shown}");
            assert_eq!(server.get_with(path, &known).await.status, 200, "{path}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_browser_is_asked_for_the_token_and_a_person_reads_why() {
    let server = guarded(Config::default());
    let page = server.get_with("/", HTML).await;
    assert_eq!(page.status, 401);
    let media = |answer: &super::wire::Answer| answer.header("content-type").unwrap().to_owned();
    assert_eq!(media(&page), "text/plain; charset=utf-8");
    assert!(page.text().contains("as the password"), "{}", page.text());
    for accept in ["", "Accept: */*\r\n", "Accept: application/json\r\n"] {
        let program = server.get_with("/snapshot", accept).await;
        assert_eq!(media(&program), "application/problem+json", "{accept}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_public_needs_no_token_and_nothing_else_is() {
    let server = guarded(Config {
        public: true,
        ..Config::default()
    });
    let status = server.get_with("/status", HTML).await;
    assert_page(&status, 200);
    // All that it asks for, and no more.
    let tags = tags(status.text());
    let mut asked: Vec<&str> = tags
        .iter()
        .filter_map(|tag| tag.get("src").or(tag.get("href")))
        .filter(|address| address.starts_with('/'))
        .collect();
    asked.extend([
        "/badge/health.svg",
        "/badge/check/disk.svg",
        "/badge/probe/files.svg",
    ]);
    for address in asked {
        assert_eq!(server.get(address).await.status, 200, "{address}");
    }
    for path in [
        "/",
        "/status/",
        "/statusx",
        "/badge",
        "/page/live",
        "/probes/files",
        "/snapshot",
        "/badge/../snapshot",
        "/badge/%2e%2e/snapshot",
        "/health/detailed",
    ] {
        let answer = server.get(path).await;
        assert!(
            [401, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        assert!(
            !answer.text().contains("files"),
            "{path}: {}",
            answer.text()
        );
    }
    let badge = server.get("/badge/health.svg").await;
    let policy = "cross-origin-resource-policy";
    assert_eq!(badge.header(policy), Some("cross-origin"));
    assert_eq!(status.header(policy), Some("same-origin"));
    server.stop().await;
}

#[tokio::test]
async fn a_thousand_probes_are_a_page_still() {
    let mut shown = busy(1);
    for index in 0..1000 {
        let view = super::snapshots::probe_view(&format!("p{index}"));
        shown.probes.push(std::sync::Arc::new(view));
    }
    let server = staged(shown);
    let gzip = format!("{HTML}Accept-Encoding: gzip\r\n");
    let page = server.get_with("/", &gzip).await;
    assert!(page.body.len() < 60 << 10, "{} bytes", page.body.len());
    let page = server.get_with("/", HTML).await;
    // Those that are worst are shown, however many there are.
    for words in [
        "853 more that do no worse",
        "href=\"/probes/broken\"",
        "href=\"/probes/crashing\"",
    ] {
        assert!(page.text().contains(words), "{words}");
    }
    server.stop().await;
}

#[tokio::test]
async fn of_what_is_left_out_the_number_is_told_and_the_worst_is_shown() {
    let mut shown = busy(1);
    let mut watches: Vec<_> = (0..255)
        .map(|index| watch(&format!("w{index}"), WatchState::Sleeping))
        .collect();
    watches.push(watch("down", WatchState::Gone));
    put_watches(&mut shown, watches);
    for index in 0..160 {
        let mut view = super::snapshots::probe_view(&format!("idle{index}"));
        view.status.state = ProbeState::Dormant;
        shown.probes.push(std::sync::Arc::new(view));
    }
    let checks = (0..200).map(|index| check(&format!("c{index}"), Status::Pass, false));
    let checks = checks.chain([check("last", Status::Fail, false)]).collect();
    shown.health = std::sync::Arc::new(HealthReport::new(checks));
    let server = staged(shown);
    let page = server.get_with("/", HTML).await;
    for words in [
        ">down <",
        "And 106 more that do no worse, in <a href=\"/snapshot/resources/watched\"",
        "161 dormant",
        "And 11 more that are dormant",
        "And 51 more that do no worse, in <a href=\"/health/detailed\"",
    ] {
        assert!(page.text().contains(words), "{words}");
    }
    let status = server.get_with("/status", HTML).await;
    for words in ["<b>last</b>", "And 51 more that do no worse."] {
        assert!(status.text().contains(words), "{words}");
    }
    server.stop().await;
}
