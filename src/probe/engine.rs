//! The host of all guests: one engine, one linker, one ticker, and a runtime of its own.
//!
//! Guests run on their own threads, so that they can neither delay nor fake the event loop's lag.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config as EngineConfig, Engine};

use super::compile::{Compile, Compiled};
use super::grants::{self, Network, Reach};
use super::host::{Guest, MetricNames, SqlHost, Transcript};
use super::tape::Tape;
use super::ticker::Ticker;
use super::v0_1_0::Everything;
use super::{Config, Grants, Limits, ProbeError, Surroundings};
use crate::model::{ByteSize, Failure};
use crate::snapshot::SnapshotCell;
use crate::store::StateStore;

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
    compile: Compile,
    pub(super) snapshots: Arc<SnapshotCell>,
    pub(super) names: Arc<MetricNames>,
    pub(super) states: Option<StateStore>,
    pub(super) sql: Arc<SqlHost>,
    pub(super) around: Surroundings,
    network: Network,
    guests: Option<tokio::runtime::Runtime>,
}

impl ProbeHost {
    /// Makes the engine and starts the guests' threads.
    ///
    /// # Errors
    /// When the machine refuses threads or the cache folder cannot be made private.
    pub fn new(config: &Config, around: Surroundings) -> Result<Arc<Self>, ProbeError> {
        let around = around.tape.clone().surround(around);
        let engine = Engine::new(&settings(config.stack))
            .map_err(|error| ProbeError::Engine(error.into()))?;
        let linker =
            linker(&engine, &around.tape).map_err(|error| ProbeError::Engine(error.into()))?;
        let compile = Compile::new(config, &around, &engine)?;
        let ticker = Ticker::start(engine.clone()).map_err(ProbeError::Threads)?;
        // Last, for a runtime may not be dropped where tasks run, which is what a later failure would do.
        let guests = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(GUEST_THREADS)
            .thread_name("guest")
            // A new call goes before those that have had a turn, or it would wait for dozens of turns of spinning guests.
            .global_queue_interval(1)
            .enable_all()
            .build()
            .map_err(ProbeError::Threads)?;
        Ok(Arc::new(Self {
            engine,
            linker,
            ticker,
            compile,
            snapshots: around.snapshots.clone(),
            names: Arc::default(),
            states: around.states.clone(),
            sql: Arc::new(SqlHost::new()),
            network: Network::new(&around.tape),
            around,
            guests: Some(guests),
        }))
    }

    /// What the probe of this name may reach.
    ///
    /// # Errors
    /// `grant` when a granted secret is not there.
    pub(super) fn reach(
        &self,
        probe: &Arc<str>,
        grants: &Grants,
        limits: &Limits,
    ) -> Result<Reach, Failure> {
        Reach::new(probe.clone(), grants, limits, &self.network, &self.around)
    }

    /// Who listens to what guests say, if anybody does.
    pub(super) fn transcript(&self) -> Option<&Transcript> {
        self.around.transcript.as_ref()
    }

    /// The runtime that guests run on.
    pub(super) fn guests(&self) -> &tokio::runtime::Handle {
        self.guests.as_ref().expect("taken only by drop").handle()
    }

    /// Compiles a component, or loads its compiled code from the cache. Blocks for as long as the compiler may take, and
    /// for those that came first.
    pub(super) fn compile(&self, bytes: &[u8]) -> Compiled {
        self.compile.compile(&self.engine, bytes)
    }

    /// Has the file with this digest (as [`ProbeIdentity::digest`] writes it) compiled at its next loading even if that
    /// was cut short twice, for an operator wants it tried again.
    ///
    /// [`ProbeIdentity::digest`]: crate::model::ProbeIdentity::digest
    pub fn try_again(&self, digest: &str) {
        let hex = digest.strip_prefix("blake3:").unwrap_or(digest);
        if let Ok(digest) = blake3::Hash::from_hex(hex) {
            self.compile.try_again(&digest);
        }
    }

    /// Ends every compile under way as `compile.stopped`, and begins none any more: for an orderly end, which is not to
    /// look like a compile that killed the host. Blocks until they have ended, but no longer than `patience`; true when
    /// all have. One in this very process cannot be ended.
    pub fn stop_compiling(&self, patience: Duration) -> bool {
        self.compile.stop(patience)
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

/// The engine's settings, the same in the compiling process. They are part of the cache's key, so changing one here
/// recompiles everything.
pub(super) fn settings(stack: ByteSize) -> EngineConfig {
    let stack = usize::try_from(stack.0).unwrap_or(usize::MAX);
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
        .wasm_threads(false)
        // No toolchain makes a component of one, and its bounds checks cost what 4 GiB of address space save.
        .wasm_memory64(false);
    settings
}

/// Every interface for every guest: toolchains import what they never use, so the denial is at the call.
fn linker(engine: &Engine, tape: &Tape) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    grants::add_to_linker(&mut linker, tape)?;
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
