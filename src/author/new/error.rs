//! Why a probe was not begun, each with the next step to take.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a probe was not begun.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The folder's name is none for a probe.
    #[error(
        "`{0}` is no name for a new probe: a letter, then up to 63 letters, digits, `-` and `_`"
    )]
    Name(String),
    /// The running program has that name for a source of its own.
    #[error("`{0}` is the name of a built-in source, under which no probe runs")]
    Taken(String),
    /// Its metrics would have the prefix of the host's own.
    #[error("`{0}` begins as the host's own metrics do, which a probe's may not")]
    Reserved(String),
    /// No crate can be called that, or one that it is built with is.
    #[error(
        "`{0}` is a word of Rust or of a crate that the probe is built with, and no name for another"
    )]
    Crate(String),
    /// Something is there already.
    #[error("{folder} is there already, and is left as it is", folder = .0.display())]
    Exists(PathBuf),
    /// Something cannot be written.
    #[error("{path} cannot be written: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, io::Error),
}

impl NewError {
    pub(super) fn making(folder: &Path, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::AlreadyExists => Self::Exists(folder.to_owned()),
            _ => Self::Io(folder.to_owned(), error),
        }
    }

    /// The next step to take, as a sentence without a full stop.
    pub fn next(&self) -> String {
        match self {
            Self::Name(_) | Self::Taken(_) | Self::Reserved(_) | Self::Crate(_) => {
                "give another name, such as disk-usage".into()
            }
            Self::Exists(_) => "give another name, or remove that folder yourself".into(),
            Self::Io(path, _) => {
                let parent = path.parent().filter(|above| *above != Path::new(""));
                let parent = parent.unwrap_or(Path::new("."));
                format!(
                    "see to it that {} is there and can be written to",
                    parent.display()
                )
            }
        }
    }
}
