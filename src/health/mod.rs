//! Health: the built-in checks, and the probes' checks as far as they can be believed.
//!
//! A pure evaluation of what is known at one moment, with hysteresis that counts evaluations. This room keeps no
//! clock, reads nothing and serves nothing; the merge asks it once a second.

mod builtin;
mod config;
mod events;
mod hysteresis;
mod probes;
mod verdict;
mod watch;
mod watched;

pub use config::*;
pub use watch::{Inputs, Reported, SOURCE, Watch};
