//! Files that are no probes, by the ids of the fault catalogue: each is rejected with one reason, and the good file
//! beside it is served.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::os::unix::fs::PermissionsExt;

use probity::model::ByteSize;
use probity::probe::Limits;
use support::bench::{Bench, GAUGE, SET_ONE, named_gauge, rejected};
use support::guest::Guest;

fn good() -> Guest {
    named_gauge("x").collect(&format!("{GAUGE} {SET_ONE}"))
}

/// Expects that the bytes are refused with this code and words, before and beside a good probe.
async fn refuses(bytes: &[u8], code: &str, words: &[&str]) {
    let bench = Bench::new();
    let (identity, failure) = bench.reject(bytes, Limits::default());
    assert_eq!(failure.code, code, "{failure}");
    for word in words {
        assert!(
            failure.message.contains(word),
            "{word:?} is not in {failure}"
        );
    }
    assert!(
        failure.message.len() <= 1100 && !failure.message.contains('\n'),
        "{failure}"
    );
    assert_eq!(identity.size_bytes, bytes.len() as u64);
    assert!(identity.digest.starts_with("blake3:"));
    bench.assert_alive().await;
}

#[tokio::test]
async fn r03_a_truncated_component_is_invalid_at_every_length() {
    let whole = good().build();
    for cut in [9, 100, whole.len() / 2, whole.len() - 1] {
        refuses(
            &whole[..cut],
            "component.invalid",
            &["not a valid component"],
        )
        .await;
    }
    refuses(&whole[..6], "file.version", &["cut off"]).await;
}

#[tokio::test]
async fn r03_one_damaged_byte_never_harms_the_host() {
    // A flipped byte may hit a help text and stay valid; what matters is that the host goes on, whatever it hits.
    let whole = good().build();
    let bench = Bench::new();
    for at in (8..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        if let probity::probe::Loaded::Fit(version) = bench.load_bytes(&damaged, Limits::default())
        {
            support::bench::run(&mut probity::probe::Probe::new(version)).await;
        }
    }
    bench.assert_alive().await;
}

#[tokio::test]
async fn r04_an_empty_file() {
    refuses(b"", "file.empty", &["empty"]).await;
}

#[tokio::test]
async fn r05_an_empty_component_compiles_and_is_no_probe() {
    refuses(
        b"\0asm\x0d\0\x01\0",
        "component.export",
        &["probity:probe/collector", "no probe"],
    )
    .await;
}

#[tokio::test]
async fn r06_the_text_format() {
    refuses(b"(component)", "file.text", &["text file"]).await;
}

#[tokio::test]
async fn r07_a_core_module() {
    refuses(
        b"\0asm\x01\0\0\0",
        "file.core-module",
        &["core module", "wasm32-wasip2"],
    )
    .await;
}

#[tokio::test]
async fn r08_a_native_program() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    refuses(&own[..4096], "file.elf", &["ELF"]).await;
}

#[tokio::test]
async fn r09_a_precompiled_artifact_is_never_loaded_from_the_folder() {
    let engine = wasmtime::Engine::new(wasmtime::Config::new().gc_support(false)).unwrap();
    let artifact = engine.precompile_component(&good().build()).unwrap();
    refuses(&artifact, "file.elf", &["precompiled"]).await;
}

#[tokio::test]
async fn r11_an_unreadable_file() {
    let bench = Bench::new();
    let path = bench.folder.path().join("guest.wasm");
    std::fs::write(&path, good().build()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads it all the same.
    if std::fs::read(&path).is_err() {
        let (_, failure) = rejected(bench.load_file("guest", Limits::default()));
        assert_eq!(failure.code, "file.unreadable");
    }
    let (_, failure) = rejected(bench.load_file("missing", Limits::default()));
    assert_eq!(failure.code, "file.unreadable", "{failure}");
}

#[tokio::test]
async fn r12_a_folder_or_a_fifo_named_like_a_probe_is_not_waited_for() {
    let bench = Bench::new();
    std::fs::create_dir(bench.folder.path().join("folder.wasm")).unwrap();
    let fifo = bench.folder.path().join("fifo.wasm");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    for (name, word) in [("folder", "folder"), ("fifo", "not a regular file")] {
        let (_, failure) = rejected(bench.load_file(name, Limits::default()));
        assert_eq!(failure.code, "file.kind");
        assert!(failure.message.contains(word), "{failure}");
    }
}

#[tokio::test]
async fn r18_an_unknown_import_is_named() {
    let import = "(import \"foo:bar/baz@1.0.0\" \"f\" (func))";
    let guest = good()
        .imports(import)
        .foreign("foo:bar/baz@1.0.0", "f: func();");
    refuses(
        &guest.build(),
        "component.import",
        &["`foo:bar/baz@1.0.0`", "does not offer"],
    )
    .await;
}

#[tokio::test]
async fn r19_a_function_of_the_wrong_type_is_named() {
    let import = "(import \"wasi:random/random@0.2.0\" \"get-random-u64\" (func (result f64)))";
    let guest = good()
        .imports(import)
        .foreign("wasi:random/random@0.2.0", "get-random-u64: func() -> f64;");
    refuses(
        &guest.build(),
        "component.type",
        &["wasi:random/random", "get-random-u64"],
    )
    .await;
}

#[tokio::test]
async fn r20_r21_a_newer_interface_is_refused_with_both_versions() {
    for version in ["1.0.0", "0.2.0"] {
        let bytes = good().version(version).build();
        refuses(
            &bytes,
            "component.version",
            &[version, "this host speaks 0.1.0"],
        )
        .await;
    }
}

#[tokio::test]
async fn a_file_over_its_limit_is_refused_and_one_at_the_limit_is_not() {
    let bench = Bench::new();
    let mut bytes = good().build();
    // A custom section fills the file up to the kibibyte.
    let missing = bytes.len().next_multiple_of(1024) - bytes.len();
    assert!(
        (4..128).contains(&missing) || missing > 131,
        "the section's length must fit its encoding: {missing}"
    );
    let content = if missing < 130 {
        missing - 2
    } else {
        missing - 3
    };
    bytes.push(0);
    if content > 127 {
        bytes.push((content & 0x7f) as u8 | 0x80);
        bytes.push((content >> 7) as u8);
    } else {
        bytes.push(content as u8);
    }
    bytes.push(1);
    bytes.resize(bytes.len() + content - 1, b'x');
    let limits = Limits {
        file: ByteSize(bytes.len() as u64),
        ..Limits::default()
    };
    assert!(matches!(
        bench.load_bytes(&bytes, limits.clone()),
        probity::probe::Loaded::Fit(_)
    ));
    bytes.push(0);
    let (_, failure) = bench.reject(&bytes, limits);
    assert_eq!(failure.code, "limits.file");
    assert!(failure.message.contains("limits.file"), "{failure}");
}
