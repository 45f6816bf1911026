//! Apache's `server-status?auto` (its module mod_status): a line `KEY: VALUE` for each number.

use crate::Page;
use crate::page::count;

/// The scoreboard's letters.
const STATES: [(u8, &str); 11] = [
    (b'_', "waiting"),
    (b'S', "starting"),
    (b'R', "reading"),
    (b'W', "sending"),
    (b'K', "keepalive"),
    (b'D', "dns"),
    (b'C', "closing"),
    (b'L', "logging"),
    (b'G', "finishing"),
    (b'I', "idle_cleanup"),
    (b'.', "open"),
];

/// Reads the page.
///
/// # Errors
/// What it lacks.
pub fn read(page: &str) -> Result<Page, String> {
    let value = |key: &str| {
        let mut lines = page.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim))
    };
    let number = |key: &str| value(key).and_then(count);
    let board = value("Scoreboard").map(str::as_bytes);
    let workers = match board {
        Some(board) => scoreboard(board)?,
        None => Vec::new(),
    };
    let (Some(busy), Some(idle)) = (number("BusyWorkers"), number("IdleWorkers")) else {
        return Err("not what Apache's `server-status?auto` looks like: it has no BusyWorkers and IdleWorkers".to_owned());
    };
    let connections = [
        ("active", "ConnsTotal"),
        ("writing", "ConnsAsyncWriting"),
        ("waiting", "ConnsAsyncKeepAlive"),
        ("closing", "ConnsAsyncClosing"),
    ];
    let connections = connections.map(|(state, key)| Some((state, number(key)?)));
    Ok(Page {
        connections: connections.into_iter().flatten().collect(),
        requests: number("Total Accesses"),
        sent_bytes: number("Total kBytes").map(|kilobytes| kilobytes * 1024.0),
        uptime_seconds: number("ServerUptimeSeconds").or_else(|| number("Uptime")),
        busy: Some(busy),
        idle: Some(idle),
        workers,
        server: value("ServerVersion").map(|version| version.chars().take(128).collect()),
        ..Page::default()
    })
}

fn scoreboard(board: &[u8]) -> Result<Vec<(&'static str, f64)>, String> {
    let mut counts = STATES.map(|(_, state)| (state, 0.0));
    for letter in board {
        let place = STATES.iter().position(|(known, _)| known == letter);
        match place.and_then(|place| counts.get_mut(place)) {
            Some((_, count)) => *count += 1.0,
            None => {
                return Err(format!(
                    "Apache's scoreboard has an unknown letter `{}`",
                    char::from(*letter).escape_default()
                ));
            }
        }
    }
    Ok(counts.to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_page_is_read() {
        let status = read(include_str!("../fixtures/apache")).unwrap();
        assert_eq!(status.requests, Some(1234.0));
        assert_eq!(status.sent_bytes, Some(5678.0 * 1024.0));
        assert_eq!(status.uptime_seconds, Some(3661.0));
        assert_eq!((status.busy, status.idle), (Some(3.0), Some(47.0)));
        assert_eq!(status.server.as_deref(), Some("Apache/2.4.66 (Debian)"));
        let of = |state| {
            status
                .workers
                .iter()
                .find(|(one, _)| *one == state)
                .unwrap()
                .1
        };
        assert_eq!(
            (of("waiting"), of("sending"), of("reading"), of("open")),
            (47.0, 2.0, 1.0, 100.0)
        );
        assert_eq!(status.connections("active"), Some(5.0));
        assert_eq!(status.dropped(), None);
    }

    #[test]
    fn without_extended_status_there_are_no_totals() {
        let status = read("BusyWorkers: 1\nIdleWorkers: 4\nScoreboard: W____\n").unwrap();
        assert_eq!((status.requests, status.idle), (None, Some(4.0)));
        assert!(read("BusyWorkers: 1\nScoreboard: W____\n").is_err());
        assert!(read("BusyWorkers: x\nIdleWorkers: 4\n").is_err());
        let unknown = read("BusyWorkers: 1\nIdleWorkers: 4\nScoreboard: W_\u{7f}\n").unwrap_err();
        assert_eq!(
            unknown,
            "Apache's scoreboard has an unknown letter `\\u{7f}`"
        );
    }

    proptest! {
        #[test]
        fn every_worker_of_the_board_is_counted(board in "[_SRWKDCLGI.]{0,500}") {
            let counts = scoreboard(board.as_bytes()).unwrap();
            let sum: f64 = counts.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(sum, board.len() as f64);
        }
    }
}
