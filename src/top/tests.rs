//! Whole pages in several sizes, keys, and what becomes of answers.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};

use super::draw;
use super::keys::{Order, press};
use super::page::Page;
use super::screen::{Deed, Overlay, Screen, Sort};
use super::{Settings, Top};
use crate::client::Instance;
use crate::model::Action;

fn document() -> Value {
    let probe = |name: &str, state: &str, p95: f64, memory: Option<u64>, error: Option<&str>| {
        json!({ "name": name, "state": state, "version": "1.2.0", "duration_p95_ms": p95, "memory_bytes": memory,
                "last_error": error.map(|message| json!({ "code": "x", "message": message })) })
    };
    json!({
        "timestamp": "2026-11-26T12:00:00.000Z",
        "age_ms": 120.0,
        "process": { "hostname": "box", "version": "0.1.0", "uptime_seconds": 11_530.4 },
        "resources": {
            "cpu": { "used_percent": 37.25 },
            "memory": { "used_percent": 61.5, "used_bytes": 5_368_709_120_u64 },
        },
        "scheduler": { "event_loop": { "lag": { "p99_seconds": 0.00125 } } },
        "probes": [
            probe("cgroups", "active", 1.5, Some(1_179_648), None),
            probe("files", "degraded", 0.25, Some(1_114_112), Some("/srv/queue cannot be read")),
            probe("git", "paused", 0.0, None, None),
            probe("http", "quarantined", 812.0, None, Some("limits.cpu: 1 s of CPU time are allowed\u{1b}[31m")),
            probe("sockets", "active", 0.75, Some(2_228_224), None),
        ],
        "health": { "status": "fail", "ready": true, "checks": [
            { "name": "collector", "status": "pass", "message": "every source answers" },
            { "name": "files/backlog", "status": "warn", "message": "120 files wait" },
            { "name": "http/site", "status": "fail", "message": "no answer from example.org" },
        ] },
        "operations": {
            "in_flight": 2,
            "overdue": [{ "id": "o-17", "name": "mail.send", "elapsed_ms": 42_000.0, "expected_ms": 30_000.0 }],
            "recent": [
                { "name": "probe.reload", "target": "http", "ended": "2026-11-26T11:59:58.123Z", "outcome": "failure",
                  "message": null, "error": { "code": "x", "message": "the trial run failed" } },
                { "name": "probe.pause", "target": "git", "ended": "2026-11-26T11:40:00.000Z", "outcome": "success",
                  "message": "paused", "error": null },
            ],
        },
    })
}

/// A screen that has had some answers; the last one came at the moment given back.
fn screen() -> (Screen, Instant) {
    let mut screen = Screen::new("127.0.0.1:7762", true);
    let now = Instant::now();
    for step in 0..20 {
        let mut document = document();
        document["resources"]["cpu"]["used_percent"] = json!(f64::from(step) * 5.0);
        screen.take(Page::read(&document), now);
    }
    screen.take(Page::read(&document()), now);
    (screen, now)
}

fn drawn(screen: &Screen, now: Instant, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw::page(frame, screen, now))
        .unwrap();
    terminal
}

