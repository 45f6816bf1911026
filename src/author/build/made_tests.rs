//! What is made here: bindings that are whole, worlds of authors, and components of core modules.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wit_component::{DecodedWasm, StringEncoding, decode, dummy_module, embed_component_metadata};
use wit_parser::ManglingAndAbi;

use super::interface::Interface;
use super::{Bindings, BuildError, component, write_bindings};

/// An author's world that reads files.
const OWN: &str = "package example:queue;
world queue {
  include probity:probe/probe@0.1.0;
  import wasi:filesystem/preopens@0.2.12;
}
";

/// All files below a folder, with their texts; what is not text is left empty.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                let text = fs::read_to_string(&path).unwrap_or_default();
                found.insert(name.to_owned(), text);
            }
        }
    }
    found
}

fn written(bindings: Bindings, wit: Option<&Path>) -> BTreeMap<String, String> {
    let folder = TempDir::new().unwrap();
    write_bindings(bindings, folder.path(), wit).unwrap();
    tree(folder.path())
}

fn own(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn bindings_for_c_declare_what_a_probe_calls_under_short_names() {
    let files = written(Bindings::C, None);
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["probity.c", "probity.h", "probity_component_type.o"]
    );
    for declared in [
        "bool exports_collector_start(exports_collector_own_failure_t *err);",
        "bool exports_collector_collect(exports_collector_own_failure_t *err);",
        "extern bool metrics_static_gauge_define(",
        "extern bool state_put_text(",
        "extern failure_own_failure_t failure_static_failure_bad_config(",
        "#define HEALTH_STATUS_WARN 1",
        "// Sets one series, once a run",
    ] {
        assert!(files["probity.h"].contains(declared), "{declared}");
    }
}

#[test]
fn bindings_for_zig_declare_what_those_for_c_do() {
    let wit = own(&[(
        "all.wit",
        "package a:b;
        world all {
            include probity:probe/probe@0.1.0;
            import wasi:cli/environment@0.2.12;
            import wasi:filesystem/preopens@0.2.12;
            import wasi:sockets/tcp@0.2.12;
            import wasi:sockets/udp@0.2.12;
            import wasi:sockets/ip-name-lookup@0.2.12;
        }",
    )]);
    let files = written(Bindings::Zig, Some(wit.path()));
    let (header, zig) = (&files["probity.h"], &files["host.zig"]);
    let lines =
        |text: &str, is: &dyn Fn(&str) -> bool| text.lines().filter(|line| is(line)).count();
    let functions = lines(header, &|line| {
        line.ends_with(");") && !line.starts_with("//")
    });
    assert_eq!(
        lines(zig, &|line| line.starts_with("pub extern fn ")),
        functions
    );
    let types = lines(header, &|line| line.starts_with("typedef "));
    let constants = lines(header, &|line| line.starts_with("#define "));
    // One of them says that the header is there.
    let all = types + constants - 1;
    assert_eq!(lines(zig, &|line| line.starts_with("pub const ")), all);
    for declared in [
        "/// Sets one series, once a run: a second time fails with `metrics.duplicate`. NaN and infinities are shown as",
        "pub extern fn config_get(key: [*c]probity_string_t, ret: [*c]probity_string_t) bool;",
        "pub extern fn probity_string_set(ret: [*c]probity_string_t, s: [*c]const u8) void;",
        "pub extern fn run_ordinal() u32;",
        "pub const WASI_FILESYSTEM_TYPES_OPEN_FLAGS_CREATE = (1 << 0);",
        "    @\"type\": wasi_filesystem_types_descriptor_type_t,",
    ] {
        assert!(zig.lines().any(|line| line == declared), "{declared}");
    }
}

