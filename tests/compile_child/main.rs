//! Compiling in a child process: its limits, its deaths, the cache and the boot-loop guard, from both sides.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod bench;
mod bomb;
mod cache;
mod guard;
#[path = "../support/guest.rs"]
#[allow(dead_code, reason = "little of it is needed here")]
mod guest;
mod limits;
mod program;
mod random;
