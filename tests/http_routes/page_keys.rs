//! What a page's script finds its places by.

use std::collections::HashSet;
use std::time::Instant;

use probity::history::History;
use probity::page::{Config, Exports, Moment, probe};
use probity::snapshot::Snapshot;

use super::page::page;
use super::stage::{history, hostile, tags};

/// A probe's own page.
fn page_of_probe(snapshot: &Snapshot, past: &History, name: &str) -> String {
    let moment = Moment {
        snapshot,
        history: Some(&past.view()),
        now: Instant::now(),
        live_failures: &[],
        can_act: true,
        config: &Config::default(),
        exports: Exports::default(),
    };
    probe(&moment, name, None).unwrap().unwrap()
}

#[test]
fn no_two_places_of_a_page_share_a_key() {
    let snapshot = hostile();
    let past = history(&snapshot);
    let whole = page(&snapshot, Some(&past));
    for section in [
        "1 dormant",
        "Watched processes",
        "Under way",
        "By name",
        ">Pools<",
        ">Queues<",
        "Ended last",
    ] {
        assert!(whole.contains(section), "{section}");
    }
    for html in [whole, page_of_probe(&snapshot, &past, "crashing")] {
        let tags = tags(&html);
        for mark in ["data-v", "data-s", "data-d", "data-t"] {
            let mut known = HashSet::new();
            for key in tags.iter().filter_map(|tag| tag.get(mark)) {
                assert!(known.insert(key), "{mark}=\"{key}\" twice");
            }
            assert!(!known.is_empty(), "{mark}");
        }
    }
}
