//! What is counted about compiling.

use crate::model::{Tally, TallyCounter};

/// Counters of compiling; cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct CompileTally {
    pub(super) cached: TallyCounter,
    pub(super) compiled: TallyCounter,
    pub(super) refused: TallyCounter,
    pub(super) killed: TallyCounter,
    pub(super) skipped: TallyCounter,
    pub(super) damaged: TallyCounter,
    pub(super) evicted: TallyCounter,
}

impl CompileTally {
    /// Registers the counters for publishing.
    pub fn new(tally: &mut Tally) -> Self {
        let mut result = |result| {
            tally.counter(
                "probity_compiles_total",
                "Components asked for, by what came of it: taken from the cache, compiled, refused, killed, or skipped.",
                Some(("result", result)),
            )
        };
        Self {
            cached: result("cached"),
            compiled: result("compiled"),
            refused: result("refused"),
            killed: result("killed"),
            skipped: result("skipped"),
            damaged: tally.counter(
                "probity_compile_cache_damaged_total",
                "Cache entries that were torn or changed, and were compiled anew.",
                None,
            ),
            evicted: tally.counter(
                "probity_compile_cache_evicted_total",
                "Cache entries removed to stay within probes.cache_size.",
                None,
            ),
        }
    }
}