/// What is to be read, line by line.
fn text(screen: &Screen, now: Instant, width: u16, height: u16) -> String {
    let buffer = drawn(screen, now, width, height).backend().buffer().clone();
    let rows = buffer.content().chunks(usize::from(width));
    let lines = rows.map(|row| {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

#[track_caller]
fn matches(drawn: &str, golden: &str) {
    assert!(drawn == golden, "it looks like this now:\n{drawn}");
}

#[test]
fn a_large_terminal_shows_everything() {
    let (screen, now) = screen();
    matches(
        &text(&screen, now, 120, 40),
        include_str!("golden/120x40.txt"),
    );
}

#[test]
fn a_small_terminal_shows_what_matters_most() {
    let (screen, now) = screen();
    matches(
        &text(&screen, now, 60, 20),
        include_str!("golden/60x20.txt"),
    );
    matches(&text(&screen, now, 20, 5), include_str!("golden/20x5.txt"));
}

#[test]
fn an_instance_that_does_not_answer_is_told_with_the_last_data_greyed() {
    let (mut screen, now) = screen();
    screen.lose("connection refused".into(), now + Duration::from_secs(3));
    screen.lose("connection refused".into(), now + Duration::from_secs(9));
    let later = now + Duration::from_secs(15);
    let page = text(&screen, later, 100, 14);
    let told = "✕ no answer for 12s, trying again: connection refused";
    assert!(page.contains(told), "{page}");
    assert!(page.contains("data 15.1 s old"), "{page}");
    assert!(page.contains("quarantined"), "{page}");
    let terminal = drawn(&screen, later, 100, 14);
    let buffer = terminal.backend().buffer();
    assert_eq!(buffer[(0, 0)].fg, Color::DarkGray);
    assert_eq!(buffer[(0, 1)].fg, Color::Red);
    assert_eq!(buffer[(0, 8)].fg, Color::DarkGray);
    screen.take(Page::read(&document()), later);
    assert!(!text(&screen, later, 100, 14).contains("no answer"));
}

#[test]
fn before_the_first_answer_it_says_what_it_does() {
    let mut screen = Screen::new("127.0.0.1:7762", true);
    let now = Instant::now();
    assert!(text(&screen, now, 80, 24).contains("… asking"));
    screen.lose("it wants a token: --token-file FILE".into(), now);
    assert!(text(&screen, now, 80, 24).contains("it wants a token"));
}

#[test]
fn without_colours_there_are_none_and_nothing_is_lost() {
    let (mut screen, now) = screen();
    screen.colour = false;
    let terminal = drawn(&screen, now, 120, 40);
    let cells = terminal.backend().buffer().content();
    let plain = |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
    assert!(cells.iter().all(plain));
    let chosen = cells
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::REVERSED));
    assert_eq!(chosen.count(), 120);
    matches(
        &text(&screen, now, 120, 40),
        include_str!("golden/120x40.txt"),
    );
}

#[test]
fn no_size_and_no_document_makes_it_panic() {
    let (mut full, now) = screen();
    let mut strange = Screen::new("x", true);
    strange.take(
        Page::read(
            &json!({ "probes": [{}, 1, null, { "name": 3 }], "health": [], "age_ms": -1e300 }),
        ),
        now,
    );
    let sizes = [0, 1, 2, 5, 12, 20, 60, 200];
    let draw_all = |screen: &Screen| {
        for width in sizes {
            for height in sizes {
                drawn(screen, now, width, height);
            }
        }
    };
    draw_all(&strange);
    draw_all(&full);
    full.overlay = Overlay::Help;
    draw_all(&full);
    full.overlay = Overlay::Confirm {
        probe: "x".repeat(500),
        action: Action::Reload,
    };
    draw_all(&full);
}

#[test]
fn what_a_guest_says_cannot_speak_to_the_terminal() {
    let (screen, now) = screen();
    let page = text(&screen, now, 250, 40);
    assert!(
        page.contains("allowed\\u{1b}[31m") || page.contains("allowed\\x1b[31m"),
        "{page}"
    );
    assert!(!page.contains('\u{1b}'));
}

fn pressed(screen: &mut Screen, code: KeyCode) -> Option<Order> {
    press(screen, KeyEvent::new(code, KeyModifiers::NONE))
}

#[test]
fn arrows_choose_a_probe_that_stays_chosen_whatever_the_order() {
    let (mut screen, now) = screen();
    let chosen = |screen: &Screen| screen.chosen.clone().unwrap();
    assert_eq!(chosen(&screen), "http");
    for (code, wanted) in [
        (KeyCode::Down, "files"),
        (KeyCode::Char('j'), "git"),
        (KeyCode::Up, "files"),
        (KeyCode::End, "sockets"),
        (KeyCode::Down, "sockets"),
        (KeyCode::PageUp, "http"),
        (KeyCode::Up, "http"),
        (KeyCode::Char('j'), "files"),
    ] {
        assert_eq!(pressed(&mut screen, code), None);
        assert_eq!(chosen(&screen), wanted, "{code:?}");
    }
    pressed(&mut screen, KeyCode::Char('s'));
    assert_eq!((screen.sort, screen.chosen_at()), (Sort::Name, Some(1)));
    pressed(&mut screen, KeyCode::Char('S'));
    assert_eq!(screen.chosen_at(), Some(3));
    // It is gone: the first is chosen.
    let mut without = document();
    without["probes"].as_array_mut().unwrap().remove(1);
    screen.take(Page::read(&without), now);
    assert_eq!(chosen(&screen), "sockets");
    screen.take(Page::read(&json!({})), now);
    assert_eq!(
        (pressed(&mut screen, KeyCode::Down), screen.chosen.clone()),
        (None, None)
    );
    assert_eq!(pressed(&mut screen, KeyCode::Char('p')), None);
    assert_eq!(screen.overlay, Overlay::Nothing);
}

#[test]
fn columns_sort_the_largest_first() {
    let (mut screen, _) = screen();
    let names = |screen: &Screen| {
        let probes = screen.probes();
        probes
            .iter()
            .map(|probe| probe.name.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names(&screen), "http files git cgroups sockets");
    for (sort, wanted) in [
        (Sort::Name, "cgroups files git http sockets"),
        (Sort::P95, "http cgroups sockets files git"),
        (Sort::Memory, "sockets cgroups files git http"),
        (Sort::State, "http files git cgroups sockets"),
    ] {
        pressed(&mut screen, KeyCode::Char('s'));
        assert_eq!((screen.sort, names(&screen).as_str()), (sort, wanted));
    }
}

#[test]
fn an_action_is_done_only_when_it_is_confirmed() {
    let (mut screen, now) = screen();
    for (key, action) in [
        ('p', Action::Pause),
        ('r', Action::Resume),
        ('R', Action::Reload),
        ('e', Action::Release),
    ] {
        for (answer, done) in [
            (KeyCode::Char('n'), false),
            (KeyCode::Esc, false),
            (KeyCode::Char('y'), true),
            (KeyCode::Enter, true),
        ] {
            assert_eq!(pressed(&mut screen, KeyCode::Char(key)), None);
            let page = text(&screen, now, 80, 24);
            assert!(page.contains(&format!("{action} http?")), "{page}");
            // Nothing else does anything meanwhile.
            assert_eq!(pressed(&mut screen, KeyCode::Down), None);
            let order = pressed(&mut screen, answer);
            let wanted = done.then(|| Order::Act {
                probe: "http".into(),
                action,
            });
            assert_eq!(order, wanted, "{key} {answer:?}");
            assert_eq!(screen.overlay, Overlay::Nothing);
        }
    }
    screen.note_begun("http", Action::Reload);
    assert!(text(&screen, now, 80, 24).contains("reload http …"));
    screen.note_deed(Deed {
        probe: "http".into(),
        action: Action::Reload,
        outcome: Err("it is paused (409)".into()),
    });
    assert!(text(&screen, now, 80, 24).contains("✕ reload http: it is paused (409)"));
}

#[test]
fn q_and_control_c_leave_and_help_goes_with_any_key() {
    let (mut screen, now) = screen();
    pressed(&mut screen, KeyCode::Char('?'));
    assert!(text(&screen, now, 80, 24).contains("sort by state"));
    pressed(&mut screen, KeyCode::Char('x'));
    assert_eq!(screen.overlay, Overlay::Nothing);
    assert_eq!(pressed(&mut screen, KeyCode::Char('q')), Some(Order::Leave));
    pressed(&mut screen, KeyCode::Char('p'));
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(press(&mut screen, control_c), Some(Order::Leave));
}

#[tokio::test]
async fn an_action_that_comes_while_another_is_under_way_is_refused_in_words() {
    let (screen, now) = screen();
    // Nobody answers there, so the first one stays under way.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut top = Top::new(Settings {
        instance: Instance::new(silent.local_addr().unwrap(), None),
        interval: Duration::from_secs(3600),
        colour: true,
    });
    top.screen = screen;
    let press = |top: &mut Top, keys: &str| {
        for key in keys.chars() {
            let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
            assert!(!top.handle_key(key));
        }
        text(&top.screen, now, 100, 24)
    };
    let page = press(&mut top, "py");
    assert!(page.contains("pause http …"), "{page}");
    let page = press(&mut top, "Ry");
    let told = "✕ reload http: not done, the action before is still under way";
    assert!(page.contains(told), "{page}");
}

#[test]
fn a_source_that_is_late_is_named_with_its_age() {
    let (mut screen, now) = screen();
    let mut document = document();
    document["scheduler"]["late"] = json!({ "source": "disk\u{1b}", "age_ms": 31_000.0 });
    screen.take(Page::read(&document), now);
    let page = text(&screen, now + Duration::from_secs(1), 100, 14);
    assert!(page.contains("data 32.0 s old (disk\\u{1b})"), "{page}");
    let terminal = drawn(&screen, now, 100, 14);
    let cells = terminal.backend().buffer().content();
    let at = page.find("data").unwrap();
    assert_eq!(cells[page[..at].chars().count()].fg, Color::Yellow);
}
