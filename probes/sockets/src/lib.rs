//! Sockets of this machine's network namespace: states, use, and the kernel's counters, from a granted `/proc/net`.
//!
//! `lines` reads files of any length through a bounded buffer, `sockstat`, `states` and `counters` one format each,
//! `judge` gives the verdicts; `guest` carries all of it to the host and is all that knows the interface.

mod counters;
#[cfg(any(target_arch = "wasm32", clippy))]
mod guest;
mod judge;
mod lines;
mod settings;
mod sockstat;
mod states;

pub use counters::{COUNTERS, Counter, Source, Totals};
pub use judge::{CHECKS, Judgement, Judges};
pub use lines::{Ended, each_line};
pub use settings::Settings;
pub use sockstat::Sockstat;
pub use states::{Counted, STATES, States};
