//! What is laid over the file: environment variables, then flags.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use toml::de::DeValue;

use super::fault::{Fault, Place};
use super::path::{KeyPath, Step};
use super::source::Sources;
use super::tree::{self, Node};

/// `PROBITY__SERVER__LISTEN` sets `server.listen`.
const PREFIX: &str = "PROBITY__";

/// One value laid over the file.
#[derive(Debug)]
pub(super) struct Override {
    /// The variable's or flag's name.
    pub(super) name: String,
    /// The key that it sets.
    pub(super) path: KeyPath,
    /// The value as it was given.
    pub(super) text: String,
    pub(super) giver: Giver,
}

/// What gave a value, which decides how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Giver {
    /// A variable of the environment: TOML where the key is no text by default.
    Variable,
    /// A flag of one key: text.
    Flag,
    /// A flag that names its key: TOML where it is some.
    KeyedFlag,
}

impl Override {
    /// The place that a fault in this value names.
    pub(super) fn place(&self) -> Place {
        match self.giver {
            Giver::Variable => Place::Environment(self.name.clone()),
            Giver::Flag | Giver::KeyedFlag => Place::Flag(self.name.clone()),
        }
    }

    /// The value, read as TOML or taken as text.
    fn value<'i>(&'i self, defaults: &Node<'_>) -> DeValue<'i> {
        let text = || DeValue::String(self.text.as_str().into());
        let is_toml = match self.giver {
            Giver::Variable => {
                let known = tree::find(defaults, &self.path.0);
                known.is_some_and(|known| !known.get_ref().is_str())
            }
            Giver::Flag => false,
            Giver::KeyedFlag => true,
        };
        if is_toml {
            DeValue::parse(&self.text).map_or_else(|_| text(), |value| value.into_inner())
        } else {
            text()
        }
    }
}

/// The values from the environment, by name, then those from flags; and what is no value.
pub(super) fn overrides(sources: &Sources) -> (Vec<Override>, Vec<Fault>) {
    let mut overrides = Vec::new();
    let mut faults = Vec::new();
    let mut variables: Vec<_> = sources.environment.iter().collect();
    variables.sort();
    for (name, value) in variables {
        if name.as_bytes().starts_with(PREFIX.as_bytes()) {
            match from_variable(name, value) {
                Ok(one) => overrides.push(one),
                Err(rule) => {
                    let name = name.to_string_lossy().into_owned();
                    faults.push(Fault::new(Place::Environment(name), rule));
                }
            }
        }
    }
    for flag in &sources.flags {
        match flag.value.to_str() {
            Some(text) => overrides.push(Override {
                name: flag.flag.into(),
                path: KeyPath::parse(flag.key),
                text: text.into(),
                giver: Giver::Flag,
            }),
            None => {
                let fault = Fault::new(Place::Flag(flag.flag.into()), "must be UTF-8");
                faults.push(fault.of(flag.key, ""));
            }
        }
    }
    (overrides, faults)
}

fn from_variable(name: &OsStr, value: &OsStr) -> Result<Override, &'static str> {
    const NO_KEY: &str = "is no key: write PROBITY__SECTION__KEY, as in PROBITY__SERVER__LISTEN";
    let name = name.to_str().ok_or(NO_KEY)?;
    let keys: Vec<String> = name[PREFIX.len()..]
        .split("__")
        .map(str::to_lowercase)
        .collect();
    if keys.iter().any(String::is_empty) {
        return Err(NO_KEY);
    }
    Ok(Override {
        name: name.into(),
        path: KeyPath(keys.into_iter().map(Step::Key).collect()),
        text: value.to_str().ok_or("its value must be UTF-8")?.into(),
        giver: Giver::Variable,
    })
}

/// Lays the values over `root`; gives back a fault for each that has no place there.
pub(super) fn apply<'i>(
    root: &mut Node<'i>,
    overrides: &'i [Override],
    defaults: &Node<'_>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for one in overrides {
        if !tree::set(root, &one.path.0, one.value(defaults)) {
            let rule = "lies within a value that is no section; a list is given whole";
            faults.push(Fault::new(one.place(), rule).of(&one.path, &one.text));
        }
    }
    faults
}
