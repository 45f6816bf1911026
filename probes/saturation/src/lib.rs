//! How close the machine is to its limits: load, pressure, memory and descriptor headroom, derived from the snapshot.
//!
//! `settings` is the configuration, `facts` reads the snapshot, `judge` gives the verdicts, and `probe` carries all of it to the host.

mod facts;
mod judge;
mod probe;
mod settings;

pub use facts::{Facts, Headroom};
pub use judge::{CHECKS, Judgement, judge};
pub use settings::Settings;
