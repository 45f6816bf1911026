//! What a compile may take: obeyed, violated, and what is said of it.

use std::time::{Duration, Instant};

use probity::model::{ByteSize, Outcome, Span};
use probity::probe::{CompileConfig, Compiler, Due, Trigger};

use crate::bench::{Bench, PATIENCE, files, good, until};
use crate::bomb;

#[tokio::test]
async fn a_good_component_is_compiled_in_the_child_and_runs() {
    let bench = Bench::new();
    let mut probe = bench.load(&good("a")).unwrap();
    assert!(!probe.identity().cached);
    let due = Due {
        trigger: Trigger::Test,
        lateness: Duration::ZERO,
        missed: 0,
    };
    let observation = probe.run(due).await;
    assert!(matches!(observation.outcome, Outcome::Ok));
    assert_eq!(bench.count("compiles_total", Some("compiled")), 1);
    assert_eq!(files(&bench.state.join("compiling"), "tries").len(), 0);
}

#[test]
fn r03_an_invalid_component_is_told_as_ever() {
    let bench = Bench::new();
    let whole = good("a");
    for cut in [9, 100, whole.len() / 2, whole.len() - 1] {
        bench.refuses(
            &whole[..cut],
            "component.invalid",
            &["not a valid component: "],
        );
    }
    assert_eq!(bench.count("compiles_total", Some("refused")), 4);
    assert_eq!(files(&bench.state.join("compiling"), "tries").len(), 0);
}

#[test]
fn g46_memory_obeyed_and_violated() {
    let heavy = bomb::component(5_000, 200);
    let memory = |mib| {
        Bench::limited(CompileConfig {
            memory: ByteSize::mib(mib),
            ..CompileConfig::default()
        })
    };
    assert!(memory(1024).compiles(&heavy));
    let bench = memory(160);
    bench.refuses(
        &heavy,
        "compile.memory",
        &["more address space than 160MiB (probes.compile.memory)"],
    );
    assert!(bench.load(&good("small")).is_ok());
}

#[test]
fn g46_cpu_time_obeyed_and_violated() {
    let bench = Bench::limited(CompileConfig {
        cpu: Span::seconds(1),
        ..CompileConfig::default()
    });
    bench.refuses(
        &bomb::endless(),
        "compile.cpu",
        &["more CPU time than 1s (probes.compile.cpu)"],
    );
    assert!(bench.load(&good("quick")).is_ok());
}

#[test]
fn g46_wall_time_obeyed_and_violated() {
    let bench = Bench::limited(CompileConfig {
        wall: Span::millis(300),
        ..CompileConfig::default()
    });
    let began = Instant::now();
    bench.refuses(
        &bomb::endless(),
        "compile.wall",
        &["longer than 300ms (probes.compile.wall)"],
    );
    assert!(began.elapsed() < Duration::from_secs(20));
    let patient = bench.again(|_, _| {});
    assert!(patient.load(&good("quick")).is_ok());
}

#[test]
fn g46_no_limit_hit_counts_as_a_death() {
    let bench = Bench::limited(CompileConfig {
        wall: Span::millis(100),
        ..CompileConfig::default()
    });
    let bomb = bomb::endless();
    for _ in 0..4 {
        bench.refuses(&bomb, "compile.wall", &[]);
    }
}

#[test]
fn a_large_component_makes_no_small_one_late() {
    let bench = Bench::with(|config, _| Bench::marked(config, 1));
    let large = bomb::padded(bomb::endless(), 2 << 20);
    std::thread::scope(|scope| {
        let compile = scope.spawn(|| bench.load(&large).err().unwrap());
        until("the large one is under way", || bench.child());
        for name in ["a", "b", "c"] {
            bench.load(&good(name)).unwrap();
        }
        assert!(!compile.is_finished());
        assert!(bench.host.stop_compiling(PATIENCE));
        assert_eq!(compile.join().unwrap().code, "compile.stopped");
    });
    bench.refuses(&good("d"), "compile.stopped", &["ending"]);
    assert_eq!(files(&bench.state.join("compiling"), "tries").len(), 0);
}

#[test]
fn a_defect_of_the_compiler_is_the_components_failure() {
    // wasmtime 48 panics over the 256th core module of a component; a later one may not.
    let many = bomb::modules(300);
    for compiler in [
        Compiler::Child(env!("CARGO_BIN_EXE_probity").into()),
        Compiler::InProcess,
    ] {
        let bench = Bench::with(|_, around| around.compiler = compiler);
        let failure = bench.load(&many).err().unwrap();
        assert!(
            ["compile.panic", "component.export"].contains(&&*failure.code),
            "{failure}"
        );
        assert!(bench.load(&good("next")).is_ok());
    }
}

#[test]
fn a_program_that_is_not_there_or_is_another_one_is_a_failure() {
    for (program, code, words) in [
        (
            "/nonexistent/probity",
            "compile.child",
            "/nonexistent/probity",
        ),
        ("/bin/true", "compile.load", "cannot be loaded"),
        ("/bin/cat", "compile.child", "it said: "),
    ] {
        let bench = Bench::with(|_, around| around.compiler = Compiler::Child(program.into()));
        bench.refuses(&good("a"), code, &[words]);
    }
}
