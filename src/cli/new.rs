//! `probity new`: the beginning of a probe.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Exit, Trouble, output};
use crate::author::{self, Beginning, NewError};

/// What is begun.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "It needs no network and asks nothing. Nothing that is there is ever overwritten."
)]
pub struct NewOptions {
    /// The folder to make; its name is the probe's
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// What it is written in; TypeScript begins as js: rename probe.js to probe.ts
    #[arg(long, value_enum)]
    lang: Language,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    C,
    Zig,
    Go,
    #[value(alias = "py")]
    Python,
    #[value(alias = "javascript")]
    Js,
}

impl From<Language> for author::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::Rust => Self::Rust,
            Language::C => Self::C,
            Language::Zig => Self::Zig,
            Language::Go => Self::Go,
            Language::Python => Self::Python,
            Language::Js => Self::JavaScript,
        }
    }
}

/// Makes the folder and says what to do with it.
///
/// # Errors
/// The name is none, or something is there already.
pub fn new(options: &NewOptions) -> Result<Exit, Trouble> {
    let beginning = Beginning::new(&options.folder, options.lang.into())?;
    let files = beginning.write()?;
    let (folder, name) = (beginning.folder().to_string_lossy(), beginning.name());
    let word = author::quoted(&folder);
    output::note(&format!(
        "made {folder} with {}\nnext: cd {word} && probity build && probity test {name}.wasm",
        files.join(", ")
    ));
    Ok(Exit::Success)
}

impl From<NewError> for Trouble {
    fn from(error: NewError) -> Self {
        let exit = match &error {
            NewError::Name(_) | NewError::Taken(_) | NewError::Reserved(_) | NewError::Crate(_) => {
                Exit::Usage
            }
            NewError::Exists(_) | NewError::Io(..) => Exit::Failure,
        };
        Self::new(exit, error.to_string(), error.next())
    }
}
