//! Python: componentize-py, which brings an interpreter.

use std::path::Path;

use super::error::{BuildError, Missing};
use super::interface::Interface;
use super::plan::{Run, Step};
use super::tools::{Tools, venv};
use super::{Language, Project};

const PACKAGE: &str = "componentize-py==0.25.1";

/// How a probe in Python is built.
pub(super) fn steps(project: &Project, tools: &Tools, out: &Path) -> Result<Vec<Step>, BuildError> {
    let Some(componentize) = tools.find("componentize-py") else {
        let missing = Missing::new("componentize-py is missing", &[&venv(PACKAGE)]);
        return Err(BuildError::Missing(Language::Python, vec![missing]));
    };
    let wit = project.own_wit();
    let own = wit.as_ref().map(|wit| project.folder.join(wit));
    let interface = Interface::read(own.as_deref())?;
    let (mut steps, folder) = project.interface();
    let build = Run::new(&componentize)
        .arguments(["-q", "-d", folder, "-w", interface.world_name()])
        .arguments(["componentize", "probe", "-o"])
        .arguments([out]);
    steps.push(Step::Run(build));
    Ok(steps)
}
