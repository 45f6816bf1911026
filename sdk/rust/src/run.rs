//! Facts about the call that is running.

use std::time::Duration;

use crate::host::run as host;

/// Why the call is made: `schedule`, `startup`, `manual`, `test`; new words may appear.
pub fn trigger() -> String {
    host::trigger()
}

/// The wall clock at the beginning of this call, Unix seconds. It may step from call to call; for durations use
/// [`clock::steady`](crate::clock::steady).
pub fn now() -> f64 {
    host::now_unix_seconds()
}

/// What is left until the host stops this call.
pub fn time_left() -> Duration {
    duration(host::seconds_left())
}

/// How often this probe runs.
pub fn interval() -> Duration {
    duration(host::interval_seconds())
}

/// How many due times were passed over since the run before, because it took too long or the machine slept.
pub fn missed() -> u32 {
    host::missed_runs()
}

/// The number of this run since the probe was loaded, from 1. [`Probe::start`](crate::Probe::start) has the number of the run that it precedes.
pub fn ordinal() -> u32 {
    host::ordinal()
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
