//! The compiling process: limits itself, compiles one component, and ends.

use std::io::{self, Read, Write};

use rustix::process::{self, DumpableBehavior, Resource, Rlimit, Signal};
use wasmtime::{Engine, OutOfMemory};

use super::MAX_ARTIFACT_BYTES;
use super::chain;
use super::order::{CompileEnd, CompileOrder};
use crate::probe::engine::settings;

/// Seconds of CPU time between the signal that ends the process and the one that nothing can hold up.
const CPU_GRACE: u64 = 5;

/// Compiles the component on standard input and writes its code to standard output; what goes wrong is told on standard
/// error. Before anything else the whole process is put under the limits of `order`, for good: this is for a process
/// that exists for it.
pub fn compile_as_ordered(order: &CompileOrder) -> CompileEnd {
    let (end, words) = match limit(order)
        .and_then(|()| component())
        .map(|bytes| compile(order, &bytes))
    {
        Ok(Ok(artifact)) => match hand_over(&artifact) {
            Ok(()) => return CompileEnd::Compiled,
            Err(error) => (
                CompileEnd::Unable,
                format!("the code cannot be written: {error}"),
            ),
        },
        Ok(Err(error)) if is_out_of_memory(&error) => (CompileEnd::OutOfMemory, chain(&error)),
        Ok(Err(error)) => (CompileEnd::Invalid, chain(&error)),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
            (CompileEnd::OutOfMemory, error.to_string())
        }
        Err(error) => (CompileEnd::Unable, error.to_string()),
    };
    // Without a reader there is nobody to tell it to; the exit status says enough.
    let _ = io::stderr().write_all(words.as_bytes());
    end
}

/// Puts this process under its limits, and ties its life to its parent's.
fn limit(order: &CompileOrder) -> io::Result<()> {
    process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before that, and somebody else taken its place.
    let parent = process::getppid().map(|parent| parent.as_raw_nonzero().get());
    if parent.and_then(|parent| u32::try_from(parent).ok()) != Some(order.parent) {
        return Err(io::Error::other("the process that asked is gone"));
    }
    bound(Resource::As, order.memory.0, order.memory.0)?;
    bound(
        Resource::Cpu,
        order.cpu,
        order.cpu.saturating_add(CPU_GRACE),
    )?;
    bound(Resource::Fsize, MAX_ARTIFACT_BYTES, MAX_ARTIFACT_BYTES)?;
    bound(Resource::Core, 0, 0)?;
    // A handler that cores are piped to does not look at the limit.
    process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::set_name(c"probity-compile")?;
    process::nice(order.nice)?;
    Ok(())
}

/// A lower limit that the process already has stays.
fn bound(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let most = process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit {
        current: Some(soft.min(most)),
        maximum: Some(hard.min(most)),
    };
    Ok(process::setrlimit(resource, limit)?)
}

fn component() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn compile(order: &CompileOrder, bytes: &[u8]) -> wasmtime::Result<Vec<u8>> {
    Engine::new(&settings(order.stack))?.precompile_component(bytes)
}

fn hand_over(artifact: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(artifact)?;
    out.flush()
}

/// Most allocations that fail abort the process; some are errors.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let system = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
    };
    error.is::<OutOfMemory>() || error.chain().any(system)
}
