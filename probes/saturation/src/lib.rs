//! How close the machine is to its limits: load, pressure, memory and descriptor headroom, derived from the snapshot.
//!
//! `settings` reads the configuration, `facts` the snapshot, `judge` gives the verdicts; `guest` carries all of it to
//! the host and is all that knows the interface.

mod facts;
#[cfg(any(target_arch = "wasm32", clippy))]
mod guest;
mod judge;
mod settings;

pub use facts::{Facts, Headroom};
pub use judge::{CHECKS, Judgement, judge};
pub use settings::Settings;
