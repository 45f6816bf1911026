//! Configuration of the grants: what one probe may reach.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::environment;
use super::origin::{Endpoint, Origin};
use crate::model::Invalid;

/// What a probe may reach. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Folders and single files it may read, by absolute path; the guest sees them under the same path.
    pub read: Vec<PathBuf>,
    /// SQLite databases it may read, by the name it knows them under; absolute paths.
    pub sqlite: BTreeMap<String, PathBuf>,
    /// Origins it may send HTTP requests to.
    pub http: Vec<Origin>,
    /// Hosts and ports it may connect to over TCP.
    pub tcp: Vec<Endpoint>,
    /// Hosts and ports it may exchange UDP datagrams with.
    pub udp: Vec<Endpoint>,
    /// Variables of the environment it may read, by name.
    pub env: Vec<String>,
    /// Secrets for which it gets placeholders, by name.
    pub secrets: Vec<String>,
    /// Secrets that it gets themselves, by name.
    pub reveal: Vec<String>,
}

impl Grants {
    pub(in crate::probe) fn check(&self, faults: &mut Vec<Invalid>) {
        for (index, path) in self.read.iter().enumerate() {
            if !path.is_absolute() {
                faults.push(Invalid::new(
                    format!("grant.read[{index}]"),
                    path.display(),
                    "must be an absolute path",
                ));
            }
        }
        for (name, path) in &self.sqlite {
            if !path.is_absolute() {
                let key = format!("grant.sqlite.{name}");
                faults.push(Invalid::new(
                    key,
                    path.display(),
                    "must be an absolute path",
                ));
            }
        }
        for (index, name) in self.env.iter().enumerate() {
            if let Some(rule) = environment::name_fault(name) {
                faults.push(Invalid::new(format!("grant.env[{index}]"), name, rule));
            }
        }
    }

    /// The secrets it names, each with the key that does.
    pub fn secret_names(&self) -> impl Iterator<Item = (String, &str)> {
        let secrets = self
            .secrets
            .iter()
            .enumerate()
            .map(|(index, name)| (format!("grant.secrets[{index}]"), name.as_str()));
        let reveal = self
            .reveal
            .iter()
            .enumerate()
            .map(|(index, name)| (format!("grant.reveal[{index}]"), name.as_str()));
        secrets.chain(reveal)
    }

    /// The grants in words, as the snapshot shows them.
    pub(in crate::probe) fn words(&self) -> Vec<String> {
        fn each<T: Display>(word: &str, list: &[T]) -> Vec<String> {
            list.iter().map(|one| format!("{word} {one}")).collect()
        }
        let databases: Vec<_> = self.sqlite.keys().collect();
        let read: Vec<_> = self.read.iter().map(|path| path.display()).collect();
        [
            each("read", &read),
            each("http", &self.http),
            each("tcp", &self.tcp),
            each("udp", &self.udp),
            each("env", &self.env),
            each("secret", &self.secrets),
            each("reveal", &self.reveal),
            each("sqlite", &databases),
        ]
        .concat()
    }
}
