//! A host that is made up, for unit tests on the machine itself: it checks what the real one checks, and keeps what it is told.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::failure::Reason;
use crate::http::{Request, Response};
use crate::{Failure, log as lines};

pub(crate) mod calls;
pub(crate) mod metric;
mod rules;

pub(crate) use calls::{config, events, health, log, run, secrets, snapshot, sql, state};
pub(crate) use metric as metrics;

/// What the host refuses with.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::of_host(refusal)
    }
}

pub(crate) fn make_failure(reason: Reason, message: &str) -> Refusal {
    Refusal::new(reason.code(), message)
}

pub(crate) fn failure_code(refusal: &Refusal) -> String {
    refusal.code.clone()
}

pub(crate) fn failure_message(refusal: &Refusal) -> String {
    refusal.message.clone()
}

/// All that a made-up host knows.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) config: String,
    pub(crate) now: f64,
    pub(crate) interval: f64,
    /// Seconds that a run has left, unless that follows from the interval.
    pub(crate) left: Option<f64>,
    pub(crate) trigger: String,
    pub(crate) ordinal: u32,
    pub(crate) missed: u32,
    pub(crate) readable: Vec<String>,
    /// Host and port.
    pub(crate) tcp: Vec<String>,
    pub(crate) udp: Vec<String>,
    pub(crate) answers: Vec<(String, Result<Response, String>)>,
    pub(crate) exchange_takes: HashMap<String, Duration>,
    pub(crate) requests: Vec<Request>,
    pub(crate) snapshot: String,
    pub(crate) latest: HashMap<(String, Vec<String>), f64>,
    pub(crate) secrets: HashMap<String, Vec<u8>>,
    pub(crate) tables: HashMap<(String, String), Table>,
    /// Committed, and with the run's changes.
    pub(crate) state: [BTreeMap<String, Vec<u8>>; 2],
    pub(crate) metrics: metric::Metrics,
    pub(crate) checks: Vec<CheckSeen>,
    pub(crate) reports: Vec<(usize, calls::ReportSeen)>,
    pub(crate) events: Vec<(String, String)>,
    pub(crate) lines: Vec<(lines::Level, String)>,
}

/// The columns and rows with which a query is answered.
pub(crate) type Table = (Vec<String>, Vec<Vec<sql::Value>>);

/// A check that was defined.
pub(crate) struct CheckSeen {
    pub(crate) id: String,
}

thread_local! {
    /// The host of the test that runs on this thread.
    static HOST: RefCell<Fake> = RefCell::default();
}

/// Does something with this thread's host.
pub(crate) fn with<T>(act: impl FnOnce(&mut Fake) -> T) -> T {
    HOST.with_borrow_mut(act)
}

/// Puts another host in its place.
pub(crate) fn replace(host: Fake) -> Fake {
    HOST.replace(host)
}
