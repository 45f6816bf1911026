//! Probity: a WebAssembly-extensible observability runtime.

pub mod model;
pub mod snapshot;
