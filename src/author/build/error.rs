//! Why a build failed, each with the next step to take.

use std::io;
use std::path::{Path, PathBuf};

use super::Language;

/// How lines begin that install something beside the project.
const IN_THE_FOLDER: [&str; 2] = ["python3 -m venv", "npm install --save"];

/// A program, or a part of one, that a recipe needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What it is, as in "X is missing".
    pub what: String,
    /// The commands that install it, any one of which is enough.
    pub install: Vec<String>,
}

impl Missing {
    pub(super) fn new(what: impl Into<String>, install: &[&str]) -> Self {
        Self {
            what: what.into(),
            install: install.iter().map(|line| (*line).to_owned()).collect(),
        }
    }
}

/// Why a probe was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder has no main file that is known.
    #[error("{folder} holds no probe: it has none of {mains}", folder = .0.display(), mains = mains())]
    NoProbe(PathBuf),
    /// The folder has two main files.
    #[error("{folder} holds two probes: {first} and {second}", folder = .0.display(), first = .1[0], second = .1[1])]
    Several(PathBuf, [&'static str; 2]),
    /// The component cannot have that name.
    #[error("`{0}` is no name for a probe: 1 to 64 letters, digits, `-` and `_`")]
    Name(String),
    /// Programs that the recipe needs are not there, or too old.
    #[error("{language} cannot be built here: {what}", language = .0.name(), what = told(.1))]
    Missing(Language, Vec<Missing>),
    /// The project says something that cannot be built.
    #[error("{file}: {what}", file = .0.display(), what = .1)]
    Project(PathBuf, String),
    /// The author's own world cannot be read.
    #[error("{folder}: {what}", folder = .0.display(), what = .1)]
    Wit(PathBuf, String),
    /// No bindings can be made for the world.
    #[error("no bindings can be made: {0}")]
    Bindings(String),
    /// A core module is not what a component can be made of.
    #[error("{file} {what}", file = .0.display(), what = .1)]
    Core(PathBuf, String),
    /// A program ended badly. It has said why itself.
    #[error("`{program}` failed ({ending})")]
    Failed {
        /// The program.
        program: String,
        /// Its exit code or signal.
        ending: String,
        /// The next step, where the cause is known and not what the author wrote.
        next: Option<&'static str>,
    },
    /// A file or a program cannot be used.
    #[error("{doing} {path} failed: {error}", path = .path.display())]
    Io {
        /// What was done, such as `reading`.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        error: io::Error,
    },
}

impl BuildError {
    pub(super) fn io(doing: &'static str, path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { doing, path, error }
    }

    /// The next step to take, as a sentence without a full stop.
    pub fn next(&self) -> String {
        match self {
            Self::NoProbe(_) => "name the folder that holds the probe's main file".into(),
            Self::Several(..) => "leave one of them in the folder".into(),
            Self::Name(_) => "name it with --name, such as --name queue".into(),
            Self::Missing(_, missing) => installs(missing),
            Self::Project(..) => "correct that file, then build again".into(),
            Self::Wit(..) => "correct the world; `probity wit` prints the interface that it may \
                              include"
                .into(),
            Self::Bindings(_) => {
                "export only interfaces of `probity:probe`; `probity wit` prints them".into()
            }
            Self::Core(..) => {
                "build it as a reactor against the bindings of `probity bindings`".into()
            }
            Self::Failed {
                next: Some(next), ..
            } => (*next).to_owned(),
            Self::Failed { .. } => {
                "mend what it says above, then build again; --print shows the commands".into()
            }
            Self::Io { path, .. } => format!("see to it that {} can be used", path.display()),
        }
    }
}

fn mains() -> String {
    let files = Language::ALL.iter().flat_map(|one| one.main_files());
    files.copied().collect::<Vec<_>>().join(", ")
}

fn told(missing: &[Missing]) -> String {
    let all: Vec<_> = missing.iter().map(|one| one.what.as_str()).collect();
    all.join("; ")
}

fn installs(missing: &[Missing]) -> String {
    let each = missing.iter().map(|one| one.install.join("`, or `"));
    let lines = each.collect::<Vec<_>>().join("`, and `");
    let local = |line: &String| IN_THE_FOLDER.iter().any(|begin| line.starts_with(begin));
    let is_local = missing.iter().any(|one| one.install.iter().any(local));
    let place = if is_local {
        " in the probe's folder"
    } else {
        ""
    };
    format!("run `{lines}`{place}")
}
