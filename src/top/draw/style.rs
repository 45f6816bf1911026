//! Shapes and colours; every colour stands beside a word or a shape that says the same.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};

/// From this age on data is old.
const OLD: Duration = Duration::from_secs(5);
/// From this age on it is of no use.
const DEAD: Duration = Duration::from_secs(15);

/// Which styles may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    colour: bool,
}

impl Theme {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour }
    }

    fn colour(self, colour: Color, otherwise: Modifier) -> Style {
        match self.colour {
            true => Style::new().fg(colour),
            false => Style::new().add_modifier(otherwise),
        }
    }

    /// What is well.
    pub(super) fn good(self) -> Style {
        self.colour(Color::Green, Modifier::empty())
    }

    /// What somebody should look at.
    pub(super) fn doubtful(self) -> Style {
        self.colour(Color::Yellow, Modifier::BOLD)
    }

    /// What is broken.
    pub(super) fn bad(self) -> Style {
        self.colour(Color::Red, Modifier::BOLD)
    }

    /// What matters less.
    pub(super) fn grey(self) -> Style {
        self.colour(Color::DarkGray, Modifier::DIM)
    }

    /// A heading.
    pub(super) fn heading(self) -> Style {
        self.colour(Color::Cyan, Modifier::BOLD)
    }

    /// The chosen row.
    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn verdict(self, status: &str) -> Style {
        match status {
            "pass" => self.good(),
            "warn" => self.doubtful(),
            _ => self.bad(),
        }
    }

    pub(super) fn state(self, state: &str) -> Style {
        match state {
            "active" => self.good(),
            "dormant" | "paused" | "loading" => self.grey(),
            "degraded" => self.doubtful(),
            _ => self.bad(),
        }
    }

    /// Of a snapshot that old in which something is late.
    pub(super) fn late(self, age: Duration) -> Style {
        self.age(age.max(OLD))
    }

    pub(super) fn age(self, age: Duration) -> Style {
        match age {
            dead if dead >= DEAD => self.bad(),
            old if old >= OLD => self.doubtful(),
            _ => Style::new(),
        }
    }
}

/// A verdict with its shape.
pub(super) fn verdict(status: &str) -> String {
    let shape = match status {
        "pass" => "●",
        "warn" => "▲",
        "fail" => "✕",
        _ => "?",
    };
    format!("{shape} {status}")
}

/// A probe's state with its shape.
pub(super) fn state(state: &str) -> String {
    let shape = match state {
        "active" => "●",
        "degraded" => "▲",
        "backoff" => "↻",
        "quarantined" => "■",
        "rejected" => "✕",
        "paused" => "‖",
        "dormant" => "○",
        "loading" => "…",
        _ => "?",
    };
    format!("{shape} {state}")
}
