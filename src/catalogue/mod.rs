//! The probe folder: which files are there, what runs because of them, and what happens when they change.
//!
//! This room watches, decides and commands. It compiles nothing and runs nothing itself: loading is the probe room's, and
//! when a probe runs is the schedule's.

mod act;
mod entry;
mod load;
mod outcome;
mod report;
mod scan;
mod settle;
mod task;
mod told;
mod watch;
mod work;

use std::io;
use std::path::PathBuf;

pub use task::{Catalogue, Plan};

/// Why there is no catalogue. What is wrong with single files is no error.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The probe folder is there and cannot be read.
    #[error("the probe folder {folder} cannot be read: {error}", folder = .0.display(), error = .1)]
    Folder(PathBuf, io::Error),
}
