//! Where configuration comes from: which file, which environment, which flags.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::fault::{ConfigError, Fault, Place};
use super::{Config, fault};

/// The largest file read: a thousand times what is ever needed, and far from filling memory.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

const FILE_NAME: &str = "probity.toml";

/// Everything that configuration may come from; nothing else is looked at.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file that a flag names. It must exist.
    pub file: Option<PathBuf>,
    /// The process' environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder that may hold `probity.toml`.
    pub working_directory: PathBuf,
    /// The file looked at last, `/etc/probity/probity.toml`.
    pub system_file: PathBuf,
    /// Values from flags, in order.
    pub flags: Vec<FlagValue>,
    /// Values from flags for the section of one probe, which lie over everything else.
    pub section: Option<SectionFlags>,
}

/// A value given by a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagValue {
    /// The flag, such as `--listen`.
    pub flag: &'static str,
    /// The key that it sets, such as `server.listen`.
    pub key: &'static str,
    /// The value as it was given.
    pub value: OsString,
}

/// What flags say of one probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SectionFlags {
    /// The probe's name. A section of this name is made where there is none.
    pub probe: String,
    /// What gave the name, for whoever is told that it is none, such as `--name`.
    pub named_by: String,
    /// The values, in order.
    pub values: Vec<SectionValue>,
}

/// A value given by a flag that names its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionValue {
    /// The flag as it was given, such as `--set warn=3`.
    pub flag: String,
    /// The key below the section, such as `config.warn`.
    pub key: String,
    /// The value: TOML, or else text.
    pub value: String,
    /// Whether the key is a list that it is added to.
    pub listed: bool,
}

impl Sources {
    /// A variable's value; an empty one counts as unset, as the XDG specification has it.
    fn variable(&self, name: &str) -> Option<&OsStr> {
        let found = self.environment.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_os_str())
            .filter(|value| !value.is_empty())
    }

    /// An absolute folder from a variable, or `fallback` below the home folder.
    fn xdg(&self, name: &str, fallback: &str) -> Option<PathBuf> {
        let absolute = |name| {
            self.variable(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        absolute(name).or_else(|| Some(absolute("HOME")?.join(fallback)))
    }
}

/// The first file there is, with its text; nothing when there is none.
///
/// # Errors
/// A file that is named and missing, or that is there and cannot be read.
pub(super) fn find(sources: &Sources) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let named = sources
        .file
        .clone()
        .map(|path| (path, "--config"))
        .or_else(|| Some((sources.variable("PROBITY_CONFIG")?.into(), "PROBITY_CONFIG")));
    if let Some((path, by)) = named {
        let text = read(&path).map_err(|reason| unreadable(&path, Some(by), reason))?;
        return Ok(Some((path, text)));
    }
    let user = sources.xdg("XDG_CONFIG_HOME", ".config");
    let candidates = [
        Some(sources.working_directory.join(FILE_NAME)),
        user.map(|folder| folder.join("probity").join(FILE_NAME)),
        Some(sources.system_file.clone()),
    ];
    for path in candidates.into_iter().flatten() {
        match read(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(Unreadable::Io(error)) if is_absent(&error) => {}
            // A file that is there and is passed over would be a surprise in production.
            Err(reason) => return Err(unreadable(&path, None, reason)),
        }
    }
    Ok(None)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Why a file's text is not to be had.
enum Unreadable {
    Io(io::Error),
    Directory,
    TooLarge,
    NotUtf8 { line: usize, column: usize },
}

fn read(path: &Path) -> Result<String, Unreadable> {
    let file = File::open(path).map_err(Unreadable::Io)?;
    if file.metadata().map_err(Unreadable::Io)?.is_dir() {
        return Err(Unreadable::Directory);
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(Unreadable::Io)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Unreadable::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        let (line, column) = fault::position(&text, good);
        Unreadable::NotUtf8 { line, column }
    })
}

fn unreadable(path: &Path, by: Option<&str>, reason: Unreadable) -> ConfigError {
    let (at, rule) = match reason {
        Unreadable::Io(error) => (None, format!("cannot be read: {error}")),
        Unreadable::Directory => (None, "is a folder, not a file".to_owned()),
        Unreadable::TooLarge => (None, format!("is larger than {} MiB", MAX_FILE_BYTES >> 20)),
        Unreadable::NotUtf8 { line, column } => {
            (Some((line, column)), "is not UTF-8 from here on".to_owned())
        }
    };
    let place = Place::File {
        path: path.to_owned(),
        at,
    };
    let suggestion = match by {
        Some(by) => format!("{by} names this file"),
        None => "repair it, or name another file with --config".to_owned(),
    };
    ConfigError::new(vec![Fault::new(place, rule).suggest(Some(suggestion))])
}

/// `state.directory`, else systemd's folder, else the user's, else the system's.
pub(super) fn state_directory(config: &Config, sources: &Sources) -> PathBuf {
    // systemd separates several folders by colons.
    let from_systemd = || {
        let list = sources.variable("STATE_DIRECTORY")?;
        std::env::split_paths(list).next()
    };
    config
        .state
        .directory
        .clone()
        .or_else(from_systemd)
        .or_else(|| {
            Some(
                sources
                    .xdg("XDG_STATE_HOME", ".local/state")?
                    .join("probity"),
            )
        })
        .unwrap_or_else(|| "/var/lib/probity".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(environment: &[(&str, &str)]) -> Sources {
        let pair = |(key, value): &(&str, &str)| (key.into(), value.into());
        Sources {
            environment: environment.iter().map(pair).collect(),
            ..Sources::default()
        }
    }

    #[test]
    fn the_state_folder_follows_the_key_then_systemd_then_the_home() {
        let all = [
            ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"),
            ("XDG_STATE_HOME", "/home/me/state"),
            ("HOME", "/home/me"),
        ];
        for (environment, expected) in [
            (&all[..], "/var/lib/a"),
            (&all[1..], "/home/me/state/probity"),
            (&all[2..], "/home/me/.local/state/probity"),
            (&[("XDG_STATE_HOME", "relative")], "/var/lib/probity"),
            (&[], "/var/lib/probity"),
        ] {
            let chosen = state_directory(&Config::default(), &sources(environment));
            assert_eq!(chosen, Path::new(expected));
        }
        let mut config = Config::default();
        config.state.directory = Some("/srv/state".into());
        assert_eq!(
            state_directory(&config, &sources(&all)),
            Path::new("/srv/state")
        );
    }
}
