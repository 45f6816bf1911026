//! The limits that wasmtime asks about while a guest runs: memories, tables, instances.

use wasmtime::ResourceLimiter;

use super::Limits;
use crate::model::{ByteSize, Failure};

/// What one instance may take, what it has taken, and what it was refused.
pub(in crate::probe) struct Bounds {
    memory: usize,
    memories: usize,
    instances: usize,
    tables: usize,
    table_elements: usize,
    taken: usize,
    refused: Option<Failure>,
}

impl Bounds {
    pub(in crate::probe) fn new(limits: &Limits) -> Self {
        Self {
            memory: usize::try_from(limits.memory.0).unwrap_or(usize::MAX),
            memories: limits.memories as usize,
            instances: limits.instances as usize,
            tables: limits.tables as usize,
            table_elements: limits.table_elements as usize,
            taken: 0,
            refused: None,
        }
    }

    /// Linear memory of all memories together, in bytes.
    pub(in crate::probe) fn memory_bytes(&self) -> u64 {
        self.taken as u64
    }

    /// A new call: what an earlier one was refused is no reason for what happens in this one.
    pub(in crate::probe) fn begin(&mut self) {
        self.refused = None;
    }

    /// The last growth refused in this call, if any: what a guest dies of soon after.
    pub(in crate::probe) fn take_refused(&mut self) -> Option<Failure> {
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
        if desired > self.table_elements {
            let message = format!(
                "a table of {desired} elements was asked for: at most {} (limits.table_elements)",
                self.table_elements
            );
            self.refused = Some(Failure::new("limits.table_elements", message));
            return Ok(false);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}
