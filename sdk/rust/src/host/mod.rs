//! The calls to the host: the real one in a component, one that is made up on the machine that tests run on.
//!
//! Both give the same functions, so nothing else in this crate asks where it is.

#[cfg(not(target_arch = "wasm32"))]
mod fake;
#[cfg(target_arch = "wasm32")]
mod guest;

#[cfg(not(target_arch = "wasm32"))]
pub use fake::Refusal;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use fake::*;
#[cfg(target_arch = "wasm32")]
pub use guest::*;
