//! The author's verbs as a person or a script meets them: `new`, `build`, `dev`, `test`, `inspect`, `bench`.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/place.rs"]
mod place;
#[path = "../support/wire.rs"]
mod wire;

mod begin;
mod bench;
mod conformance;
mod desk;
mod inspect;
mod pieces;
mod section;
mod taping;
mod test;
