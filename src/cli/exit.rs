//! How the program ends: exit codes, and errors with their next step.

use std::process::ExitCode;

use super::output;
use crate::config::ConfigError;

/// The exit codes; those from 64 to 78 are sysexits.h's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Success = 0,
    /// It failed.
    Failure = 1,
    /// The command line was not understood.
    Usage = 2,
    /// What was given to work on is not what it should be.
    Data = 65,
    /// Something that is needed cannot be had, such as a port that is taken.
    Unavailable = 69,
    /// It may work when tried again.
    Temporary = 75,
    /// The configuration is at fault.
    Configuration = 78,
    /// SIGHUP ended it, as shells count signals.
    HungUp = 129,
    /// SIGINT ended it.
    Interrupted = 130,
    /// SIGTERM ended it.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error for the person at the terminal. It passes through `anyhow` unchanged: [`finish`] finds it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    /// How to exit.
    pub exit: Exit,
    /// What is wrong, in one line.
    pub message: String,
    /// The next step to take, as a sentence without a full stop.
    pub next: String,
}

impl Trouble {
    /// An error with its exit and its next step.
    pub fn new(exit: Exit, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            next: next.into(),
        }
    }
}

/// Tells an error, if there is one, with its next step, and gives the exit to take.
pub fn finish(result: anyhow::Result<Exit>) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    let (exit, next) = if let Some(trouble) = error.downcast_ref::<Trouble>() {
        (trouble.exit, trouble.next.as_str())
    } else if error.is::<ConfigError>() {
        let next = "correct the places named above; `probity config init -` prints every key with its bounds";
        (Exit::Configuration, next)
    } else {
        // Whatever can be foreseen has a next step of its own.
        let next = "this is a defect: report it, with the command line and the lines above";
        (Exit::Failure, next)
    };
    output::note(&format!("error: {error:#}\nnext: {next}"));
    exit
}
