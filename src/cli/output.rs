//! Writing to standard output and standard error without ever panicking.

use std::io::{self, ErrorKind, Write};

use super::log_queue::Queue;
use super::logging::FLUSH_PATIENCE;
use super::{Exit, Trouble};
use crate::model::TallyCounter;

/// Prints data to standard output, ending with a newline. A reader that has gone away, as `head` does, wants no
/// more and is no error.
///
/// # Errors
/// Any other failure, such as a full disk.
pub(super) fn data(text: &str) -> Result<Exit, Trouble> {
    match write(io::stdout().lock(), text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Trouble::new(
            Exit::Failure,
            format!("standard output cannot be written: {error}"),
            "make room, or redirect the output somewhere else",
        )),
        Ok(()) | Err(_) => Ok(Exit::Success),
    }
}

/// Prints a note to standard error, ending with a newline. A reader that stalls is waited for, but only so long:
/// a program that ends for a defect must end.
pub(super) fn note(text: &str) {
    // Standard error is where a failure would be told, so one of its own has nowhere to go.
    match Queue::start(io::stderr(), TallyCounter::default(), |_| {}) {
        Ok(queue) => {
            let mut line = Vec::new();
            if write(&mut line, text).is_ok() {
                queue.push(&line);
            }
            queue.flush(FLUSH_PATIENCE);
        }
        Err(_) => if write(io::stderr().lock(), text).is_err() {},
    }
}

fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    to.write_all(text.as_bytes())?;
    to.write_all(end.as_bytes())?;
    to.flush()
}
