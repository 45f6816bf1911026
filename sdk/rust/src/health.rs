//! Health checks, defined once and reported in each run.
#![allow(
    clippy::useless_conversion,
    reason = "the made-up host takes the type as it is, the real one has its own"
)]

use std::fmt;

use crate::Result;
use crate::host::health as host;

/// A verdict about the thing observed, in rising order of worry. About the probe itself the host judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// All is well.
    Pass,
    /// It works, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

/// One check, shown as `PROBE/ID`. A check that a good run leaves out is taken away: report each check in every run.
pub struct Check(host::Check);

impl Check {
    /// Defines a check. `id`: 1 to 64 letters, digits, `-`, `_` and `.`; `title`: a short name for people.
    ///
    /// # Errors
    /// `health.id`, `health.too-many`.
    #[inline(never)]
    pub fn define(id: &str, title: &str) -> Result<Self> {
        Ok(Self(host::Check::define(id, title)?))
    }

    /// The verdict of this run; the last one given counts. `message`: why, with the number and its threshold.
    #[inline(never)]
    pub fn report(&self, status: Status, message: &str) {
        self.0.report(status.into(), message);
    }

    /// As [`Check::report`], with details: the text of a JSON object of at most 16 KiB, such as a `serde_json::Value`.
    ///
    /// # Errors
    /// `health.details` when it is none; then nothing is reported.
    pub fn report_details(
        &self,
        status: Status,
        message: &str,
        details: impl fmt::Display,
    ) -> Result<()> {
        Ok(self
            .0
            .report_details(status.into(), message, &details.to_string())?)
    }

    /// All is well.
    pub fn pass(&self, message: &str) {
        self.report(Status::Pass, message);
    }

    /// It works, and somebody should look.
    pub fn warn(&self, message: &str) {
        self.report(Status::Warn, message);
    }

    /// It does not work.
    pub fn fail(&self, message: &str) {
        self.report(Status::Fail, message);
    }
}
