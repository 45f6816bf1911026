//! `probity wit`: the interface that probes are built against.

use super::{Exit, Trouble, output};

const WIT: &str = include_str!("../../wit/0.1.0/probity.wit");

/// Prints the newest interface.
///
/// # Errors
/// Standard output cannot be written.
pub fn wit() -> Result<Exit, Trouble> {
    output::data(WIT)
}
