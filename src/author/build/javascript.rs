//! JavaScript: componentize-qjs, which brings an engine; TypeScript once esbuild has taken its types away.

use std::path::Path;

use super::error::{BuildError, Missing};
use super::interface::Interface;
use super::plan::{Run, Step};
use super::tools::Tools;
use super::{Language, Project};

/// Into the project, where no right to write elsewhere is needed and other projects keep their versions.
const INSTALL: [&str; 1] = ["npm install --save-dev --save-exact componentize-qjs@0.4.5"];
const INSTALL_TYPES: [&str; 1] = ["npm install --save-dev --save-exact esbuild@0.28.2"];

/// How a probe in JavaScript is built.
pub(super) fn steps(project: &Project, tools: &Tools, out: &Path) -> Result<Vec<Step>, BuildError> {
    let typed = project.main.ends_with(".ts");
    let esbuild = tools.find("esbuild");
    let mut missing = Vec::new();
    let componentize = tools.find("componentize-qjs");
    if componentize.is_none() {
        missing.push(Missing::new("componentize-qjs is missing", &INSTALL));
    }
    if typed && esbuild.is_none() {
        missing.push(Missing::new(
            "esbuild is missing, which takes types away",
            &INSTALL_TYPES,
        ));
    }
    let Some(componentize) = componentize.filter(|_| missing.is_empty()) else {
        return Err(BuildError::Missing(Language::JavaScript, missing));
    };
    let wit = project.own_wit();
    let own = wit.as_ref().map(|wit| project.folder.join(wit));
    let interface = Interface::read(own.as_deref())?;
    let (mut steps, folder) = project.interface();
    let mut script = project.main;
    if let Some(esbuild) = esbuild.filter(|_| typed) {
        script = ".probity/probe.js";
        let strip = Run::new(&esbuild)
            .arguments([
                project.main,
                "--bundle",
                "--format=esm",
                "--log-level=warning",
            ])
            .arguments(["--external:probity:*", "--external:wasi:*"])
            .arguments(["--outfile=.probity/probe.js"]);
        steps.push(Step::Run(strip));
    }
    // Without async, which hosts do not have yet.
    let build = Run::new(&componentize)
        .arguments(["--sync", "--wit", folder, "--world", interface.world_name()])
        .arguments(["--js", script, "--output"])
        .arguments([out]);
    steps.push(Step::Run(build));
    Ok(steps)
}
