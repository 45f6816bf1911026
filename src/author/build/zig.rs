//! Zig: its compiler, with the bindings for C and a module that declares them.

use std::path::Path;

use super::bindings::Bindings;
use super::error::{BuildError, Missing};
use super::plan::{Run, Step};
use super::tools::{Found, Tools, venv, version};
use super::{Language, Project};

/// The first version that this recipe is written for: its flags and its standard library differ from one to the next.
const OLDEST: (u32, u32) = (0, 17);
/// The package that brings it.
pub(super) const PACKAGE: &str = "ziglang==0.17.1";
const TARGET: [&str; 2] = ["-target", "wasm32-wasi"];

/// How a probe in Zig is built.
pub(super) fn steps(project: &Project, tools: &Tools, _: &Path) -> Result<Vec<Step>, BuildError> {
    let missing = |what: String| {
        let missing = Missing::new(what, &[&venv(PACKAGE)]);
        BuildError::Missing(Language::Zig, vec![missing])
    };
    let all = found(tools);
    // The one on PATH may be older than the one that the project has.
    let fit = all.iter().find(|(_, told)| !is_old(told));
    let (zig, told) = fit
        .or_else(|| all.first())
        .cloned()
        .ok_or_else(|| missing("zig is missing".into()))?;
    if is_old(&told) {
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
    found(tools).into_iter().next().map(|(zig, _)| zig)
}

fn is_old(told: &str) -> bool {
    version(told).is_some_and(|version| version < OLDEST)
}

/// Every Zig with its version: programs of its own, and the package of Python's index, which may have none on PATH.
fn found(tools: &Tools) -> Vec<(Run, String)> {
    let programs = ["zig", "python-zig"].into_iter();
    let programs = programs.filter_map(|name| {
        let zig = tools.find(name)?;
        let told = tools.ask(&zig, &["version"]).unwrap_or_default();
        Some((Run::new(&zig), told))
    });
    let module = || {
        let python: Found = tools.find_any(&["python3", "python"])?;
        let told = tools.ask(&python, &["-m", "ziglang", "version"])?;
        Some((Run::new(&python).arguments(["-m", "ziglang"]), told))
    };
    let mut all: Vec<_> = programs.collect();
    // Asking Python takes long.
    if all.iter().all(|(_, told)| is_old(told)) {
        all.extend(module());
    }
    all
}
