//! `probity run`: errors of the start in words for the person at the terminal.

use super::{Exit, Log, Trouble};
use crate::app::{self, Ended, Obstacle};
use crate::config::Loaded;
use crate::probe::Compiler;

/// Runs until a signal, and drains. What `log` counts is published with the program's other counters; `compiler` compiles
/// the probes.
///
/// # Errors
/// A [`Trouble`] that names what could not be bound or opened, or what broke, and the next step.
pub fn run(loaded: &Loaded, log: &Log, compiler: Compiler) -> Result<Exit, Trouble> {
    match app::run(loaded, log.tally(), compiler) {
        Ok(Ended::Clean) => Ok(Exit::Success),
        Ok(Ended::Cut) => Ok(Exit::Failure),
        Ok(Ended::Defect(task)) => {
            let message = format!("a defect of the program ended its task `{task}`");
            let next = "start it again, and report the lines of the log above this one";
            Err(Trouble::new(Exit::Failure, message, next))
        }
        Err(error) => {
            let (exit, next) = next_step(Obstacle::of(&error));
            Err(Trouble::new(exit, format!("{error:#}"), next))
        }
    }
}

fn next_step(obstacle: Obstacle) -> (Exit, &'static str) {
    match obstacle {
        Obstacle::Address => (
            Exit::Unavailable,
            "change `server.listen`, or give --listen; port 0 takes a free one",
        ),
        Obstacle::Token => (Exit::Configuration, "mend the file, or `server.token_file`"),
        Obstacle::Folder => (
            Exit::Unavailable,
            "change `probes.folder`, or give --probes",
        ),
        Obstacle::Occupied => (
            Exit::Temporary,
            "stop the other instance, or give this one a folder of its own (state.directory or --state)",
        ),
        Obstacle::Other => (
            Exit::Unavailable,
            "see what the message names; `probity config show` prints what is in force",
        ),
    }
}
