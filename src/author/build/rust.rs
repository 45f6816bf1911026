//! Rust: cargo, for a target that gives components or modules with the interface in them.

use std::fs;
use std::path::Path;

use super::error::{BuildError, Missing};
use super::plan::{Run, Step};
use super::tools::{Found, Tools};
use super::{Language, Project};

/// The targets that make components, the first that is installed unless the author names another. The first has files and
/// clocks in its standard library; the second is for probes that need none, and smaller.
const TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-unknown-unknown"];
/// cargo's own variable and file for a target, as its documentation has them.
const TARGET_VARIABLE: &str = "CARGO_BUILD_TARGET";
const CARGO_CONFIG: &str = ".cargo/config.toml";
const INSTALL: [&str; 1] = ["curl -sSf https://sh.rustup.rs | sh"];

/// How a probe in Rust is built.
pub(super) fn steps(project: &Project, tools: &Tools, _: &Path) -> Result<Vec<Step>, BuildError> {
    let file = format!("{}.wasm", library(project)?.replace('-', "_"));
    let missing = |what: String, install: &[&str]| {
        let missing = Missing::new(what, install);
        Err(BuildError::Missing(Language::Rust, vec![missing]))
    };
    let Some(cargo) = tools.find("cargo") else {
        return missing("cargo is missing".into(), &INSTALL);
    };
    let named = named_target(project, tools)?;
    let wanted = match &named {
        Some(target) => vec![target.as_str()],
        None => TARGETS.to_vec(),
    };
    let Some(target) = wanted.iter().find(|target| has_target(tools, target)) else {
        let install = format!("rustup target add {}", wanted[0]);
        return missing(format!("rustc has no {}", wanted[0]), &[&install]);
    };
    let build = Run::new(&cargo)
        .arguments(["build", "--quiet", "--release", "--target", target])
        .arguments(["--target-dir", "target"]);
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

/// Whether the compiler that cargo would start has the target's library.
fn has_target(tools: &Tools, target: &str) -> bool {
    let named = tools
        .variable("RUSTC")
        .and_then(|rustc| Found::at(rustc.into()));
    let Some(rustc) = named.or_else(|| tools.find("rustc")) else {
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
