//! `probity:host/run`: facts about the call that is running.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Guest;
use crate::probe::v0_1_0::probity::host::run::Host;

/// Why a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// It is time.
    Schedule,
    /// The first call after loading.
    Startup,
    /// Somebody asked for it.
    Manual,
    /// A trial outside the running program.
    Test,
}

impl Trigger {
    pub(in crate::probe) fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Startup => "startup",
            Self::Manual => "manual",
            Self::Test => "test",
        }
    }
}

/// The facts of one call.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts {
    /// Why.
    pub trigger: Trigger,
    /// When it began, wall clock.
    pub wall: SystemTime,
    /// When it is ended, whatever the guest does.
    pub deadline: Instant,
    /// How often the probe runs.
    pub interval: Duration,
    /// Due times passed over since the run before.
    pub missed: u32,
    /// Counts the probe's runs from 1.
    pub ordinal: u32,
}

impl RunFacts {
    /// No call is running.
    pub(super) fn idle() -> Self {
        Self {
            trigger: Trigger::Startup,
            wall: UNIX_EPOCH,
            deadline: Instant::now(),
            interval: Duration::ZERO,
            missed: 0,
            ordinal: 0,
        }
    }
}

impl Host for Guest {
    fn trigger(&mut self) -> wasmtime::Result<String> {
        Ok(self.run.trigger.as_str().to_owned())
    }

    fn now_unix_seconds(&mut self) -> wasmtime::Result<f64> {
        let since = self.run.wall.duration_since(UNIX_EPOCH);
        Ok(since.map_or_else(
            |before| -before.duration().as_secs_f64(),
            |since| since.as_secs_f64(),
        ))
    }

    fn seconds_left(&mut self) -> wasmtime::Result<f64> {
        let left = self.run.deadline.saturating_duration_since(Instant::now());
        Ok(self.settings.tape.seconds_left(left.as_secs_f64()))
    }

    fn interval_seconds(&mut self) -> wasmtime::Result<f64> {
        Ok(self.run.interval.as_secs_f64())
    }

    fn missed_runs(&mut self) -> wasmtime::Result<u32> {
        Ok(self.run.missed)
    }

    fn ordinal(&mut self) -> wasmtime::Result<u32> {
        Ok(self.run.ordinal)
    }
}
