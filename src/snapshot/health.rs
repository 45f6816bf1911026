//! The merged health checks.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::model::{Details, Status};

/// One check as it stands.
#[derive(Debug, Clone)]
pub struct Check {
    /// `source/id` for a probe's check, the bare id for a built-in one.
    pub name: Arc<str>,
    /// A short name for people.
    pub title: Arc<str>,
    /// The verdict, after hysteresis.
    pub status: Status,
    /// Why.
    pub message: String,
    /// Structured details, if any.
    pub details: Option<Details>,
    /// The source that gave it.
    pub source: Arc<str>,
    /// When the verdict was given.
    pub timestamp: SystemTime,
    /// The same on the monotonic clock.
    pub given: Instant,
    /// The probe behind it no longer answers: the verdict is at least a warning and says so.
    pub stale: bool,
    /// Whether `/readyz` asks for it.
    pub gates_readiness: bool,
}

/// All checks and the worst of them.
#[derive(Debug, Clone)]
pub struct HealthReport {
    /// The worst verdict.
    pub status: Status,
    /// Whether every check that gates readiness passes or warns.
    pub ready: bool,
    /// Built-in checks first, then the probes'.
    pub checks: Vec<Check>,
}

impl HealthReport {
    /// Sums up the checks.
    pub fn new(checks: Vec<Check>) -> Self {
        let status = checks
            .iter()
            .map(|check| check.status)
            .max()
            .unwrap_or(Status::Pass);
        let ready = checks
            .iter()
            .filter(|check| check.gates_readiness)
            .all(|check| check.status < Status::Fail);
        Self {
            status,
            ready,
            checks,
        }
    }
}
