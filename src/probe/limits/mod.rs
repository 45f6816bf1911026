//! The limits that wasmtime asks about while a guest runs: memories, tables, instances.

mod config;

use wasmtime::ResourceLimiter;

pub use config::{LimitOverrides, Limits};

use crate::model::{ByteSize, Failure};

/// Linear memories, tables and instances of one component; toolchains use a handful.
const MAX_MEMORIES: usize = 8;
const MAX_TABLES: usize = 100;
const MAX_INSTANCES: usize = 100;
/// Elements of one table.
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// What one instance may take, what it has taken, and what it was refused.
pub(super) struct Bounds {
    memory: usize,
    taken: usize,
    refused: Option<Failure>,
}

impl Bounds {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory: usize::try_from(limits.memory.0).unwrap_or(usize::MAX),
            taken: 0,
            refused: None,
        }
    }

    /// Linear memory of all memories together, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.taken as u64
    }

    /// The last growth refused, if any: what a guest dies of soon after.
    pub(super) fn take_refused(&mut self) -> Option<Failure> {
        self.refused.take()
    }
}

impl ResourceLimiter for Bounds {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.memory {
            let (limit, desired) = (ByteSize(self.memory as u64), ByteSize(desired as u64));
            let message = format!(
                "a linear memory of {desired} was asked for: at most {limit} (limits.memory)"
            );
            self.refused = Some(Failure::new("limits.memory", message));
            return Ok(false);
        }
        self.taken += desired - current;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            let message = format!(
                "a table of {desired} elements was asked for: at most {MAX_TABLE_ELEMENTS}"
            );
            self.refused = Some(Failure::new("limits.table", message));
        }
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}
