//! What a component is made of, for people who look at it; nothing of it runs.

use std::sync::Arc;

use wasmtime::component::Component;

use super::engine::ProbeHost;
use super::offer::{self, Import};
use super::version::Version;
use crate::model::{Failure, printable};

/// The size of a page of linear memory in bytes.
const PAGE_BYTES: u64 = 64 * 1024;
/// The longest name that is shown; names are the guest's own words.
const MAX_NAME_BYTES: usize = 128;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// Names of what it exports, with their versions.
    pub exports: Vec<String>,
    /// What it imports, in its order.
    pub imports: Vec<Import>,
    /// What an instance declares; nothing when it cannot be told.
    pub declares: Option<Declared>,
    /// Machine code in bytes, as compiled here.
    pub code_bytes: u64,
}

/// Memories and tables that an instance begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    /// How many memories.
    pub memories: u32,
    /// The largest of them at first, in bytes.
    pub memory_bytes: u64,
    /// How many tables.
    pub tables: u32,
    /// The largest of them at first, in elements.
    pub table_elements: u64,
}

impl Version {
    /// What its component is made of.
    pub fn examine(&self) -> Examination {
        let component = self.parts.prepared.instance_pre().component();
        of(&self.parts.host, component)
    }
}

/// What a component is made of that may not be fit to run. Blocks for as long as the compiler takes.
///
/// # Errors
/// `component.invalid` or `compile.*` when it cannot even be compiled.
pub fn examine(host: &Arc<ProbeHost>, bytes: &[u8]) -> Result<Examination, Failure> {
    let component = host.compile(bytes).result?;
    Ok(of(host, &component))
}

fn of(host: &ProbeHost, component: &Component) -> Examination {
    let ty = component.component_type();
    let exports = ty.exports(&host.engine);
    let declares = component.resources_required().map(|needed| Declared {
        memories: needed.num_memories,
        memory_bytes: needed.max_initial_memory_size.unwrap_or(0) * PAGE_BYTES,
        tables: needed.num_tables,
        table_elements: needed.max_initial_table_size.unwrap_or(0),
    });
    let code = component.image_range();
    Examination {
        exports: exports
            .map(|(name, _)| printable(name, MAX_NAME_BYTES))
            .collect(),
        imports: offer::imports(component, &host.engine, &host.linker),
        declares,
        code_bytes: (code.end.addr() - code.start.addr()) as u64,
    }
}
