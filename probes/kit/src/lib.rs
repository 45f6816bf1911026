//! What the standard probes share: reading JSON and their configuration, thresholds and verdicts, words for people.
//!
//! Nothing here knows the interface to the host, so all of it is tested on the machine it is built on. It is written
//! for size: a probe's file holds only what it uses, and the usual crates would be most of it.

#[cfg(any(target_arch = "wasm32", clippy))]
pub mod folder;
pub mod json;
pub mod limit;
mod number;
pub mod path;
pub mod section;
pub mod show;

pub use json::Value;
pub use limit::{Limit, Side, Verdict};
pub use path::{Entry, Refused};
pub use section::{Fault, Quantity, Section};
