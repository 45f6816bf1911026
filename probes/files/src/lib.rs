//! Watches files: count, size and age of those that match a pattern in a granted folder, with a check for each watch.
//!
//! `settings` is the configuration, `survey` walks a folder and sums up, `judge` gives the verdict, and `probe` carries all of it to the
//! host.

mod judge;
mod probe;
mod settings;
mod survey;

pub use judge::{Judgement, judge};
pub use settings::{Files, Settings, Watch};
pub use survey::{Found, Looked, Survey, Tree};
