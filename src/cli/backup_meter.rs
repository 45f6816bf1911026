//! How far a backup is, on standard error: one line that changes on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};

use super::output;
use crate::backup::{Phase, Progress};

/// Tenths of a phase between two lines where there is no terminal.
const TENTHS: u64 = 10;

/// Shows progress.
pub(super) struct Meter {
    is_terminal: bool,
    /// Phase and tenth of the last line.
    shown: Option<(Phase, u64)>,
    /// The phase that was shown last.
    phase: Option<Phase>,
    is_line_open: bool,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            shown: None,
            phase: None,
            is_line_open: false,
        }
    }

    /// Shows a phase that begins, however soon it is over.
    pub(super) fn enter(&mut self, progress: Progress) {
        if self.phase != Some(progress.phase) {
            self.show(progress);
        }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        self.phase = Some(progress.phase);
        let percent = match progress.all {
            0 => 0,
            all => progress.done.saturating_mul(100) / all,
        };
        let phase = progress.phase.as_str();
        let text = match progress.all {
            0 => phase.to_owned(),
            _ => format!("{phase} {percent} %"),
        };
        if self.is_terminal {
            let mut to = io::stderr().lock();
            // A terminal that takes nothing shows nothing; the work goes on.
            if write!(to, "\r\x1b[K{text}").is_ok() && to.flush().is_ok() {
                self.is_line_open = true;
            }
            return;
        }
        let now = (progress.phase, percent / TENTHS);
        if self.shown != Some(now) {
            output::note(&text);
            self.shown = Some(now);
        }
    }

    /// Takes the line away that is left on a terminal.
    pub(super) fn end(&mut self) {
        if self.is_line_open {
            let mut to = io::stderr().lock();
            if write!(to, "\r\x1b[K").is_ok() && to.flush().is_ok() {
                self.is_line_open = false;
            }
        }
    }
}
