//! Probity: a WebAssembly-extensible observability runtime.
//!
//! One process samples the machine and its own event loop, runs probes (WebAssembly components, sandboxed, nothing
//! granted by default), merges everything into one immutable snapshot and serves it over HTTP. The binary is a thin
//! shell around [`app::App`]; an application that embeds the runtime uses the same.
//!
//! The rooms, their tasks and their invariants are in `ARCHITECTURE.md`.

pub mod model;
pub mod redact;
pub mod snapshot;

pub mod store;

pub mod probe;
pub mod sampler;

pub mod schedule;

pub mod catalogue;

pub mod health;
pub mod merge;

pub mod history;

pub mod archive;
pub mod backup;
pub mod query;

pub mod event;

pub mod export;
pub mod page;

pub mod http;

pub mod client;

pub mod author;
pub mod top;

pub mod config;

pub mod app;
pub mod cli;
