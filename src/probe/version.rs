//! One version of a probe: a component fit to run, under a name and a configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::engine::ProbeHost;
use super::grants::Reach;
use super::host::{Guest, GuestSettings};
use super::v0_1_0::EverythingPre;
use crate::model::ProbeIdentity;

/// What it takes to make an instance.
pub(super) struct Parts {
    pub(super) host: Arc<ProbeHost>,
    pub(super) prepared: EverythingPre<Guest>,
    pub(super) settings: Arc<GuestSettings>,
    pub(super) reach: Arc<Reach>,
}

/// A component that was read, compiled and checked. Cloning shares it.
#[derive(Clone)]
pub struct Version {
    pub(super) parts: Arc<Parts>,
    pub(super) identity: Arc<ProbeIdentity>,
    pub(super) interval: Duration,
    pub(super) deadline: Duration,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Version").field(&self.identity).finish()
    }
}

impl Version {
    /// Who it is.
    pub fn identity(&self) -> &Arc<ProbeIdentity> {
        &self.identity
    }

    /// How often it runs.
    pub fn interval(&self) -> Duration {
        self.interval
    }
}
