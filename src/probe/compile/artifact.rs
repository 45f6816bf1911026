//! Compiled code that may be loaded.

#![allow(
    unsafe_code,
    reason = "loading compiled code is unsafe by nature; this is the one place"
)]

use wasmtime::Engine;
use wasmtime::component::Component;

/// The bytes of compiled code, known to come from this program's compiler.
pub(super) struct Artifact(Vec<u8>);

impl Artifact {
    /// Vouches for bytes. Only two may: whoever ran the compiler and saw it end well, and whoever checked the seal
    /// that the former made.
    pub(super) fn vouched(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Loads the code.
    ///
    /// # Errors
    /// It was made for another version or other settings.
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are what wasmtime's compiler gave, run by this program for this user, unchanged since:
        // `vouched` says who may claim it. wasmtime itself refuses other versions and settings.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
