//! The samplers on trees of files that stand for machines, and on this one.
#![allow(clippy::unwrap_used)]

mod changes;
mod event_loop;
mod fixture;
mod garbage;
mod machine;
mod supervised;
mod watched;
