//! `probity bindings` and `component`, and what `build --print` says: the pieces of a build for somebody's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::desk::{Desk, has};

/// A core module of a probe that does nothing, without a word about its interface.
const CORE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "probity:probe/collector@0.1.0#start") (result i32) i32.const 16)
    (func (export "probity:probe/collector@0.1.0#collect") (result i32) i32.const 16))"#;

#[test]
fn a_core_module_becomes_a_component_that_runs() {
    let desk = Desk::new().add("core.wasm", &wat::parse_str(CORE).unwrap());
    desk.run("component core.wasm --out idle.wasm", 0);
    let test = desk.run("test idle.wasm --runs 2", 0);
    has(&test.out, &["2 runs: all went well"]);
    let silent = desk.run("component idle.wasm --out same.wasm", 0);
    assert_eq!((silent.out.as_str(), silent.notes.as_str()), ("", ""));
    assert_eq!(
        fs::read(desk.path("same.wasm")).unwrap(),
        fs::read(desk.path("idle.wasm")).unwrap()
    );
}

#[test]
fn what_is_no_core_module_of_a_probe_is_refused() {
    let desk = Desk::new()
        .add("text.wasm", b"(module)")
        .add("empty.wasm", &wat::parse_str("(module)").unwrap());
    let text = desk.run("component text.wasm --out out.wasm", 65);
    has(
        &text.notes,
        &["error: text.wasm is not WebAssembly", "next: build it"],
    );
    let empty = desk.run("component empty.wasm --out out.wasm", 65);
    has(&empty.notes, &["empty.wasm cannot become a component: "]);
    let gone = desk.run("component gone.wasm --out out.wasm", 1);
    has(&gone.notes, &["gone.wasm cannot be used"]);
    assert!(!desk.path("out.wasm").exists());
}

#[test]
fn bindings_are_written_for_each_language_and_for_a_world_of_ones_own() {
    let desk = Desk::new();
    for (lang, file) in [
        ("c", "probity.h"),
        ("zig", "host.zig"),
        ("go", "probity.go"),
        ("wit", "probity.wit"),
    ] {
        desk.run(&format!("bindings --lang {lang} made/{lang}"), 0);
        assert!(
            desk.path(&format!("made/{lang}/{file}")).is_file(),
            "{lang}"
        );
    }
    fs::create_dir(desk.path("wit")).unwrap();
    let world = "package a:b;\nworld mine { include probity:probe/line-probe@0.1.0; }";
    fs::write(desk.path("wit/mine.wit"), world).unwrap();
    desk.run("bindings --lang go --wit wit lines", 0);
    has(
        &fs::read_to_string(desk.path("lines/line_handler/serve.go")).unwrap(),
        &["Handle() error"],
    );
    fs::write(
        desk.path("wit/mine.wit"),
        "package a:b;\nworld mine { export x: }",
    )
    .unwrap();
    let broken = desk.run("bindings --lang c --wit wit made", 65);
    has(&broken.notes, &["mine.wit:2:", "next: correct the world"]);
}

#[test]
fn a_build_is_printed_for_somebodys_makefile() {
    let desk = Desk::new();
    desk.run("new queue --lang python", 0);
    let tool = desk.path("queue/.venv/bin/componentize-py");
    fs::create_dir_all(tool.parent().unwrap()).unwrap();
    fs::write(&tool, "").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let printed = desk.run("build queue --print --out out.wasm", 0);
    let lines: Vec<&str> = printed.out.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "cd queue",
            "rm -rf .probity/wit",
            "probity bindings --lang wit --wit wit .probity/wit"
        ]
    );
    let end = format!("componentize probe -o {}", desk.path("out.wasm").display());
    assert!(lines[3].ends_with(&end), "{}", lines[3]);
    assert!(!desk.path("queue/.probity").exists(), "nothing is done");
}
