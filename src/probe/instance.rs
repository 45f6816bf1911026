//! One resident instance: made, called under a deadline, and thrown away after a trap.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use wasmtime::{CallHook, Store, Trap, UpdateDeadline, WasmBacktrace};

use super::engine::ProbeHost;
use super::grants::{Access, Reach};
use super::host::{Guest, GuestSettings, Kept, OutputTail, Produce, RunFacts};
use super::limits::{Breach, Meter};
use super::v0_1_0::{Everything, EverythingPre};
use crate::model::{Failure, RunCosts, printable};

/// A guest that loops is stopped at its deadline with a backtrace; one that waits in a host call has none to
/// give and is stopped this much later.
const HOST_CALL_GRACE: Duration = Duration::from_millis(20);
/// An answer that comes this long after the deadline is none: whoever asked has given the call up.
pub(super) const TOO_LATE: Duration = Duration::from_millis(50);
/// Frames of a guest's backtrace that are kept.
const MAX_FRAMES: usize = 20;
/// The longest of them; names are the guest's own words.
const MAX_FRAME_BYTES: usize = 200;

/// How a call failed.
pub(super) enum Trouble {
    /// The guest said so and is well.
    Answer(Failure),
    /// The store can never be entered again.
    Crash(Failure),
}

/// The word that a call was given up when its deadline had passed.
#[derive(Debug, thiserror::Error)]
#[error("the deadline has passed")]
struct GivenUp;

/// A guest in its store.
pub(super) struct Instance {
    store: Store<Guest>,
    bindings: Everything,
    /// When it was made.
    pub(super) made: Instant,
    /// Whether `start` has answered ok.
    pub(super) started: bool,
    /// What `start` staged, until a `collect` that goes well takes it along: `start` is not called again.
    pub(super) from_start: Option<Produce>,
}

/// Which export to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Export {
    /// Once for an instance, before anything else.
    Start,
    /// Every run.
    Collect,
}

impl Instance {
    /// Makes an instance. What a component's own start code does counts against `facts.deadline`.
    ///
    /// # Errors
    /// Why it could not be made, with what outlives it.
    pub(super) async fn new(
        host: &ProbeHost,
        prepared: &EverythingPre<Guest>,
        settings: &Arc<GuestSettings>,
        reach: &Arc<Reach>,
        kept: Kept,
        facts: RunFacts,
    ) -> Result<Self, (Trouble, Kept)> {
        let output = OutputTail::new(settings.limits.output).heard_by(settings.transcript.as_ref());
        let access = match Access::new(reach, &output, &kept.denials) {
            Ok(access) => access,
            Err(failure) => return Err((Trouble::Answer(failure), kept)),
        };
        let mut store = Store::new(
            &host.engine,
            Guest::new(settings.clone(), access, output, kept),
        );
        bound(&mut store, settings);
        store.data_mut().begin(facts);
        store.set_epoch_deadline(1);
        let meter = store.data().usage.meter().clone();
        let made = within(
            &meter,
            facts.deadline,
            prepared.instantiate_async(&mut store),
        )
        .await;
        store.data_mut().end();
        match made {
            Ok(bindings) => {
                store.data_mut().kept.charge(RunCosts::of_an_instance());
                Ok(Self {
                    store,
                    bindings,
                    made: Instant::now(),
                    started: false,
                    from_start: None,
                })
            }
            Err(error) => {
                let failure = describe(error, store.data_mut());
                Err((Trouble::Crash(failure), store.into_data().kept))
            }
        }
    }

    /// Calls an export and commits what it staged if it answers ok.
    ///
    /// # Errors
    /// What the guest answered, or how it crashed; nothing is committed then. After a crash the instance
    /// must be given up with [`Instance::into_kept`].
    pub(super) async fn call(
        &mut self,
        export: Export,
        facts: RunFacts,
    ) -> Result<Produce, Trouble> {
        self.store.data_mut().begin(facts);
        self.store.set_epoch_deadline(1);
        let meter = self.store.data().usage.meter().clone();
        let collector = self.bindings.probity_probe_collector();
        let answer = match export {
            Export::Start => {
                let call = collector.call_start(&mut self.store);
                within(&meter, facts.deadline, call).await
            }
            Export::Collect => {
                let call = collector.call_collect(&mut self.store);
                within(&meter, facts.deadline, call).await
            }
        };
        let guest = self.store.data_mut();
        guest.end();
        match answer {
            Ok(Ok(())) => match export {
                Export::Start => guest.commit_start(),
                Export::Collect => guest.commit(),
            }
            .map_err(Trouble::Crash),
            Ok(Err(handle)) => {
                let failure = guest.take_failure(handle);
                let violation = guest.take_violation();
                guest.discard();
                // A limit is a limit, whatever the guest answers.
                Err(violation.map_or(Trouble::Answer(failure), Trouble::Crash))
            }
            Err(error) => {
                let failure = describe(error, guest);
                guest.discard();
                Err(Trouble::Crash(failure))
            }
        }
    }

