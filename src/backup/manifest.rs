//! What a backup says of itself: within its archive, and beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BackupError, BackupId};
use crate::store;

/// The version of the archive's format: two entries in a tar, packed with zstd.
pub(super) const FORMAT: u32 = 1;
/// The largest manifest: a thousand times what is ever needed, and far from filling memory.
pub(super) const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// How a checksum of BLAKE3 is written.
const CHECKSUM: &str = "blake3:";

/// What a backup is. In the archive it stands first; beside it, it tells of the archive too.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the archive's format.
    pub format: u32,
    /// The backup's name.
    pub id: BackupId,
    /// When the database was as it is here, as RFC 3339.
    pub created: String,
    /// The version of the program that made it.
    pub program: String,
    /// The version of the database's schema.
    pub schema: i64,
    /// The database.
    pub database: Database,
    /// The rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// The archive; in the archive itself there is nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
}

/// The database's file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Its size.
    pub bytes: u64,
    /// Its checksum, `blake3:` and 64 hex digits.
    pub checksum: String,
}

/// The archive's file or object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Its size.
    pub bytes: u64,
    /// Its checksum, `blake3:` and 64 hex digits.
    pub checksum: String,
}

/// The part of every format that says which one it is.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] when it is none, [`BackupError::Newer`] when it is of a later format or its database of a later schema.
    pub(super) fn read(bytes: &[u8], of: &str) -> Result<Self, BackupError> {
        let damaged = |error: serde_json::Error| {
            BackupError::damaged(of, format!("its manifest cannot be read: {error}"))
        };
        let Version { format } = serde_json::from_slice(bytes).map_err(damaged)?;
        if format > FORMAT {
            return Err(BackupError::Newer {
                backup: of.to_owned(),
                what: "format",
                found: i64::from(format),
                known: i64::from(FORMAT),
            });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(damaged)?;
        let checksums = [Some(&manifest.database.checksum)]
            .into_iter()
            .chain([manifest.archive.as_ref().map(|archive| &archive.checksum)]);
        if format < FORMAT || !checksums.flatten().all(|text| is_checksum(text)) {
            return Err(BackupError::damaged(of, "its manifest makes no sense"));
        }
        Ok(manifest)
    }

    /// Whether this program can read the database.
    ///
    /// # Errors
    /// [`BackupError::Newer`].
    pub(super) fn known(&self) -> Result<(), BackupError> {
        let known = store::known_schema();
        if self.schema <= known {
            return Ok(());
        }
        Err(BackupError::Newer {
            backup: self.id.to_string(),
            what: "schema",
            found: self.schema,
            known,
        })
    }

    /// As it stands in the archive.
    pub(super) fn within(&self) -> Self {
        Self {
            archive: None,
            ..self.clone()
        }
    }

    /// As JSON.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("words and numbers are JSON");
        bytes.push(b'\n');
        bytes
    }
}

/// A checksum as it is written.
pub(super) fn checksum(hasher: &blake3::Hasher) -> String {
    format!("{CHECKSUM}{}", hasher.finalize())
}

fn is_checksum(text: &str) -> bool {
    let digits = text.strip_prefix(CHECKSUM);
    digits.is_some_and(|digits| blake3::Hash::from_hex(digits).is_ok())
}
