//! Watches files: count, size and age of those that match a pattern in a granted folder, with a check for each watch.
//!
//! `settings` reads the configuration, `pattern` decides which names match, `survey` walks a folder and sums up,
//! `judge` gives the verdict; `guest` carries all of it to the host and is all that knows the interface.

#[cfg(any(target_arch = "wasm32", clippy))]
mod guest;
mod judge;
mod pattern;
mod settings;
mod survey;

pub use judge::{Judgement, judge};
pub use pattern::matches;
pub use settings::{Settings, Watch};
pub use survey::{Found, Looked, Survey, Tree};
