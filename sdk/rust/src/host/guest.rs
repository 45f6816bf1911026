//! The real host, through the bindings of the interface.

use std::cell::RefCell;

use crate::failure::Reason;
use crate::log::Level;
use crate::probe::Probe;
use crate::{Failure, Status};

/// Generated from the interface.
#[allow(missing_docs, clippy::all, unsafe_code)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "probe",
        path: "wit",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_probe",
        default_bindings_module: "probity_sdk::host::bindings",
    });
}

pub use bindings::export_probe;
pub use bindings::exports::probity::probe::collector::Guest as Exported;
pub(crate) use bindings::probity::events::events;
pub(crate) use bindings::probity::health::health;
pub use bindings::probity::host::failure::Failure as Refusal;
pub(crate) use bindings::probity::host::{config, log, run, secrets, snapshot, state};
pub(crate) use bindings::probity::metrics::metrics;
pub(crate) use bindings::probity::sql::sql;

pub(crate) fn make_failure(reason: Reason, message: &str) -> Refusal {
    match reason {
        Reason::NotApplicable => Refusal::not_applicable(message),
        Reason::BadConfig => Refusal::bad_config(message),
        Reason::Denied => Refusal::denied(message),
        Reason::Unavailable => Refusal::unavailable(message),
        Reason::RetryAfter(seconds) => Refusal::retry_after(seconds, message),
        Reason::Other => Refusal::other(message),
    }
}

pub(crate) fn failure_code(refusal: &Refusal) -> String {
    refusal.code()
}

pub(crate) fn failure_message(refusal: &Refusal) -> String {
    refusal.message()
}

/// Where an instance keeps its probe between calls.
pub type Started<P> = RefCell<Option<P>>;

/// What the export `start` does.
///
/// # Errors
/// The probe's, or a fault of its configuration, as the host takes it.
pub fn start<P: Probe>(started: &Started<P>) -> core::result::Result<(), Refusal> {
    tell_panics();
    let probe = crate::config::read()
        .and_then(P::start)
        .map_err(Failure::into_host)?;
    started.replace(Some(probe));
    Ok(())
}

/// What the export `collect` does.
///
/// # Errors
/// The probe's, as the host takes it.
pub fn collect<P: Probe>(started: &Started<P>) -> core::result::Result<(), Refusal> {
    let result = match &mut *started.borrow_mut() {
        Some(probe) => probe.collect(),
        None => Err(Failure::other("collect was called before start")),
    };
    result.map_err(Failure::into_host)
}

/// A panic ends the instance; its words go to the operator's log, for a component may have no standard error.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        log::log(log::Level::Error, &panic.to_string());
    }));
}

impl From<Status> for health::Status {
    fn from(status: Status) -> Self {
        match status {
            Status::Pass => Self::Pass,
            Status::Warn => Self::Warn,
            Status::Fail => Self::Fail,
        }
    }
}

impl From<Level> for log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::of_host(refusal)
    }
}
