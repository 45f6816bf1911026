//! The author's loop: noticing that a source changed, and bringing what was built into a running Probity.

mod deliver;
mod running;
mod watch;

pub use deliver::{Sameness, compare, deliver};
pub use running::{Arrival, Running, RunningError};
pub use watch::Watched;
