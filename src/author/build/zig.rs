//! Zig: its compiler, with the bindings for C and a module that declares them.

use std::path::Path;

use super::bindings::Bindings;
use super::error::{BuildError, Missing};
use super::plan::{Run, Step};
use super::tools::{Found, Tools, version};
use super::{Language, Project};

/// The first version that this recipe is written for: its flags and its standard library differ from one to the next.
const OLDEST: (u32, u32) = (0, 17);
const INSTALL: [&str; 1] = ["pip install 'ziglang>=0.17'"];
const TARGET: [&str; 2] = ["-target", "wasm32-wasi"];

/// How a probe in Zig is built.
pub(super) fn steps(project: &Project, tools: &Tools, _: &Path) -> Result<Vec<Step>, BuildError> {
    let missing = |what: String| {
        let missing = Missing::new(what, &INSTALL);
        BuildError::Missing(Language::Zig, vec![missing])
    };
    let (zig, told) = found(tools).ok_or_else(|| missing("zig is missing".into()))?;
    if version(&told).is_some_and(|version| version < OLDEST) {
        let (major, minor) = OLDEST;
        let what = format!("zig {told} is too old, {major}.{minor} is the first that can");
        return Err(missing(what));
    }
    let compile = zig
        .arguments(["build-exe"])
        .arguments(TARGET)
        .arguments([
            "-mexec-model=reactor",
            "-O",
            "small",
            "-fstrip",
            "-fsingle-threaded",
        ])
        .arguments([
            "-lc",
            "--stack",
            "65536",
            "--cache-dir",
            ".probity/zig/cache",
        ])
        .arguments(["-femit-bin=.probity/zig.wasm", "--name", "probe"])
        .arguments([
            ".probity/zig/probity.c",
            ".probity/zig/probity_component_type.o",
        ])
        .arguments([
            "--dep",
            "host",
            "-Mroot=probe.zig",
            "-Mhost=.probity/zig/host.zig",
        ]);
    Ok(vec![
        Step::Bindings {
            bindings: Bindings::Zig,
            into: ".probity/zig".into(),
            wit: project.own_wit(),
        },
        Step::Run(compile),
        Step::Component {
            core: ".probity/zig.wasm".into(),
        },
    ])
}

/// Zig's compiler, to be told what to do.
pub(super) fn find(tools: &Tools) -> Option<Run> {
    found(tools).map(|(zig, _)| zig)
}

/// Zig and its version: a program of its own, or the package of Python's index, which may have none on PATH.
fn found(tools: &Tools) -> Option<(Run, String)> {
    if let Some(zig) = tools.find_any(&["zig", "python-zig"]) {
        let told = tools.ask(&zig, &["version"]).unwrap_or_default();
        return Some((Run::new(&zig), told));
    }
    let python: Found = tools.find_any(&["python3", "python"])?;
    let told = tools.ask(&python, &["-m", "ziglang", "version"])?;
    Some((Run::new(&python).arguments(["-m", "ziglang"]), told))
}
