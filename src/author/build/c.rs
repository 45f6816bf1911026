//! C: a clang that has WASI's C library, or Zig's, which brings both.

use std::path::{Path, PathBuf};

use super::bindings::Bindings;
use super::error::{BuildError, Missing};
use super::plan::{Run, Step};
use super::tools::{Found, Tools, venv};
use super::{Language, Project, zig};

/// What every compiler for C is told. A guest needs less than the usual stack of a mebibyte or sixteen.
const FLAGS: [&str; 6] = [
    "--target=wasm32-wasi",
    "-mexec-model=reactor",
    "-Os",
    "-Wall",
    "-Wextra",
    "-Wl,-z,stack-size=65536",
];
/// What clang is told besides: a stack that overflows is to end in a trap and not in other data. Zig does so anyway.
const STACK_FIRST: &str = "-Wl,--stack-first";
/// The variable under which wasi-sdk is found, as its own documentation has it.
const SDK: &str = "WASI_SDK_PATH";
/// The parts that Debian packages apart from clang: what is asked for, how, and the package.
const PARTS: [(&str, &str, &str); 3] = [
    ("a linker (wasm-ld)", "-print-prog-name=wasm-ld", "lld"),
    (
        "a C library (wasi-libc)",
        "-print-file-name=libc.a",
        "wasi-libc",
    ),
    (
        "its own library (compiler-rt)",
        "-print-libgcc-file-name",
        "libclang-rt-dev-wasm32",
    ),
];

/// Those of Debian that go together.
const DEBIAN: &str = "apt install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32";

/// How a probe in C is built.
pub(super) fn steps(project: &Project, tools: &Tools, _: &Path) -> Result<Vec<Step>, BuildError> {
    let compile = compiler(tools)?
        .arguments(FLAGS)
        .arguments(["-I.probity/c", "-s", "-o", ".probity/c.wasm"])
        .arguments(sources(project)?)
        .arguments([
            ".probity/c/probity.c",
            ".probity/c/probity_component_type.o",
        ]);
    Ok(vec![
        Step::Bindings {
            bindings: Bindings::C,
            into: ".probity/c".into(),
            wit: project.own_wit(),
        },
        Step::Run(compile),
        Step::Component {
            core: ".probity/c.wasm".into(),
        },
    ])
}

/// All `.c` files of the folder.
fn sources(project: &Project) -> Result<Vec<PathBuf>, BuildError> {
    let unreadable = |error| BuildError::io("reading", &project.folder, error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&project.folder).map_err(unreadable)? {
        let name = PathBuf::from(entry.map_err(unreadable)?.file_name());
        if name.extension().is_some_and(|kind| kind == "c") {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

/// wasi-sdk's clang where the environment names it; the first clang that has all it needs; Zig's.
fn compiler(tools: &Tools) -> Result<Run, BuildError> {
    let sdk = tools
        .variable(SDK)
        .map(|sdk| Path::new(&sdk).join("bin/clang"));
    if let Some(clang) = sdk.and_then(Found::at) {
        return Ok(Run::new(&clang).arguments([STACK_FIRST]));
    }
    let mut clangs = tools.find_versions("clang-");
    clangs.splice(0..0, tools.find("clang"));
    if let Some(clang) = clangs.iter().find(|clang| lacks(tools, clang).is_empty()) {
        return Ok(Run::new(clang).arguments([STACK_FIRST]));
    }
    if let Some(zig) = zig::find(tools) {
        return Ok(zig.arguments(["cc"]));
    }
    Err(missing(tools, clangs.first()))
}

/// The parts that a clang does not have, which it would name by a path if it had them.
fn lacks(tools: &Tools, clang: &Found) -> Vec<&'static str> {
    let lacks = |&(what, question, _): &(&'static str, &str, &str)| {
        let answer = tools.ask(clang, &["--target=wasm32-wasi", question]);
        let there = answer.is_some_and(|path| Path::new(&path).is_file());
        (!there).then_some(what)
    };
    PARTS.iter().filter_map(lacks).collect()
}

fn missing(tools: &Tools, clang: Option<&Found>) -> BuildError {
    let what = match clang {
        Some(clang) => {
            let lacks = lacks(tools, clang).join(", ");
            format!("{} lacks {lacks} for WebAssembly", clang.call.display())
        }
        None => "clang and zig are missing".into(),
    };
    let zig = venv(zig::PACKAGE);
    let install = [DEBIAN, zig.as_str()];
    BuildError::Missing(Language::C, vec![Missing::new(what, &install)])
}
