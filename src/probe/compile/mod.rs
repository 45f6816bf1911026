//! From a component's bytes to compiled code: taken from the cache, or compiled in a process of its own.
//!
//! Compiling is where somebody else's bytes can ask for any amount of memory and time, so it happens in a child that
//! limits itself, is watched, and whose death costs nothing but the component. In here only what bears this user's seal,
//! or came out of that child in good order, becomes an [`artifact::Artifact`], and only that is loaded.

mod artifact;
mod cache;
mod child;
mod config;
mod guard;
mod lanes;
mod order;
mod parent;
mod seal;
mod shelf;
mod tally;
mod verdict;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use blake3::Hash as Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

pub use child::compile_as_ordered;
pub use config::CompileConfig;
pub use order::{CompileEnd, CompileOrder};
pub use tally::CompileTally;

use self::artifact::Artifact;
use self::cache::ArtifactCache;
use self::guard::{Attempt, Guard};
use self::lanes::{Lanes, Place};
use self::parent::Running;
use self::verdict::Refused;
use super::{Config, ProbeError, Surroundings};
use crate::model::{ByteSize, Failure};

/// Compiled code is a few times the size of its component, of which there is none over 1 GiB.
const MAX_ARTIFACT_BYTES: u64 = 1 << 30;
/// How far the compiler stands back behind everything else on the machine: a small component, and a large one, which
/// also lets the small ones pass.
const NICE: [i32; 2] = [10, 15];
/// Threads of one compiler; more gain little, and each takes up to 130 MiB of address space.
const MAX_THREADS: usize = 4;

/// Where components are compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Compiler {
    /// In this process, without limits: what an embedding application has that lacks the hidden verb.
    #[default]
    InProcess,
    /// In a child process: this program, which must be Probity's own binary.
    Child(PathBuf),
}

/// What came of a request to compile.
pub(super) struct Compiled {
    /// The code, or `component.invalid` or `compile.*`.
    pub(super) result: Result<Component, Failure>,
    /// Whether it came from the cache.
    pub(super) cached: bool,
    /// How long that took, without the wait for others.
    pub(super) took: Duration,
}

/// Compiles, and remembers.
pub(super) struct Compile {
    compiler: Compiler,
    limits: CompileConfig,
    stack: ByteSize,
    threads: usize,
    cache: Option<ArtifactCache>,
    guard: Guard,
    lanes: Lanes,
    tally: CompileTally,
}

