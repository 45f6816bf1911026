//! Probity: a WebAssembly-extensible observability runtime.

pub mod app;
pub mod cli;
pub mod config;
pub mod health;
pub mod http;
pub mod model;
pub mod probe;
pub mod sampler;
pub mod snapshot;
