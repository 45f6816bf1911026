//! What several test binaries share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses its own part, and a failed step fails the test"
)]

pub mod bench;
pub mod guest;
pub mod parts;
