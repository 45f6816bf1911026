//! Heartbeats of jobs: when each last succeeded, from the file that it leaves behind, with a check for each job.
//!
//! `settings` is the configuration, `beat` reads a file, `seen` remembers what was read before, `judge` gives the verdict, and `probe`
//! carries all of it to the host.

mod beat;
mod judge;
mod probe;
mod seen;
mod settings;

pub use beat::Beat;
pub use judge::judge;
pub use seen::Seen;
pub use settings::{Content, Job, Settings};