    /// Linear memory in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.store.data().bounds.memory_bytes()
    }

    /// Whether another instance had better take its place.
    pub(super) fn is_worn(&self) -> bool {
        self.store.data().is_worn()
    }

    /// Whether other files or folders lie where it was granted some: it knows those that lay there when it was made. May
    /// wait for a device.
    ///
    /// # Errors
    /// `unavailable` when what lies there now cannot be opened, or nothing is left.
    pub(super) fn has_moved(&self) -> Result<bool, Failure> {
        self.store.data().access.has_moved()
    }

    /// What outlives the instance, to look at.
    pub(super) fn kept(&self) -> &Kept {
        &self.store.data().kept
    }

    /// What outlives the instance.
    pub(super) fn kept_mut(&mut self) -> &mut Kept {
        &mut self.store.data_mut().kept
    }

    /// Gives the instance up.
    pub(super) fn into_kept(self) -> Kept {
        self.store.into_data().kept
    }
}

/// Puts every limit on a fresh store.
fn bound(store: &mut Store<Guest>, settings: &GuestSettings) {
    store.limiter(|guest| &mut guest.bounds);
    store.set_hostcall_fuel(usize::try_from(settings.limits.crossing.0).unwrap_or(usize::MAX));
    store.set_max_component_handles(settings.limits.handles as usize);
    store.call_hook(|mut context, hook| {
        if matches!(hook, CallHook::CallingHost) {
            context.data_mut().usage.count_host_call()?;
        }
        Ok(())
    });
    store.epoch_deadline_callback(|mut context| {
        context.data_mut().usage.check_time()?;
        Ok(UpdateDeadline::Yield(1))
    });
}

/// Counts the CPU time of a call, and ends one that waits in the host past its deadline.
async fn within<T>(
    meter: &Meter,
    deadline: Instant,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    let latest = deadline + HOST_CALL_GRACE;
    let mut call = pin!(call);
    let mut begun = false;
    let counted = poll_fn(|context| {
        // When many guests spin, the turn of one may come long after its deadline: then it gets no further one.
        if begun && Instant::now() >= latest {
            return Poll::Ready(Err(GivenUp.into()));
        }
        begun = true;
        let polled = meter.count(|| call.as_mut().poll(context));
        // Nobody waits for it any more: it was held in a system call that nothing can interrupt.
        if polled.is_ready() && Instant::now() >= deadline + TOO_LATE {
            return Poll::Ready(Err(GivenUp.into()));
        }
        polled
    });
    tokio::time::timeout_at(latest.into(), counted)
        .await
        .unwrap_or_else(|_| Err(GivenUp.into()))
}

/// A crash in words: the first limit that was broken where there is one, else the trap, with the guest's last output.
fn describe(error: wasmtime::Error, guest: &mut Guest) -> Failure {
    let backtrace = error.downcast_ref::<WasmBacktrace>().and_then(frames);
    let limit = guest.take_violation().or_else(|| {
        if error.is::<GivenUp>() {
            return Some(guest.usage.late().failure());
        }
        Breach::behind(&error, guest.limits()).or_else(|| guest.bounds.take_refused())
    });
    let failure = limit.unwrap_or_else(|| trap(&error, guest.output.take()));
    failure.with_backtrace(backtrace)
}

fn trap(error: &wasmtime::Error, output: Option<String>) -> Failure {
    let root = error.root_cause().to_string();
    let (code, cause) = if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        (
            "exit",
            format!("the guest ended itself with exit status {}", exit.0),
        )
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        (trap_code(*trap), trap.to_string())
    } else {
        ("trap", root)
    };
    match output {
        Some(output) => Failure::new(code, format!("{cause}; it last wrote: {output}")),
        None => Failure::new(code, cause),
    }
}

fn trap_code(trap: Trap) -> &'static str {
    match trap {
        Trap::MemoryOutOfBounds => "trap.memory-out-of-bounds",
        Trap::UnreachableCodeReached => "trap.unreachable",
        _ => "trap",
    }
}

/// The guest's call stack, innermost first; nothing if there is none.
fn frames(backtrace: &WasmBacktrace) -> Option<String> {
    let text = backtrace.to_string();
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let lines: Vec<String> = lines
        .take(MAX_FRAMES)
        .map(|line| printable(line, MAX_FRAME_BYTES))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