impl Compile {
    /// Opens the cache if there is to be one.
    ///
    /// # Errors
    /// When the cache folder cannot be made private.
    pub(super) fn new(
        config: &Config,
        around: &Surroundings,
        engine: &Engine,
    ) -> Result<Self, ProbeError> {
        let tally = around.compile_tally.clone();
        let open = |folder: &PathBuf| {
            ArtifactCache::open(folder, config.cache_size, engine, tally.clone())
        };
        let threads = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            compiler: around.compiler.clone(),
            limits: config.compile.clone(),
            stack: config.stack,
            threads: threads.min(MAX_THREADS),
            cache: around.cache.as_ref().map(open).transpose()?,
            guard: Guard::new(around.attempts.clone()),
            lanes: Lanes::new(threads),
            tally,
        })
    }

    /// Compiles a component, or loads its compiled code from the cache. Blocks, for minutes at worst: until its turn, and
    /// then for as long as the compiler may take.
    pub(super) fn compile(&self, engine: &Engine, bytes: &[u8]) -> Compiled {
        let digest = blake3::hash(bytes);
        let ended = |began: Instant, result, cached| Compiled {
            result,
            cached,
            took: began.elapsed(),
        };
        let began = Instant::now();
        if let Some(component) = self.cached(engine, &digest) {
            return ended(began, Ok(component), true);
        }
        let place = self.lanes.enter(digest, bytes.len());
        let began = Instant::now();
        let Some(place) = place else {
            return ended(began, Err(verdict::stopped()), false);
        };
        // Another probe may have had the same component compiled meanwhile.
        if let Some(component) = self.cached(engine, &digest) {
            return ended(began, Ok(component), true);
        }
        let result = self.compile_in(&place, engine, bytes, &digest);
        ended(began, result, false)
    }

    /// Compiles in its place, and remembers.
    fn compile_in(
        &self,
        place: &Place<'_>,
        engine: &Engine,
        bytes: &[u8],
        digest: &Digest,
    ) -> Result<Component, Failure> {
        let attempt = self
            .guard
            .begin(digest)
            .inspect_err(|_| self.tally.skipped.increment())?;
        let compiled = self.compile_anew(engine, bytes, place, &attempt);
        let counter = match &compiled {
            Ok(_) => &self.tally.compiled,
            Err(refused) if refused.killed => &self.tally.killed,
            Err(_) => &self.tally.refused,
        };
        counter.increment();
        if !compiled.as_ref().is_err_and(|refused| refused.killed) {
            attempt.end();
        }
        let (component, artifact) = compiled.map_err(|refused| refused.failure)?;
        if let Some(cache) = &self.cache {
            cache.store(digest, &artifact);
        }
        Ok(component)
    }

    /// Has a component compiled again at the next request although it was cut short too often.
    pub(super) fn try_again(&self, component: &Digest) {
        self.guard.forget(component);
    }

    /// Ends every compile under way, and begins none any more. Waits for their ends, but no longer than `patience`; true
    /// when all have ended.
    pub(super) fn stop(&self, patience: Duration) -> bool {
        self.lanes.close(patience)
    }

    fn cached(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let component = self.cache.as_ref()?.load(engine, digest)?;
        self.tally.cached.increment();
        Some(component)
    }

    fn compile_anew(
        &self,
        engine: &Engine,
        bytes: &[u8],
        place: &Place<'_>,
        attempt: &Attempt,
    ) -> Result<(Component, Artifact), Refused> {
        let artifact = match &self.compiler {
            Compiler::InProcess => {
                attempt.sync();
                in_process(engine, bytes)?
            }
            Compiler::Child(program) => self.in_child(program, bytes, place, attempt)?,
        };
        let component = artifact.load(engine).map_err(|error| {
            let message = format!("the compiled code cannot be loaded: {}", chain(&error));
            Failure::new("compile.load", message)
        })?;
        Ok((component, artifact))
    }

    fn in_child(
        &self,
        program: &Path,
        bytes: &[u8],
        place: &Place<'_>,
        attempt: &Attempt,
    ) -> Result<Artifact, Refused> {
        let order = CompileOrder {
            stack: self.stack,
            memory: self.limits.memory,
            cpu: self.limits.cpu.0.as_millis().div_ceil(1000) as u64,
            nice: NICE[usize::from(place.large)],
            parent: std::process::id(),
        };
        let failed = |what: &str| {
            let what = format!("the compiler cannot be {what}: ");
            move |error| Failure::new("compile.child", format!("{what}{error}"))
        };
        let running = Running::start(program, &order, self.threads, bytes, self.limits.wall.0)
            .map_err(failed(&format!("started from {}", program.display())))?;
        attempt.sync();
        let ended = running
            .wait(|| {
                place.make_way();
                self.lanes.is_closed()
            })
            .map_err(failed("watched"))?;
        verdict::of(ended, &self.limits)
    }
}

/// Compiles without limits. A defect of the compiler is caught: it is the component's to answer for.
fn in_process(engine: &Engine, bytes: &[u8]) -> Result<Artifact, Failure> {
    let compile = AssertUnwindSafe(|| engine.precompile_component(bytes));
    match catch_unwind(compile) {
        Ok(Ok(artifact)) => Ok(Artifact::vouched(artifact)),
        Ok(Err(error)) => Err(verdict::invalid(&chain(&error))),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(verdict::panicked(words.unwrap_or_default()))
        }
    }
}

/// An error with its causes, on one line.
fn chain(error: &wasmtime::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    /// The empty component.
    const BYTES: &[u8] = b"\0asm\x0d\0\x01\0";
    /// Time in which the other thread comes to its wait; one that is late finds nothing to wait for.
    const HELD: Duration = Duration::from_millis(100);

    #[test]
    fn the_wait_for_a_place_is_no_time_of_the_compiler() {
        let engine = Engine::new(wasmtime::Config::new().gc_support(false)).unwrap();
        let compile = Compile::new(&Config::default(), &Surroundings::default(), &engine).unwrap();
        let place = compile
            .lanes
            .enter(blake3::hash(BYTES), BYTES.len())
            .unwrap();
        let (begins, began) = channel();
        thread::scope(|threads| {
            let other = threads.spawn(|| {
                begins.send(()).unwrap();
                let compiled = compile.compile(&engine, BYTES);
                (compiled, Instant::now())
            });
            began.recv().unwrap();
            thread::sleep(HELD);
            let freed = Instant::now();
            drop(place);
            let (compiled, ended) = other.join().unwrap();
            assert!(compiled.result.is_ok() && !compiled.cached);
            assert!(compiled.took > Duration::ZERO);
            assert!(compiled.took <= ended - freed, "{:?}", compiled.took);
        });
    }
}
