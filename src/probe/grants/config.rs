//! Configuration of the grants: what one probe may reach.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::Invalid;

/// What a probe may reach. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Folders it may read, by absolute path; the guest sees them under the same path.
    pub read: Vec<PathBuf>,
    /// SQLite databases it may read, by the name it knows them under; absolute paths.
    pub sqlite: BTreeMap<String, PathBuf>,
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
    }
}
