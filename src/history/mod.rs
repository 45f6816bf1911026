//! The snapshot's past: every series in memory, at a fixed step, for as long as time and memory allow.
//!
//! Owns the samples and their index. It takes them from published snapshots as a scraper would: what a reader of
//! `/metrics` would have seen at that moment, absent values included. It never touches the merge, a disk or a socket, and
//! whoever reads never waits for it nor it for them.

mod aggregate;
mod bucket;
mod chunk;
mod clock;
mod config;
mod index;
mod layout;
#[cfg(test)]
pub(crate) mod made;
mod places;
mod rate;
mod view;
mod writer;

pub use aggregate::{Aggregates, Scratch, quantile};
pub use bucket::{Fold, Measure, Steps};
pub use clock::Moment;
pub use config::Config;
pub use index::{SeriesId, SeriesKey};
pub use rate::{Rate, rates};
pub use view::{History, View};
pub use writer::Writer;
