//! The status page: what an operator looks at all day, as HTML, SVG and text.
//!
//! Pure functions of a snapshot, the history and the time. This room serves nothing, keeps nothing and changes nothing, and
//! whatever comes from a guest is text to it. askama is known in no other room.

mod activity;
mod assets;
mod attention;
mod badge;
mod chart;
mod charts;
mod config;
mod live;
mod overview;
mod past;
mod probe;
mod probes;
mod status;
mod text;
mod vitals;
mod watched;
mod words;
mod work;

use std::time::{Duration, Instant, SystemTime};

use crate::history::View;
use crate::model::Status;
use crate::snapshot::Snapshot;

pub use assets::{ASSETS, Asset};
pub use badge::{Badge, badge_of_check, badge_of_health, badge_of_probe, badge_unknown};
pub use config::Config;
pub use live::live;
pub use overview::{overview, starting};
pub use probe::{missing_probe, probe};
pub use status::status;
pub use text::text;

/// Why a page could not be made: a template that does not fit its data, a defect.
pub type RenderError = askama::Error;

/// Everything that a page is made of.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// What is shown.
    pub snapshot: &'a Snapshot,
    /// The past; nothing where none is kept.
    pub history: Option<&'a View>,
    /// The moment at which it is shown.
    pub now: Instant,
    /// What whoever serves knows better than the snapshot: failing checks, as pairs of name and reason.
    pub live_failures: &'a [(String, String)],
    /// Whether actions can be carried out.
    pub can_act: bool,
    /// What else there is to link to.
    pub config: &'a Config,
    /// What besides pages is switched on.
    pub exports: Exports,
}

/// Where programs find more than is on a page, if it is switched on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exports {
    /// Events.
    pub events: bool,
    /// Backups of the database.
    pub backups: bool,
    /// Whole snapshots that were kept.
    pub snapshots: bool,
}

/// What came of an action, shown once to who asked for it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether it was carried out.
    pub ok: bool,
    /// What was done and what came of it, in words.
    pub message: String,
}

impl Moment<'_> {
    /// Since the snapshot was published.
    pub fn age(&self) -> Duration {
        self.now.saturating_duration_since(self.snapshot.published)
    }

    /// How old what is shown is: where a built-in source is late, its values, else the snapshot.
    pub fn data_age(&self) -> Duration {
        let late = self.snapshot.late();
        self.age() + late.map_or(Duration::ZERO, |(_, age)| age)
    }

    /// The wall clock at `now`, by the snapshot's.
    fn wall(&self) -> SystemTime {
        self.snapshot.timestamp + self.age()
    }

    /// The worst verdict, those of whoever serves included.
    pub fn verdict(&self) -> Status {
        if self.live_failures.is_empty() {
            self.snapshot.health.status
        } else {
            Status::Fail
        }
    }
}
