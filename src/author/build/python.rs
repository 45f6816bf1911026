//! Python: componentize-py, which brings an interpreter.

use std::path::Path;

use super::bindings::Bindings;
use super::error::{BuildError, Missing};
use super::interface::Interface;
use super::plan::{Run, Step};
use super::tools::Tools;
use super::{Language, Project};

const INSTALL: [&str; 1] = ["pip install componentize-py==0.25.1"];

/// How a probe in Python is built.
pub(super) fn steps(project: &Project, tools: &Tools, out: &Path) -> Result<Vec<Step>, BuildError> {
    let Some(componentize) = tools.find("componentize-py") else {
        let missing = Missing::new("componentize-py is missing", &INSTALL);
        return Err(BuildError::Missing(Language::Python, vec![missing]));
    };
    let wit = project.own_wit();
    let own = wit.as_ref().map(|wit| project.folder.join(wit));
    let interface = Interface::read(own.as_deref())?;
    let build = Run::new(&componentize)
        .arguments(["-q", "-d", ".probity/wit", "-w", interface.world_name()])
        .arguments(["componentize", "probe", "-o"])
        .arguments([out]);
    Ok(vec![
        Step::Bindings {
            bindings: Bindings::Wit,
            into: ".probity/wit".into(),
            wit,
        },
        Step::Run(build),
    ])
}
