//! Backups: the whole database as one archive in a folder or in object storage, on a schedule or when somebody asks.
//!
//! Owns the archives' format, where they lie and which of them are kept. An archive counts when its manifest lies beside it,
//! which is written last; whatever else a backup leaves is cleared away by the next one. The database is read by `store`,
//! and nothing here knows SQL. Nobody waits for a backup: it stands back behind everything else.

mod apart;
mod archive;
mod config;
mod create;
pub mod document;
mod error;
mod handle;
mod id;
mod keeper;
mod manifest;
mod parts;
mod progress;
mod restore;
mod retention;
mod shelf;
mod tally;
mod target;
mod timing;
mod verifying;
mod workshop;

pub use config::{Config, Place, S3Config};
pub use create::{Created, Maker};
pub use error::{BackupError, BackupTrouble};
pub use handle::{Backups, Begun, Ended, Running};
pub use id::BackupId;
pub use keeper::Keeper;
pub use manifest::{Archive, Database, Manifest};
pub use progress::{Phase, Progress};
pub use restore::{Chosen, Restored, restore, verify};
pub use shelf::{Entry, Shelf, State};
pub use target::{Credentials, CredentialsError, Target};