#[test]
fn bindings_for_go_are_a_module_that_needs_no_other() {
    let files = written(Bindings::Go, None);
    assert_eq!(files["go.mod"], "module probity\n\ngo 1.24\n");
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".go")) {
        let paths = text.split('"').skip(1).step_by(2);
        for path in paths.filter(|path| path.starts_with("probity/")) {
            let folder = format!("{}/", path.strip_prefix("probity/").unwrap());
            let there = files.keys().any(|other| other.starts_with(&folder));
            assert!(there, "{name} imports {path}");
        }
        assert!(
            !text.contains("bytecodealliance"),
            "{name} needs the network"
        );
        assert!(!text.contains("probity_host_"), "{name} has long names");
    }
    assert!(files["metrics/wit_bindings.go"].contains("\npackage metrics\n"));
    assert!(files["collector/serve.go"].contains("\tStart() error\n"));
    assert!(files["wit_exports/wit_exports.go"].contains("collector.Collect()"));
    assert!(files["probity.go"].contains("\tcollector.Serve(probe)\n"));
}

#[test]
fn bindings_for_go_follow_what_the_world_exports() {
    let lines = own(&[(
        "own.wit",
        "package a:b;\nworld both { include probity:probe/probe@0.1.0; include probity:probe/line-probe@0.1.0; }",
    )]);
    let files = written(Bindings::Go, Some(lines.path()));
    assert!(files["line_handler/serve.go"].contains("\tHandle() error\n"));
    assert!(files["probity.go"].contains("\tcollector.Calls\n\tline_handler.Calls\n"));

    let foreign = own(&[("own.wit", "package a:b;\nworld odd { export run: func(); }")]);
    let into = TempDir::new().unwrap();
    let error = write_bindings(Bindings::Go, into.path(), Some(foreign.path())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no bindings can be made: in Go a probe cannot export `run`"
    );
}

#[test]
fn the_interface_without_a_world_of_ones_own_is_one_file() {
    let files = written(Bindings::Wit, None);
    assert_eq!(files.len(), 1);
    assert_eq!(files["probity.wit"], crate::probe::WIT);
}

#[test]
fn a_world_of_ones_own_gets_what_it_may_refer_to() {
    let wit = own(&[("queue.wit", OWN)]);
    let files = written(Bindings::Wit, Some(wit.path()));
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "deps/probity.wit",
            "deps/wasi-cli.wit",
            "deps/wasi-clocks.wit",
            "deps/wasi-filesystem.wit",
            "deps/wasi-io.wit",
            "deps/wasi-random.wit",
            "deps/wasi-sockets.wit",
            "queue.wit",
        ]
    );
    // What was written is read as it is: by this program, and so by tools with the same parser.
    let again = own(&files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect::<Vec<_>>());
    let interface = Interface::read(Some(again.path())).unwrap();
    assert_eq!(interface.world_name(), "queue");
    assert!(
        written(Bindings::C, Some(wit.path()))["probity.h"]
            .contains("wasi_filesystem_preopens_get_directories")
    );
}

#[test]
fn what_an_author_brings_comes_before_ours_and_may_refer_to_it() {
    let world = "package a:b;
        world mine { include probity:probe/probe@0.1.0; import wasi:mail/box@0.2.12; }";
    let mail = "package wasi:mail@0.2.12;
        interface box { use wasi:io/streams@0.2.12.{input-stream}; read: func() -> input-stream; }";
    let wit = own(&[
        ("mine.wit", world),
        ("deps/mail.wit", mail),
        ("deps/frozen.wit", crate::probe::WIT),
    ]);
    let files = written(Bindings::Wit, Some(wit.path()));
    assert_eq!(files["deps/mail.wit"], mail);
    assert_eq!(files["deps/frozen.wit"], crate::probe::WIT);
    assert!(!files.contains_key("deps/probity.wit") && files.contains_key("deps/wasi-io.wit"));

    let whole = own(&[("probity.wit", crate::probe::WIT)]);
    let interface = Interface::read(Some(whole.path())).unwrap();
    assert_eq!(interface.world_name(), "probe");
}

#[test]
fn a_world_that_cannot_be_read_is_told_with_its_place() {
    let wit = own(&[(
        "own.wit",
        "package a:b;\nworld mine { include probity:probe/no-such@0.1.0; }",
    )]);
    let error = Interface::read(Some(wit.path())).err().unwrap();
    assert!(error.to_string().contains("own.wit:2:"), "{error}");
    let two = own(&[("own.wit", "package a:b;\nworld one { }\nworld two { }")]);
    let error = Interface::read(Some(two.path())).err().unwrap();
    assert!(
        error
            .to_string()
            .ends_with("it has 2 worlds, none of them `probe`: leave one")
    );
}

