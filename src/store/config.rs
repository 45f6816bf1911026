//! Configuration of what is kept between starts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{ByteSize, Invalid, Span, check_range};

/// `[state]`: what is kept between starts.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder; unset: `$STATE_DIRECTORY`, then the XDG state folder, then `/var/lib/probity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Room kept back for when the disk is full; 0 for none.
    pub ballast: ByteSize,
    /// How often the database is looked through for damage.
    pub check_interval: Span,
    /// `[state.events]`: how much of the events is kept.
    pub events: EventsConfig,
}

/// `[state.events]`: how much of the events is kept.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// How far back they go.
    pub retention: Span,
    /// How much of the disk they may take; what is oldest goes first.
    pub max_size: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directory: None,
            ballast: ByteSize::mib(8),
            check_interval: Span::seconds(24 * 3_600),
            events: EventsConfig::default(),
        }
    }
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            retention: Span::seconds(720 * 3_600),
            max_size: ByteSize::mib(1_024),
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        if self.ballast.0 > 0 {
            let (least, most) = (ByteSize::mib(1), ByteSize::mib(1 << 10));
            check_range(&mut faults, "ballast", self.ballast, least, most);
        }
        let (least, most) = (Span::seconds(60), Span::seconds(8_760 * 3_600));
        check_range(
            &mut faults,
            "check_interval",
            self.check_interval,
            least,
            most,
        );
        let (least, most) = (Span::seconds(60), Span::seconds(87_600 * 3_600));
        check_range(
            &mut faults,
            "events.retention",
            self.events.retention,
            least,
            most,
        );
        let (least, most) = (ByteSize::mib(1), ByteSize::mib(1 << 20));
        check_range(
            &mut faults,
            "events.max_size",
            self.events.max_size,
            least,
            most,
        );
        faults
    }
}
