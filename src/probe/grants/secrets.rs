//! Secrets: where the operator keeps them, and what a granted guest gets of them.
//!
//! A guest with a grant gets a placeholder, which the host replaces by the secret in headers and the query of a request to
//! a granted origin, so that the guest never holds what it sends. A server that echoes its request gives it away all the
//! same: grant origins that are trusted with the secret, or limit the secret to them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::environment::{self, Environment};
use super::origin::Origin;
use crate::model::Invalid;

/// The largest secret: several times a certificate, and far from filling a header section.
pub(in crate::probe) const MAX_SECRET_BYTES: u64 = 8 * 1024;

/// What stands in the place of a secret where that must not be.
pub(in crate::probe) const SECRET_FILLER: u8 = b'x';

/// `[secrets]`: each by name.
pub type SecretsConfig = BTreeMap<String, SecretConfig>;

/// Where one secret is kept, and where it may go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretConfig {
    /// The file that holds it; a line break at its end does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The variable of the environment that holds it at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The only origins that it may be sent to; empty: all that are granted to the probe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Origin>,
}

impl SecretConfig {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        if self.file.is_some() == self.env.is_some() {
            let rule = "must have a `file` or an `env`, and not both";
            faults.push(Invalid::new("file", "", rule));
        }
        if let Some(rule) = self.env.as_deref().and_then(environment::name_fault) {
            faults.push(Invalid::new("env", self.env.as_deref().unwrap_or(""), rule));
        }
        faults
    }

    /// Reads it.
    ///
    /// # Errors
    /// The key at fault, its value, and why; never what the secret holds.
    fn read(&self, environment: &Environment) -> Result<Secret, Invalid> {
        let (key, shown, found) = match (&self.file, &self.env) {
            (Some(path), _) => ("file", path.display().to_string(), read_file(path)),
            (None, Some(name)) => ("env", name.clone(), read_variable(name, environment)),
            (None, None) => ("file", String::new(), Err("is missing".to_owned())),
        };
        let value = found.map_err(|rule| {
            Invalid::new(key, &shown, rule)
                .suggest("let this user read it, or take the secret out of [secrets]")
        })?;
        Ok(Secret {
            value,
            origins: self.origins.clone(),
        })
    }
}

