//! Runs that are recorded, and had again without the world: by source of answers, by another build, and from tapes that are
//! none.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod clocks;
mod documents;
mod files;
mod network;
mod scene;
#[path = "../support/mod.rs"]
mod support;
mod values;
#[path = "../support/wire.rs"]
mod wire;
