//! The probe's section: from the configuration file as in production, and from flags over it, with the same faults.

use std::fs;

use crate::desk::{Desk, has};
use crate::support::guest::Guest;

/// A guest that logs its own configuration.
fn mirror() -> Guest {
    Guest::new()
        .imports(r#"(import "probity:host/config@0.1.0" "json" (func $json (param i32)))"#)
        .start("(call $json (i32.const 16)) (call $log (i32.const 2) (i32.load (i32.const 16)) (i32.load (i32.const 20))) (call $ok)")
}

fn desk(config: &str) -> Desk {
    let desk = Desk::with(&mirror());
    fs::write(desk.path("probity.toml"), config).unwrap();
    desk
}

const FILE: &str = "
[[probe]]
name = \"other\"
[[probe]]
name = \"guest\"
interval = \"7s\"
grant = { read = [\"/etc\"] }
config = { warn = 3, load = { warn = 1 } }
";

#[test]
fn the_section_of_its_name_holds_and_flags_lie_over_it() {
    let desk = desk(FILE);
    let shown = desk.run("test guest.wasm", 0).out;
    has(
        &shown,
        &[
            r#"{"load":{"warn":1},"warn":3}"#,
            "every 7 s",
            "granted  read /etc\n",
        ],
    );
    let flags = "--set warn=5 --set load.fail=2.5 --set name=x=y --set list[0]=1 --grant read=/usr --grant read=/var \
                 --grant tcp=127.0.0.1:1 --grant sqlite.jobs=/tmp/jobs.db --interval 9s";
    let shown = desk.run(&format!("test guest.wasm {flags}"), 0).out;
    has(
        &shown,
        &[
            r#"{"list":[1],"load":{"fail":2.5,"warn":1},"name":"x=y","warn":5}"#,
            "every 9 s",
            "granted  read /etc, read /usr, read /var, tcp 127.0.0.1:1, sqlite jobs\n",
        ],
    );
    // Another name has another section, or none.
    let shown = desk.run("test guest.wasm --name third --set a=1", 0).out;
    has(
        &shown,
        &[
            "third: guest.wasm",
            r#"{"a":1}"#,
            "every 5 s",
            "granted  nothing",
        ],
    );
}

#[test]
fn without_a_file_flags_make_the_section() {
    let desk = Desk::with(&mirror());
    let shown = desk
        .run("test guest.wasm --set a.b=true --grant env=HOME", 0)
        .out;
    has(&shown, &[r#"{"a":{"b":true}}"#, "granted  env HOME"]);
}

#[test]
fn whom_the_section_trusts_does_not_keep_an_author_from_what_was_just_built() {
    let pinned = "[[probe]]\nname = \"guest\"\ndigest = \"blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262\"\n";
    desk(pinned).run("test guest.wasm", 0);
}

/// Wrong flags, and what is told of each.
const WRONG: &[(&str, &[&str])] = &[
    (
        "--grant red=/x",
        &[
            "--grant red=/x: `probe[1].grant.red` is not a key here",
            "did you mean `read`?",
        ],
    ),
    (
        "--grant read=etc",
        &["--grant read=etc: `probe[1].grant.read[1]` is etc: it must be an absolute path"],
    ),
    (
        "--grant http=example.com",
        &["--grant http=example.com: `probe[1].grant.http[0]`"],
    ),
    (
        "--grant secrets=token",
        &[
            "--grant secrets=token: ",
            "must be the name of a secret in [secrets]",
        ],
    ),
    (
        "--limit memory=1",
        &["--limit memory=1: `probe[1].limits.memory` is 1: it must be between"],
    ),
    (
        "--limit memory=much",
        &["--limit memory=much: ", "a size in bytes"],
    ),
    (
        "--limit memroy=1MiB",
        &["--limit memroy=1MiB: ", "did you mean `memory`?"],
    ),
    (
        "--interval 1",
        &["--interval: `probe[1].interval` is 1: it must be a duration"],
    ),
    (
        "--set warn.x=1",
        &["--set warn.x=1: ", "lies within a value that is no section"],
    ),
    (
        "--name third --limit memory=1",
        &["--limit memory=1: `probe[2].limits.memory`"],
    ),
];

#[test]
fn a_wrong_flag_is_told_as_a_wrong_line_is() {
    let desk = desk(FILE);
    for (flags, parts) in WRONG {
        let ended = desk.run(&format!("test guest.wasm {flags}"), 78);
        has(&ended.notes, parts);
        assert_eq!(ended.notes.matches("probe[").count(), 1, "{}", ended.notes);
    }
    fs::write(desk.path("probity.toml"), "[[probe]]\nname = 1\n").unwrap();
    has(
        &desk.run("test guest.wasm", 78).notes,
        &["./probity.toml:2:8: "],
    );
    has(
        &desk.run("test guest.wasm --config nowhere.toml", 78).notes,
        &["nowhere.toml"],
    );
}

#[test]
fn a_name_under_which_no_probe_runs_is_refused() {
    let desk = desk(FILE);
    for (name, parts) in [
        ("cpu", "error: `cpu` is the name of a built-in source"),
        ("probity", "error: `probity` is the name of a built-in"),
        ("a.b", "error: \"a.b\" is no name of a probe"),
    ] {
        let ended = desk.run(&format!("test guest.wasm --name {name}"), 2);
        has(&ended.notes, &[parts, "\nnext: name it with --name"]);
    }
    fs::copy(desk.path("guest.wasm"), desk.path("memory.wasm")).unwrap();
    has(
        &desk.run("bench memory.wasm", 2).notes,
        &["error: `memory` is the name of a built-in source"],
    );
    desk.run("test memory.wasm --name other", 0);
}
