//! Sockets of this machine's network namespace: states, use, and the kernel's counters, from a granted `/proc/net`.
//!
//! `settings` is the configuration; `sockstat`, `counters` and `states` read one kind of file each; `judge` gives the verdicts, and `probe`
//! carries all of it to the host.

mod counters;
mod judge;
mod probe;
mod settings;
mod sockstat;
mod states;

pub use counters::{COUNTERS, Counter, Source, Totals};
pub use judge::{CHECKS, Judgement, Judges};
pub use settings::Settings;
pub use sockstat::Sockstat;
pub use states::{Counted, STATES, States};
