//! Rust: cargo, for a target that gives components or modules with the interface in them.

use std::fs;
use std::path::Path;

use super::error::{BuildError, Missing};
use super::plan::{Run, Step};
use super::tools::{Found, Tools, version};
use super::{Language, Project};

/// The targets that make components, the first that is installed unless the author names another. The first has files and
/// clocks in its standard library; the second is for probes that need none, and smaller.
const TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-unknown-unknown"];
/// cargo's own variable and file for a target, as its documentation has them.
const TARGET_VARIABLE: &str = "CARGO_BUILD_TARGET";
const CARGO_CONFIG: &str = ".cargo/config.toml";
/// The compiler with the first target, whatever other compiler is there.
const INSTALL: &str =
    "curl -sSf https://sh.rustup.rs | sh -s -- -y --target wasm32-wasip2 && . ~/.cargo/env";
/// The first compiler for what `probity new` and `probity-sdk` are written in.
const OLDEST: (u32, u32) = (1, 85);
/// Debian's libraries for the second target, for Debian's own compiler.
const DEBIAN: &str = "apt install libstd-rust-dev-wasm32";
/// What the next step is where cargo does not have what the manifest names.
const UNREACHED: &str = "see that this machine reaches https://index.crates.io, then build again: cargo fetches what Cargo.toml names, once";

/// How a probe in Rust is built.
pub(super) fn steps(project: &Project, tools: &Tools, _: &Path) -> Result<Vec<Step>, BuildError> {
    let file = format!("{}.wasm", library(project)?.replace('-', "_"));
    let missing = |what: String, install: &[&str]| {
        let missing = Missing::new(what, install);
        Err(BuildError::Missing(Language::Rust, vec![missing]))
    };
    let Some(cargo) = tools.find("cargo") else {
        return missing("cargo is missing".into(), &[INSTALL]);
    };
    let named = named_target(project, tools)?;
    let wanted = match &named {
        Some(target) => vec![target.as_str()],
        None => TARGETS.to_vec(),
    };
    let Some(target) = wanted.iter().find(|target| has_target(tools, target)) else {
        let install = installs(tools, wanted[0], named.is_some());
        let install: Vec<&str> = install.iter().map(String::as_str).collect();
        return missing(format!("rustc has no {}", wanted[0]), &install);
    };
    let build = Run::new(&cargo)
        .arguments(["build", "--quiet", "--release", "--target", target])
        .arguments(["--target-dir", "target"])
        .or_else(
            ["fetch", "--quiet", "--offline", "--target", target],
            UNREACHED,
        );
    Ok(vec![
        Step::Run(build),
        Step::Component {
            core: Path::new("target").join(target).join("release").join(file),
        },
    ])
}

/// The target that the author names, in the environment or in the folder.
fn named_target(project: &Project, tools: &Tools) -> Result<Option<String>, BuildError> {
    if let Some(target) = tools.variable(TARGET_VARIABLE) {
        return Ok(target.into_string().ok());
    }
    let file = project.folder.join(CARGO_CONFIG);
    if !file.is_file() {
        return Ok(None);
    }
    let config = table(&file)?;
    let target = config.get("build").and_then(|build| build.get("target"));
    Ok(target.and_then(|target| target.as_str()).map(str::to_owned))
}

/// The compiler that cargo would start.
fn rustc(tools: &Tools) -> Option<Found> {
    let named = tools.variable("RUSTC");
    let named = named.and_then(|rustc| Found::at(rustc.into()));
    named.or_else(|| tools.find("rustc"))
}

/// The lines that bring a target: `rustup` where the compiler is its own, else what goes with the compiler that is there.
fn installs(tools: &Tools, target: &str, is_named: bool) -> Vec<String> {
    if tools.find("rustup").is_some() {
        return vec![format!("rustup target add {target}")];
    }
    let fresh = INSTALL.replace(TARGETS[0], target);
    let is_served = !is_named || target == TARGETS[1];
    let debian = rustc(tools).filter(|rustc| {
        let root = tools.ask(rustc, &["--print", "sysroot"]);
        let told = tools.ask(rustc, &["--version"]).unwrap_or_default();
        let is_new = version(&told).is_some_and(|version| version >= OLDEST);
        is_served && is_new && root.as_deref() == Some("/usr")
    });
    let debian = debian.map(|_| DEBIAN.to_owned());
    debian.into_iter().chain([fresh]).collect()
}

/// Whether that compiler has the target's library.
fn has_target(tools: &Tools, target: &str) -> bool {
    let Some(rustc) = rustc(tools) else {
        return false;
    };
    let library = tools.ask(&rustc, &["--print", "target-libdir", "--target", target]);
    library.is_some_and(|folder| Path::new(&folder).is_dir())
}

/// The name of the library that becomes the component.
fn library(project: &Project) -> Result<String, BuildError> {
    let file = project.folder.join(project.main);
    let manifest = table(&file)?;
    let name = |table: &str| manifest.get(table)?.get("name")?.as_str();
    name("lib")
        .or_else(|| name("package"))
        .map(str::to_owned)
        .ok_or_else(|| BuildError::Project(file, "names no package".into()))
}

fn table(file: &Path) -> Result<toml::Table, BuildError> {
    let text = fs::read_to_string(file).map_err(|error| BuildError::io("reading", file, error))?;
    text.parse().map_err(|error: toml::de::Error| {
        BuildError::Project(file.to_owned(), format!("is not TOML: {}", error.message()))
    })
}
