//! Building a probe from its folder: one recipe a language, and the parts of a toolchain that this program is itself.
//!
//! A recipe says which programs run; bindings and components are made here, so that an author in C needs a compiler
//! and nothing else. Nothing is downloaded here; cargo fetches what a manifest names. What a build leaves behind is below
//! `.probity` in the probe's folder.

mod bindings;
mod c;
mod component;
mod error;
mod go;
#[cfg(test)]
mod install_tests;
mod interface;
mod javascript;
#[cfg(test)]
mod made_tests;
mod plan;
mod python;
mod rust;
#[cfg(test)]
mod tests;
mod tools;
mod zig;
mod zig_host;

use std::path::{Path, PathBuf};

pub use bindings::{Bindings, write_bindings};
pub use component::component;
pub use error::{BuildError, Missing};
pub use plan::{BuildPlan, Built, Step};
pub use tools::Tools;

/// Where a build keeps what it makes on the way, in the probe's folder.
const WORK: &str = ".probity";
/// Where it puts the interface for tools that make bindings themselves.
const WIT: &str = ".probity/wit";
/// The folder with an author's own world, in the probe's folder.
const OWN_WIT: &str = "wit";

/// A language that probes are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Rust, with cargo.
    Rust,
    /// C.
    C,
    /// Zig.
    Zig,
    /// Go.
    Go,
    /// Python.
    Python,
    /// JavaScript, and TypeScript with its types taken away.
    JavaScript,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Rust,
        Self::C,
        Self::Zig,
        Self::Go,
        Self::Python,
        Self::JavaScript,
    ];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::Zig => "Zig",
            Self::Go => "Go",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
        }
    }

    /// The files, one of which says that a folder holds a probe in this language.
    pub fn main_files(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["Cargo.toml"],
            Self::C => &["probe.c"],
            Self::Zig => &["probe.zig"],
            Self::Go => &["probe.go"],
            Self::Python => &["probe.py"],
            Self::JavaScript => &["probe.js", "probe.ts"],
        }
    }
}

/// A folder with a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// What the component is called, without `.wasm`.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    /// Its main file's name.
    pub main: &'static str,
}

impl Project {
    /// Recognises a folder by its main file. `name`: what the component will be called; the folder's name where none is
    /// given.
    ///
    /// # Errors
    /// There is no such folder, no main file or more than one, or the name is none for a probe.
    pub fn find(folder: &Path, name: Option<String>) -> Result<Self, BuildError> {
        let whole = folder
            .canonicalize()
            .map_err(|error| BuildError::io("reading", folder, error))?;
        let mut found = Language::ALL.iter().flat_map(|&language| {
            let there = |main: &&&'static str| whole.join(main).is_file();
            let mains = language.main_files().iter().filter(there);
            mains.map(move |main| (language, *main))
        });
        let Some((language, main)) = found.next() else {
            return Err(BuildError::NoProbe(folder.to_owned()));
        };
        if let Some((_, other)) = found.next() {
            return Err(BuildError::Several(folder.to_owned(), [main, other]));
        }
        let name = name.unwrap_or_else(|| {
            let name = whole.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        });
        if !crate::probe::is_probe_name(&name) {
            return Err(BuildError::Name(name));
        }
        Ok(Self {
            folder: folder.to_owned(),
            name,
            language,
            main,
        })
    }

    /// What to do to build it into `out`, `NAME.wasm` in its folder where nothing is given.
    ///
    /// # Errors
    /// A program is missing or too old, or the project says something that cannot be built.
    pub fn plan(&self, tools: &Tools, out: Option<&Path>) -> Result<BuildPlan, BuildError> {
        let out = match out {
            Some(out) => {
                std::path::absolute(out).map_err(|error| BuildError::io("finding", out, error))?
            }
            None => format!("{}.wasm", self.name).into(),
        };
        let steps = match self.language {
            Language::Rust => rust::steps(self, tools, &out),
            Language::C => c::steps(self, tools, &out),
            Language::Zig => zig::steps(self, tools, &out),
            Language::Go => go::steps(self, tools, &out),
            Language::Python => python::steps(self, tools, &out),
            Language::JavaScript => javascript::steps(self, tools, &out),
        }?;
        Ok(BuildPlan::new(self.folder.clone(), steps, out))
    }

    /// The interface for a tool that makes its own bindings of the folder that it is given. The folder.
    fn interface(&self) -> (Vec<Step>, &'static str) {
        let bindings = Step::Bindings {
            bindings: Bindings::Wit,
            into: WIT.into(),
            wit: self.own_wit(),
        };
        (vec![Step::Clear(WIT.into()), bindings], WIT)
    }

    /// The author's own world, where there is one.
    fn own_wit(&self) -> Option<PathBuf> {
        let folder = self.folder.join(OWN_WIT);
        folder.is_dir().then(|| OWN_WIT.into())
    }
}
