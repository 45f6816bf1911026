//! What is told where a toolchain is missing, and that the lines say what the documentation and CI say.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs;
use std::path::Path;

use super::tests::{BARE_CLANG, Place};

#[test]
fn what_is_missing_is_told_with_the_line_that_installs_it() {
    let manifest = "[package]\nname = 'queue'\n";
    let expectations = [
        (
            "Cargo.toml",
            manifest,
            "Rust cannot be built here: cargo is missing",
            "sh.rustup.rs",
        ),
        (
            "probe.c",
            "",
            "C cannot be built here: clang and zig are missing",
            "`python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1` in the probe's folder",
        ),
        (
            "probe.zig",
            "",
            "Zig cannot be built here: zig is missing",
            "`python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1` in the probe's folder",
        ),
        (
            "probe.go",
            "",
            "Go cannot be built here: go is missing",
            "apt install golang-go",
        ),
        (
            "probe.py",
            "",
            "Python cannot be built here: componentize-py is missing",
            "`python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1` in the probe's folder",
        ),
        (
            "probe.js",
            "",
            "JavaScript cannot be built here: componentize-qjs is missing",
            "npm install --save-dev --save-exact componentize-qjs@0.4.5` in the probe's folder",
        ),
    ];
    for (main, text, message, install) in expectations {
        let place = Place::new(&[(&format!("probe/{main}"), text)]);
        let (told, next) = place.refusal();
        assert_eq!(told, message);
        assert!(
            next.starts_with("run `") && next.contains(install),
            "{next}"
        );
    }
    let (told, next) = Place::new(&[("probe/probe.ts", "")]).refusal();
    assert!(
        told.ends_with("componentize-qjs is missing; esbuild is missing, which takes types away")
    );
    let types = "`, and `npm install --save-dev --save-exact esbuild@0.28.2` in the probe's folder";
    assert!(next.ends_with(types), "{next}");
}

#[test]
fn a_clang_without_its_parts_is_told_what_it_lacks() {
    let place = Place::new(&[("probe/probe.c", ""), ("bin/clang-14", BARE_CLANG)]);
    let (told, next) = place.refusal();
    assert_eq!(
        told,
        "C cannot be built here: clang-14 lacks a linker (wasm-ld), a C library (wasi-libc), its own library (compiler-rt) \
         for WebAssembly"
    );
    assert!(next.starts_with(
        "run `apt install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32`, or `"
    ));
}

#[test]
fn compilers_that_are_too_old_are_refused() {
    let zig = Place::new(&[("probe/probe.zig", ""), ("bin/zig", "echo 0.13.0")]);
    assert!(
        zig.refusal()
            .0
            .ends_with("zig 0.13.0 is too old, 0.17 is the first that can")
    );
    let go = Place::new(&[("probe/probe.go", ""), ("bin/go", "echo go1.19.8")]);
    assert!(
        go.refusal()
            .0
            .ends_with("go1.19.8 is too old, 1.24 is the first that can")
    );
    // The package that gave the old one gives it again.
    let (_, next) = go.refusal();
    assert!(
        !next.contains("apt install") && next.contains("https://go.dev/dl/go1.24.4."),
        "{next}"
    );
}

/// The target of a Rust that did not come with rustup.
#[test]
fn a_target_is_installed_the_way_its_compiler_was() {
    let refused = |sysroot: &str, version: &str, more: &[(&str, &str)]| {
        let rustc = format!(
            "case $* in *libdir*) echo /nowhere;; *sysroot*) echo {sysroot};; *) echo rustc {version};; esac"
        );
        let files = [
            ("probe/Cargo.toml", "[package]\nname = 'queue'\n"),
            ("bin/cargo", ""),
            ("bin/rustc", &rustc),
        ];
        Place::new(&[&files, more].concat()).refusal().1
    };
    assert_eq!(
        refused("/opt/rustup", "1.95.0", &[("bin/rustup", "")]),
        "run `rustup target add wasm32-wasip2`"
    );
    let fresh =
        "`curl -sSf https://sh.rustup.rs | sh -s -- -y --target wasm32-wasip2 && . ~/.cargo/env`";
    assert_eq!(
        refused("/usr", "1.85.0", &[]),
        format!("run `apt install libstd-rust-dev-wasm32`, or {fresh}")
    );
    for (sysroot, version) in [("/usr", "1.63.0"), ("/opt/rust", "1.95.0")] {
        assert_eq!(refused(sysroot, version, &[]), format!("run {fresh}"));
    }
}

#[test]
fn the_documentation_and_ci_install_what_is_told() {
    let text =
        |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let (documentation, ci) = (text("docs/languages.md"), text(".ci/author-tools.sh"));
    let package = text("src/author/new/templates/js/package.json");
    for main in ["c", "zig", "go", "py", "js", "ts"].map(|kind| format!("probe/probe.{kind}")) {
        let (_, next) = Place::new(&[(&main, "")]).refusal();
        let pinned = next.split([' ', '`']).filter(|word| {
            let (name, version) = word
                .split_once("==")
                .or(word.split_once('@'))
                .unwrap_or_default();
            !name.is_empty() && !version.is_empty()
        });
        for pin in pinned {
            assert!(documentation.contains(pin), "docs/languages.md lacks {pin}");
            // Nothing of CI is in TypeScript.
            assert!(
                ci.contains(pin) || pin.starts_with("esbuild"),
                "author-tools.sh lacks {pin}"
            );
            if let Some((name, version)) =
                pin.split_once('@').filter(|(name, _)| *name != "esbuild")
            {
                assert!(
                    package.contains(&format!("\"{name}\": \"{version}\"")),
                    "{package}"
                );
            }
        }
    }
    assert!(
        documentation.contains("apt install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32")
    );
}
