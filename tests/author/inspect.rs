//! `probity inspect`: what a file is, and why it cannot run where it cannot.

use crate::desk::{Desk, has};
use crate::support::bench::named_gauge;
use crate::support::guest::Guest;

#[test]
fn a_probe_is_shown_with_what_it_asks_and_was_built_against() {
    let desk = Desk::with(&named_gauge("x").wasi());
    let shown = desk.run("inspect guest.wasm", 0).out;
    has(
        &shown,
        &[
            "guest: guest.wasm\n",
            "blake3:",
            "exports\n  probity:probe/collector@0.1.0\n",
            "probity:host/log@0.1.0 (log)",
            "wasi:random/random@0.2.0 (random)",
            "gauge.define",
            "built against\n  probity 0.1.0\n  wasi 0.2.0\n",
            "1 memory, 64.0 KiB at first",
            "fit to run here\n",
        ],
    );
    let found = desk.json("inspect guest.wasm", 0);
    assert_eq!(
        (&found["fit"], &found["error"]),
        (&true.into(), &serde_json::Value::Null)
    );
    assert_eq!(
        found["versions"],
        serde_json::json!(["probity 0.1.0", "wasi 0.2.0"])
    );
    assert_eq!(found["declares"]["memory_bytes"], 65536);
    assert!(found["code_bytes"].as_u64().unwrap() > 0);
    assert_eq!(found["imports"][0]["missing"], serde_json::json!([]));
}

#[test]
fn what_is_missing_here_is_listed() {
    let newer = Guest::new()
        .newer(
            "interface run {",
            "weekday: func() -> u32; month: func() -> u32;",
        )
        .newer("resource gauge {", "touch: func();")
        .imports(
            r#"(import "probity:host/run@0.1.0" "weekday" (func (result i32)))
               (import "probity:host/run@0.1.0" "month" (func (result i32)))
               (import "probity:metrics/metrics@0.1.0" "[method]gauge.touch" (func (param i32)))"#,
        )
        .version("0.1.1");
    let desk = Desk::with(&newer);
    let ended = desk.run("inspect guest.wasm", 65);
    has(
        &ended.out,
        &[
            "built against\n  probity 0.1.1\n",
            "missing on this host\n",
            "probity:host/run@0.1.1  weekday, month\n",
            "probity:metrics/metrics@0.1.1  gauge.touch\n",
            "not fit to run here\n  component.version: needs ",
        ],
    );
    has(
        &ended.notes,
        &[
            "component.version",
            "next: build it against the interface that `probity wit` prints",
        ],
    );
    let found = desk.json("inspect guest.wasm", 65);
    assert_eq!(
        (&found["fit"], &found["error"]["code"]),
        (&false.into(), &"component.version".into())
    );
    let missing = found["imports"].as_array().unwrap().iter();
    let missing: Vec<_> = missing
        .flat_map(|import| import["missing"].as_array().unwrap())
        .collect();
    assert_eq!(missing.len(), 3);
}

#[test]
fn what_is_no_component_is_told_as_far_as_it_is_known() {
    let desk = Desk::new()
        .add("core.wasm", b"\0asm\x01\0\0\0")
        .add("empty.wasm", b"\0asm\x0d\0\x01\0")
        .add("odd name.wasm", &Guest::new().build());
    let core = desk.run("inspect core.wasm", 65);
    has(
        &core.out,
        &["8 B, blake3:", "not fit to run here\n  file.core-module: "],
    );
    has(&core.notes, &["next: make it a component"]);
    has(
        &desk.run("inspect empty.wasm", 65).out,
        &["component.export: does not export"],
    );
    has(
        &desk.run("inspect nowhere.wasm", 65).out,
        &["nowhere: nowhere.wasm\n", "file.unreadable"],
    );
    let odd = desk.run_words(&["inspect", "odd name.wasm"], 65);
    has(&odd.out, &["probity:probe/collector@0.1.0", "file.name"]);
}
