//! Compiling leaves nothing behind: no child, no descriptor, no thread. Alone in its binary, so that it can count.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "compile_child/bench.rs"]
#[allow(dead_code, reason = "little of it is needed here")]
mod bench;
#[path = "compile_child/bomb.rs"]
#[allow(dead_code, reason = "little of it is needed here")]
mod bomb;
#[path = "support/guest.rs"]
#[allow(dead_code, reason = "little of it is needed here")]
mod guest;

use bench::{Bench, good, until};
use probity::model::Span;

fn entries(of: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{of}"))
        .unwrap()
        .count()
}

/// Children of this process, dead ones that nobody waited for included.
fn children() -> usize {
    let own = format!(" {} ", std::process::id());
    let is_own = |entry: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(entry.unwrap().path().join("stat")).ok()?;
        // After the name come the state and the parent.
        let rest = stat.rsplit_once(')')?.1;
        rest.get(2..)?.starts_with(&own).then_some(())
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(is_own)
        .count()
}

#[test]
fn fifty_compiles_leave_no_child_descriptor_or_thread() {
    let bench = Bench::with(|config, around| {
        config.compile.wall = Span::seconds(30);
        around.cache = None;
    });
    let impatient = bench.again(|config, around| {
        config.compile.wall = Span::millis(100);
        around.cache = None;
    });
    let (component, bomb) = (good("a"), bomb::endless());
    bench.identity(&component);
    let before = (entries("fd"), entries("task"));
    for round in 0..50 {
        match round % 5 {
            0 => bench.refuses(&component[..100], "component.invalid", &[]),
            1 => impatient.refuses(&bomb, "compile.wall", &[]),
            _ => drop(bench.load(&component).unwrap()),
        }
        assert_eq!(children(), 0, "after compile {round}");
    }
    until("threads and descriptors are where they were", || {
        ((entries("fd"), entries("task")) == before).then_some(())
    });
}
