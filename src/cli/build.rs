//! `probity build`, `bindings` and `component`: from a probe's folder to its component, in one step or in several.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Exit, Trouble, output};
use crate::author::{self, Bindings, BuildError, Built, Project, Tools};

/// The largest core module: no host runs a component of more than `limits.file` allows at most.
const MAX_CORE_BYTES: u64 = 1 << 30;

/// What is built.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct BuildOptions {
    /// The probe's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Where the component goes [default: NAME.wasm in the folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The component's name [default: the folder's]
    #[arg(long)]
    name: Option<String>,
    /// Print the commands instead of running them
    #[arg(long)]
    print: bool,
}

/// Which bindings are written.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct BindingsOptions {
    /// For which language; `wit` for tools that make their own
    #[arg(long, value_enum)]
    lang: Language,
    /// A folder with a world of your own [default: the world `probe`]
    #[arg(long, value_name = "DIR")]
    wit: Option<PathBuf>,
    /// Where they go
    #[arg(value_name = "DIR")]
    into: PathBuf,
}

/// Which module becomes a component.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ComponentOptions {
    /// The core module
    #[arg(value_name = "CORE.wasm")]
    core: PathBuf,
    /// Where the component goes
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// `probity.h`, `probity.c` and `probity_component_type.o`, to be linked in.
    C,
    /// The same, and `host.zig` to import.
    Zig,
    /// A module `probity`, to be put in the place of that name with `replace`.
    Go,
    /// The interface's files, for componentize-py, componentize-qjs, jco and wit-bindgen.
    Wit,
}

impl From<Language> for Bindings {
    fn from(language: Language) -> Self {
        match language {
            Language::C => Self::C,
            Language::Zig => Self::Zig,
            Language::Go => Self::Go,
            Language::Wit => Self::Wit,
        }
    }
}

/// Builds a probe, or prints how. `environment`: where programs are looked for, and what they get.
///
/// # Errors
/// The folder holds no probe, a program is missing, or one failed and has said why.
pub fn build(options: BuildOptions, environment: &[(OsString, OsString)]) -> Result<Exit, Trouble> {
    let project = Project::find(&options.folder, options.name)?;
    let tools = Tools::new(&project.folder, environment);
    let plan = project.plan(&tools, options.out.as_deref())?;
    if options.print {
        return output::data(&plan.shell());
    }
    let built = plan.perform(&tools)?;
    let file = author::quoted(&built.file.to_string_lossy());
    output::note(&format!("{}\nnext: `probity test {file}`", told(&built)));
    Ok(Exit::Success)
}

/// Writes bindings.
///
/// # Errors
/// The author's world has none, or the files cannot be written.
pub fn bindings(options: &BindingsOptions) -> Result<Exit, Trouble> {
    author::write_bindings(options.lang.into(), &options.into, options.wit.as_deref())?;
    Ok(Exit::Success)
}

/// Makes a component of a core module.
///
/// # Errors
/// The module is none of a probe, or the files cannot be read and written.
pub fn component(options: &ComponentOptions) -> Result<Exit, Trouble> {
    let bytes = core(&options.core).map_err(|error| {
        let next = "name the core module that a compiler has made";
        unusable(&options.core, &error, next)
    })?;
    let made = author::component(&options.core, &bytes)?;
    author::put(&options.out, &made).map_err(|error| {
        let next = "name a place that you may write to with --out";
        unusable(&options.out, &error, next)
    })?;
    Ok(Exit::Success)
}

impl From<BuildError> for Trouble {
    fn from(error: BuildError) -> Self {
        let exit = match &error {
            BuildError::Missing(..) => Exit::Unavailable,
            BuildError::Core(..) | BuildError::Wit(..) | BuildError::Project(..) => Exit::Data,
            BuildError::Name(_) => Exit::Usage,
            _ => Exit::Failure,
        };
        Self::new(exit, error.to_string(), error.next())
    }
}

/// Reads a core module: a regular file, for a pipe could wait for ever and a device never end.
fn core(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if found.len() > MAX_CORE_BYTES {
        return Err(io::Error::other("it is too large to become a component"));
    }
    fs::read(path)
}

fn unusable(path: &Path, error: &io::Error, next: &str) -> Trouble {
    let message = format!("{} cannot be used: {error}", path.display());
    Trouble::new(Exit::Failure, message, next)
}

/// What was built, on one line.
pub(super) fn told(built: &Built) -> String {
    let (file, kib) = (built.file.display(), built.bytes.div_ceil(1024));
    format!(
        "built {file}: {kib} KiB in {:.1} s",
        built.took.as_secs_f64()
    )
}
