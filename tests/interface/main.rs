//! The interface's promise: what is released is frozen, and what was built against it goes on running.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod frozen;
mod golden;
mod newer;