fn read_variable(name: &str, environment: &Environment) -> Result<Zeroizing<Vec<u8>>, String> {
    match environment.get(name) {
        Some(value) => usable(Zeroizing::new(value.as_bytes().to_vec())),
        None => Err("is not set in the environment, or is not UTF-8".to_owned()),
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    // Anything but a regular file could wait for ever.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_SECRET_BYTES + 3)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let line = bytes.strip_suffix(b"\n").map_or(bytes.len(), <[u8]>::len);
    let line = bytes[..line].strip_suffix(b"\r").map_or(line, <[u8]>::len);
    bytes.truncate(line);
    usable(bytes)
}

fn usable(value: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, String> {
    if value.is_empty() {
        return Err("is empty".to_owned());
    }
    if value.len() as u64 > MAX_SECRET_BYTES {
        return Err(format!("holds more than {} KiB", MAX_SECRET_BYTES >> 10));
    }
    Ok(value)
}

/// One secret. Neither shown nor left in memory.
#[derive(PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) value: Zeroizing<Vec<u8>>,
    /// The only origins that it may be sent to; empty: all.
    pub(super) origins: Vec<Origin>,
}

/// All secrets, read once at the start; cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, Arc<Secret>>);

impl Secrets {
    /// Reads every secret.
    ///
    /// # Errors
    /// All that cannot be had; keys are paths such as `api-token.file`.
    pub fn read(config: &SecretsConfig, environment: &Environment) -> Result<Self, Vec<Invalid>> {
        let mut secrets = BTreeMap::new();
        let mut faults = Vec::new();
        for (name, one) in config {
            match one.read(environment) {
                Ok(secret) => {
                    secrets.insert(name.clone(), Arc::new(secret));
                }
                Err(mut fault) => {
                    fault.key = format!("{name}.{}", fault.key);
                    faults.push(fault);
                }
            }
        }
        if faults.is_empty() {
            Ok(Self(secrets))
        } else {
            Err(faults)
        }
    }

    /// Secrets that hold nothing, but are as long.
    pub(in crate::probe) fn dummies(
        list: impl Iterator<Item = (String, usize, Vec<Origin>)>,
    ) -> Self {
        let dummy = |(name, bytes, origins)| {
            let value = Zeroizing::new(vec![SECRET_FILLER; bytes]);
            (name, Arc::new(Secret { value, origins }))
        };
        Self(list.map(dummy).collect())
    }

    /// Each with what it holds.
    pub(in crate::probe) fn values(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let all = self.0.iter();
        all.map(|(name, secret)| (name.as_str(), secret.value.as_slice()))
    }

    /// What one holds, for the program's own use.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.get(name).map(|secret| secret.value.as_slice())
    }

    /// How long one is, and the only origins that it may be sent to.
    pub(in crate::probe) fn shape(&self, name: &str) -> Option<(usize, &[Origin])> {
        let secret = self.get(name)?;
        Some((secret.value.len(), &secret.origins))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Secret>> {
        self.0.get(name)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Secrets of these names and values, each limited to the origins, for the tests of this folder.
    pub(in crate::probe::grants) fn secrets(list: &[(&str, &[u8], &[&str])]) -> Secrets {
        let one = |(name, value, origins): &(&str, &[u8], &[&str])| {
            let secret = Secret {
                value: Zeroizing::new(value.to_vec()),
                origins: origins.iter().map(|text| text.parse().unwrap()).collect(),
            };
            ((*name).to_owned(), Arc::new(secret))
        };
        Secrets(list.iter().map(one).collect())
    }

    fn in_file(path: &Path) -> SecretsConfig {
        let one = SecretConfig {
            file: Some(path.to_owned()),
            ..SecretConfig::default()
        };
        [("token".to_owned(), one)].into()
    }

    #[test]
    fn a_secret_is_read_without_its_line_break_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        for (text, value) in [
            ("hunter2", "hunter2"),
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n", "hunter2"),
            ("two\nlines\n\n", "two\nlines\n"),
        ] {
            fs::write(&file, text).unwrap();
            let read = Secrets::read(&in_file(&file), &Environment::default()).unwrap();
            assert_eq!(**read.get("token").unwrap().value, *value.as_bytes());
            assert_eq!(format!("{read:?}"), "{\"token\"}");
        }
        let environment = Environment::of(&[("TOKEN".into(), "hunter2".into())]);
        let config = SecretConfig {
            env: Some("TOKEN".into()),
            ..SecretConfig::default()
        };
        let read = Secrets::read(&[("token".into(), config)].into(), &environment).unwrap();
        assert_eq!(**read.get("token").unwrap().value, *b"hunter2");
    }

    #[test]
    fn c05_a_secret_that_cannot_be_had_is_named_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty) = (folder.path().join("none"), folder.path().join("empty"));
        let large = folder.path().join("large");
        fs::write(&empty, "\n").unwrap();
        fs::write(&large, vec![b'x'; 9000]).unwrap();
        for (path, why) in [
            (missing.as_path(), "cannot be read"),
            (&empty, "is empty"),
            (&large, "more than 8 KiB"),
            (folder.path(), "not a regular file"),
        ] {
            let faults = Secrets::read(&in_file(path), &Environment::default()).unwrap_err();
            assert_eq!(faults[0].key, "token.file");
            assert!(faults[0].rule.contains(why), "{:?}", faults[0]);
        }
        let config = SecretConfig {
            env: Some("UNSET".into()),
            ..SecretConfig::default()
        };
        let faults = Secrets::read(&[("a".into(), config)].into(), &Environment::default());
        let faults = faults.unwrap_err();
        assert_eq!(
            (faults[0].key.as_str(), faults[0].value.as_str()),
            ("a.env", "UNSET")
        );
    }

    #[test]
    fn a_secret_has_one_source() {
        assert_eq!(SecretConfig::default().check().len(), 1);
        let both = SecretConfig {
            file: Some("/x".into()),
            env: Some("X=".into()),
            ..SecretConfig::default()
        };
        assert_eq!(both.check().len(), 2);
    }
}