/// A core module for our world, as a compiler would leave it: with the interface in a section or without.
fn core(described: bool) -> Vec<u8> {
    let interface = Interface::read(None).unwrap();
    let mangling = ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync);
    let mut module = dummy_module(&interface.resolve, interface.world, mangling);
    if described {
        embed_component_metadata(
            &mut module,
            &interface.resolve,
            interface.world,
            StringEncoding::UTF8,
        )
        .unwrap();
    }
    module
}

fn exports(component: &[u8]) -> Vec<String> {
    let Ok(DecodedWasm::Component(resolve, world)) = decode(component) else {
        panic!("it is no component");
    };
    let keys = resolve.worlds[world].exports.keys();
    keys.map(|key| resolve.name_world_key(key)).collect()
}

#[test]
fn a_core_module_becomes_a_component_with_or_without_the_interface_in_it() {
    for described in [true, false] {
        let made = component(Path::new("core.wasm"), &core(described)).unwrap();
        assert_eq!(exports(&made), ["probity:probe/collector@0.1.0"]);
        assert_eq!(component(Path::new("made.wasm"), &made).unwrap(), made);
        let cut = component(Path::new("made.wasm"), &made[..made.len() - 1]).unwrap_err();
        assert!(cut.to_string().contains("cut off"), "{cut}");
    }
}

#[test]
fn the_first_version_of_wasi_is_translated() {
    let module = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "probity:probe/collector@0.1.0#start") (result i32) i32.const 16)
            (func (export "probity:probe/collector@0.1.0#collect") (result i32)
                (drop (call $random (i32.const 0) (i32.const 8)))
                i32.const 16)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))"#,
    );
    let made = component(Path::new("core.wasm"), &module.unwrap()).unwrap();
    let Ok(DecodedWasm::Component(resolve, world)) = decode(&made) else {
        panic!("it is no component");
    };
    let imports = resolve.worlds[world].imports.keys();
    let imports: Vec<_> = imports.map(|key| resolve.name_world_key(key)).collect();
    assert!(
        imports
            .iter()
            .any(|name| name.starts_with("wasi:random/random@0.2.")),
        "{imports:?}"
    );
}

#[test]
fn what_is_no_probe_is_refused_with_its_reason() {
    let refused = |bytes: &[u8]| {
        component(Path::new("core.wasm"), bytes)
            .unwrap_err()
            .to_string()
    };
    let module = |text: &str| refused(&wat::parse_str(text).unwrap());
    assert_eq!(refused(b"(module)"), "core.wasm is not WebAssembly");
    let empty = module("(module)");
    assert!(
        empty.starts_with("core.wasm cannot become a component: "),
        "{empty}"
    );
    assert!(empty.contains("probity:probe/collector@0.1.0"), "{empty}");
    let foreign = module(
        r#"(module
            (import "env" "now" (func (result i64)))
            (memory (export "memory") 1)
            (func (export "probity:probe/collector@0.1.0#start") (result i32) i32.const 16)
            (func (export "probity:probe/collector@0.1.0#collect") (result i32) i32.const 16))"#,
    );
    assert!(foreign.contains("`env`"), "{foreign}");
    assert!(refused(&core(true)[..2000]).starts_with("core.wasm is damaged: "));
}

#[test]
fn bindings_that_have_not_changed_are_not_written_again() {
    let folder = TempDir::new().unwrap();
    let time = |name: &str| {
        fs::metadata(folder.path().join(name))
            .unwrap()
            .modified()
            .unwrap()
    };
    write_bindings(Bindings::C, folder.path(), None).unwrap();
    let before = time("probity.h");
    write_bindings(Bindings::C, folder.path(), None).unwrap();
    assert_eq!(time("probity.h"), before);
    let blocked = folder.path().join("probity.h/below");
    let error = write_bindings(Bindings::Go, &blocked, None).unwrap_err();
    assert!(
        matches!(error, BuildError::Io { path, .. } if path.starts_with(PathBuf::from(folder.path())))
    );
}
