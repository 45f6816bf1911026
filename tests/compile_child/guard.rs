//! The boot-loop guard: what counts as a death, what does not, and the way back.

use std::fs;

use probity::model::Span;
use probity::probe::{Config, Surroundings};
use rustix::process::Signal;

use crate::bench::{Bench, PATIENCE, files, good, until};
use crate::bomb;

fn marked(mark: u64) -> impl FnOnce(&mut Config, &mut Surroundings) {
    move |config, _| Bench::marked(config, mark)
}

fn digest(bytes: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(bytes).to_hex())
}

#[test]
fn r25_a_component_whose_compiler_was_killed_twice_is_skipped_until_it_changes_or_is_forced() {
    let bench = Bench::with(marked(2));
    let bomb = bomb::endless();
    for _ in 0..2 {
        let failure = bench.killed(&bomb, Signal::KILL);
        assert_eq!(failure.code, "compile.killed");
        assert!(failure.message.contains("signal 9"), "{failure}");
    }
    bench.refuses(
        &bomb,
        "compile.skipped",
        &["2 times", "until the file changes or an operator reloads"],
    );
    assert_eq!(bench.count("compiles_total", Some("killed")), 2);
    assert_eq!(bench.count("compiles_total", Some("skipped")), 1);
    // The next start skips it too, and whatever is not this file goes on.
    let next = bench.again(marked(3));
    next.refuses(&bomb, "compile.skipped", &[]);
    assert!(next.load(&good("a")).is_ok());
    let mut changed = bomb.clone();
    changed.truncate(bomb.len() - 1);
    next.refuses(&changed, "component.invalid", &[]);
    next.host.try_again(&digest(&bomb));
    assert_eq!(next.killed(&bomb, Signal::KILL).code, "compile.killed");
    // One death is no habit: what compiles then is forgiven.
    let impatient = bench.again(|config, _| config.compile.wall = Span::millis(100));
    impatient.refuses(&bomb, "compile.wall", &[]);
    assert_eq!(files(&bench.state.join("compiling"), "tries").len(), 0);
}

#[test]
fn a_compiler_that_was_asked_to_end_is_no_death() {
    let bench = Bench::with(marked(4));
    let bomb = bomb::endless();
    for _ in 0..3 {
        let failure = bench.killed(&bomb, Signal::TERM);
        assert_eq!(failure.code, "compile.killed", "{failure}");
    }
    assert_eq!(files(&bench.state.join("compiling"), "tries").len(), 0);
}

#[test]
fn a_compile_that_another_process_has_under_way_does_not_count() {
    let bench = Bench::with(marked(5));
    let bomb = bomb::endless();
    std::thread::scope(|scope| {
        let compile = scope.spawn(|| bench.load(&bomb).err().unwrap());
        until("the child works", || bench.child());
        let other = bench.again(|config, _| config.compile.wall = Span::millis(100));
        for _ in 0..3 {
            other.refuses(&bomb, "compile.wall", &[]);
        }
        assert_eq!(files(&bench.state.join("compiling"), "tries").len(), 1);
        assert!(bench.host.stop_compiling(PATIENCE));
        assert_eq!(compile.join().unwrap().code, "compile.stopped");
    });
    assert_eq!(files(&bench.state.join("compiling"), "tries").len(), 0);
}

#[test]
fn markers_are_bounded_and_a_broken_folder_stops_nothing() {
    let bench = Bench::new();
    let folder = bench.state.join("compiling");
    bench.identity(&good("a"));
    for number in 0..1100 {
        fs::write(folder.join(format!("{number}.tries")), "xx").unwrap();
    }
    bench.again(|_, _| {});
    assert_eq!(files(&folder, "tries").len(), 1000);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "a file").unwrap();
    assert!(bench.load(&good("b")).is_ok());
    bench.host.try_again(&digest(b"b"));
    bench.host.try_again("../../etc/passwd");
}
