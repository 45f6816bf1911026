//! systemd's units and containers: use, limits, pressure and OOM kills, from their control groups (cgroup v2).
//!
//! `settings` is the configuration. `names` says what a group's folder belongs to, `walk` finds the groups, `usage` reads one; `series`
//! writes what was read, `judge` gives the verdicts, and `probe` carries all of it to the host. Files: Linux,
//! Documentation/admin-guide/cgroup-v2.rst.

mod judge;
mod names;
mod probe;
mod series;
mod settings;
mod usage;
mod walk;

pub use judge::{CHECKS, Judgement, Judges, Seen};
pub use names::{Kind, Label, kind};
pub use series::{FIELDS, Field, Group, Written};
pub use settings::Settings;
pub use usage::Usage;
pub use walk::{Found, Looked};
