//! Asks HTTP endpoints and says whether they answer as they should: status, text in the body, time.
//!
//! `settings` reads the configuration, `expected` knows which statuses are expected, `judge` gives the verdict on an answer; `probe` is
//! what the host calls.

mod expected;
mod judge;
mod probe;
mod settings;

pub use expected::{Code, Codes};
pub use judge::{Judgement, Outcome, judge};
pub use settings::{Method, Settings, Target};
