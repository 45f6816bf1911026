//! Lines for the operator, marked with the probe's name. They are never lost with a failed run, but above a number of lines and bytes a
//! minute they are dropped and counted.
#![allow(
    clippy::useless_conversion,
    reason = "the made-up host takes the type as it is, the real one has its own"
)]

use crate::host::log as host;

/// How much a line matters, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each step, for whoever debugs the probe.
    Trace,
    /// What the probe decided and why.
    Debug,
    /// Something worth knowing happened once.
    Info,
    /// Something is odd; the probe goes on.
    Warn,
    /// Something failed.
    Error,
}

/// Whether a line of this level would be kept. The macros ask before they build one.
pub fn enabled(level: Level) -> bool {
    host::enabled(level.into())
}

/// Writes one line.
pub fn log(level: Level, message: &str) {
    host::log(level.into(), message);
}

/// Writes a line of any level, with the arguments of `format!`, if it would be kept.
#[macro_export]
macro_rules! log {
    ($level:expr, $($words:tt)+) => {{
        let level = $level;
        if $crate::log::enabled(level) {
            $crate::log::log(level, &::std::format!($($words)+));
        }
    }};
}

/// Logs each step, for whoever debugs the probe.
#[macro_export]
macro_rules! trace { ($($words:tt)+) => { $crate::log!($crate::log::Level::Trace, $($words)+) }; }
/// Logs what the probe decided and why.
#[macro_export]
macro_rules! debug { ($($words:tt)+) => { $crate::log!($crate::log::Level::Debug, $($words)+) }; }
/// Logs something worth knowing that happened once.
#[macro_export]
macro_rules! info { ($($words:tt)+) => { $crate::log!($crate::log::Level::Info, $($words)+) }; }
/// Logs something odd; the probe goes on.
#[macro_export]
macro_rules! warn { ($($words:tt)+) => { $crate::log!($crate::log::Level::Warn, $($words)+) }; }
/// Logs something that failed.
#[macro_export]
macro_rules! error { ($($words:tt)+) => { $crate::log!($crate::log::Level::Error, $($words)+) }; }
