//! The host of all guests: one engine, one linker, one ticker, and a runtime of its own.
//!
//! Guests run on their own threads, so that they can neither delay nor fake the event loop's lag.

use std::sync::Arc;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config as EngineConfig, Engine};

use super::compile::ArtifactCache;
use super::host::{Guest, MetricNames};
use super::ticker::Ticker;
use super::v0_1_0::Everything;
use super::{Config, ProbeError, Surroundings};
use crate::snapshot::SnapshotCell;

/// Room for host functions on a guest's fiber, beside the guest's own stack.
const HOST_STACK_BYTES: usize = 512 * 1024;
/// Threads that run guests. More than cores, so that the kernel shares the cores fairly between a spinning
/// guest and a short one.
const GUEST_THREADS: usize = 4;

/// What all probes share.
pub struct ProbeHost {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Guest>,
    pub(super) ticker: Ticker,
    pub(super) cache: Option<ArtifactCache>,
    pub(super) snapshots: Arc<SnapshotCell>,
    pub(super) names: Arc<MetricNames>,
    guests: Option<tokio::runtime::Runtime>,
}

impl ProbeHost {
    /// Makes the engine and starts the guests' threads.
    ///
    /// # Errors
    /// When the machine refuses threads or the cache folder cannot be made private.
    pub fn new(config: &Config, around: Surroundings) -> Result<Arc<Self>, ProbeError> {
        let engine =
            Engine::new(&settings(config)).map_err(|error| ProbeError::Engine(error.into()))?;
        let linker = linker(&engine).map_err(|error| ProbeError::Engine(error.into()))?;
        let cache = around
            .cache
            .as_deref()
            .map(|folder| ArtifactCache::open(folder, &engine))
            .transpose()?;
        let ticker = Ticker::start(engine.clone()).map_err(ProbeError::Threads)?;
        // Last, for a runtime may not be dropped where tasks run, which is what a later failure would do.
        let guests = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(GUEST_THREADS)
            .thread_name("guest")
            .enable_all()
            .build()
            .map_err(ProbeError::Threads)?;
        Ok(Arc::new(Self {
            engine,
            linker,
            ticker,
            cache,
            snapshots: around.snapshots,
            names: Arc::default(),
            guests: Some(guests),
        }))
    }

    /// The runtime that guests run on.
    pub(super) fn guests(&self) -> &tokio::runtime::Handle {
        self.guests.as_ref().expect("taken only by drop").handle()
    }

    /// Compiles a component, or loads its compiled code from the cache. True when it came from the cache.
    pub(super) fn compile(&self, bytes: &[u8]) -> wasmtime::Result<(Component, bool)> {
        if let Some(component) = self
            .cache
            .as_ref()
            .and_then(|cache| cache.load(&self.engine, bytes))
        {
            return Ok((component, true));
        }
        let component = Component::from_binary(&self.engine, bytes)?;
        if let Some(cache) = &self.cache {
            cache.store(bytes, &component);
        }
        Ok((component, false))
    }
}

impl Drop for ProbeHost {
    fn drop(&mut self) {
        // Guests that are stuck are not waited for; the process is about to end.
        if let Some(guests) = self.guests.take() {
            guests.shutdown_background();
        }
    }
}

/// The engine's settings. They are part of the cache's key, so changing one here recompiles everything.
fn settings(config: &Config) -> EngineConfig {
    let stack = usize::try_from(config.stack.0).unwrap_or(usize::MAX);
    let mut settings = EngineConfig::new();
    settings
        .wasm_component_model(true)
        // Components of WASI 0.2 do not use the async ABI, which doubles the price of a small call.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack + HOST_STACK_BYTES)
        // The feature stays compiled in (without it there is a known abort), no guest needs it.
        .gc_support(false)
        .wasm_threads(false);
    settings
}

/// Every interface for every guest: toolchains import what they never use, so the denial is at the call.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Everything::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_cache_that_cannot_be_opened_is_an_error_also_where_tasks_run() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cache = file.path().join("compiled");
        let around = Surroundings {
            cache: Some(cache.clone()),
            ..Surroundings::default()
        };
        let made = ProbeHost::new(&Config::default(), around);
        assert!(matches!(made, Err(ProbeError::Cache(named, _)) if named == cache));
    }
}
