//! `probity run`: errors of the start in words for the person at the terminal.

use super::{Exit, Log, Trouble};
use crate::app::{self, Ended};
use crate::config::Loaded;

/// Runs until a signal, and drains. What `log` counts is published with the program's other counters.
///
/// # Errors
/// A [`Trouble`] that names what could not be bound or opened, and the next step.
pub fn run(loaded: &Loaded, log: &Log) -> Result<Exit, Trouble> {
    match app::run(loaded, log.tally()) {
        Ok(Ended::Clean) => Ok(Exit::Success),
        Ok(Ended::Cut) => Ok(Exit::Failure),
        Err(error) => {
            let next = "change `server.listen` (or --listen), `probes.folder` (or --probes) or `state.directory` (or --state)";
            Err(Trouble::new(Exit::Unavailable, format!("{error:#}"), next))
        }
    }
}
