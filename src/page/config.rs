//! Configuration of the status page.

use serde::{Deserialize, Serialize};

/// `[page]`: what people are shown.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The page at `/` and each probe's own. Off: browsers are answered 404, and `/` still lists addresses for terminals.
    pub enabled: bool,
    /// The summary at `/status`, for people who are to see no more.
    pub status: bool,
    /// The badges below `/badge/`.
    pub badges: bool,
    /// Both of them for everybody: no token is asked for, and pages of other sites may show a badge.
    pub public: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            status: true,
            badges: true,
            public: false,
        }
    }
}
