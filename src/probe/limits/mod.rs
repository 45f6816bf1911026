//! What a guest may use: the configured limits, the watch over them while it runs, and the words for what it broke.

mod bounds;
mod breach;
mod config;
mod meter;
mod usage;

pub(super) use bounds::Bounds;
pub(super) use breach::Breach;
pub use config::{LimitOverrides, Limits};
pub(super) use meter::Meter;
pub(super) use usage::Usage;
