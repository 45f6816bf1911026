//! A tape at work: which run it is at, what room it has, and what went wrong.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use super::clock::{Hands, Source};
use super::datagrams::DatagramAnswer;
use super::document::{MAX_BYTES, Readings, RunTape, TapeDocument};
use super::http::HttpAnswer;
use super::reel::Reel;
use super::scrub::Scrubber;
use super::sql::SqlAnswer;
use super::tcp::TcpAnswer;
use super::{Moment, trigger};
use crate::model::{ByteSize, Failure};
use crate::probe::Trigger;
use crate::probe::host::RunFacts;

/// Random bytes that are made at once, after which they come again.
const RANDOM_BYTES: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The world answers; only the clocks are not its own.
    Live,
    Recording,
    Replaying,
}

/// A tape at work.
pub(in crate::probe) struct Deck {
    pub(super) role: Role,
    pub(super) clock: Source,
    /// From when the machine's monotonic clock is counted: its first reading.
    pub(super) began: OnceLock<Instant>,
    pub(super) hands: Mutex<Hands>,
    pub(super) seed: [u8; 32],
    pub(super) book: Mutex<Book>,
}

/// The document, and where it is.
#[derive(Default)]
pub(super) struct Book {
    /// Nothing until the probe is loaded that is recorded.
    pub(super) document: Option<TapeDocument>,
    /// The present run, by its place in the document.
    pub(super) run: Option<usize>,
    pub(super) bytes: u64,
    pub(super) scrubber: Scrubber,
    /// The first thing that went wrong in this run.
    pub(super) fault: Option<Failure>,
    /// The first thing that could not be recorded, and in which run, by its place: the recording is not whole.
    pub(super) unrecordable: Option<(usize, Failure)>,
    /// What was odd in this run.
    pub(super) remarks: Vec<String>,
}

/// A mutex is held for a few lines, and nothing in them panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deck {
    /// Takes up the next run of the document, or makes one.
    pub(super) fn turn_to_next(&self, facts: RunFacts) -> RunFacts {
        let mut book = lock(&self.book);
        book.fault = None;
        let next = book.run.map_or(0, |run| run + 1);
        book.run = Some(next);
        let Some(document) = &mut book.document else {
            return facts;
        };
        match self.role {
            Role::Live => facts,
            Role::Recording => {
                document.runs.push(RunTape {
                    trigger: facts.trigger.as_str().to_owned(),
                    ordinal: facts.ordinal,
                    missed: facts.missed,
                    ..RunTape::nothing()
                });
                facts
            }
            Role::Replaying => match document.runs.get(next) {
                Some(run) => RunFacts {
                    trigger: trigger(&run.trigger).unwrap_or(facts.trigger),
                    wall: run.at.0,
                    interval: document.probe.interval.0,
                    missed: run.missed,
                    ordinal: run.ordinal,
                    ..facts
                },
                None => {
                    let runs = match document.runs() {
                        0 => "no run".to_owned(),
                        1 => "1 run".to_owned(),
                        many => format!("{many} runs"),
                    };
                    let message = format!("the tape holds {runs}, and this is one more");
                    book.fault = Some(Failure::new("tape.missing", message));
                    facts
                }
            },
        }
    }

    pub(super) fn with_document<T>(
        &self,
        act: impl FnOnce(&mut TapeDocument) -> Option<T>,
    ) -> Option<T> {
        lock(&self.book).document.as_mut().and_then(act)
    }

    /// Does something with the present run, if there is one.
    pub(super) fn with_run<T>(&self, act: impl FnOnce(&mut RunTape) -> T) -> Option<T> {
        let mut book = lock(&self.book);
        let run = book.run?;
        book.document.as_mut()?.runs.get_mut(run).map(act)
    }

    /// Puts one more answer of about so many bytes onto a tape that is being recorded; gives its run and its place there.
    pub(super) fn record(
        &self,
        bytes: usize,
        what: &str,
        push: impl FnOnce(&mut RunTape) -> usize,
    ) -> Option<(usize, usize)> {
        if self.role != Role::Recording || !self.has_room(bytes, what) {
            return None;
        }
        let place = self.with_run(push)?;
        let run = lock(&self.book).run?;
        Some((run, place))
    }

    /// Counts bytes that go onto the tape; when there is no room for them that is the run's fault.
    pub(super) fn has_room(&self, bytes: usize, what: &str) -> bool {
        {
            let mut book = lock(&self.book);
            let all = book.bytes.saturating_add(bytes as u64);
            if all <= MAX_BYTES {
                book.bytes = all;
                return true;
            }
        }
        let most = ByteSize(MAX_BYTES);
        let message = format!(
            "there is no room for {what}: a tape holds {most} in all; record fewer runs, or let the probe read less"
        );
        self.note_unrecordable(Failure::new("tape.unrecordable", message));
        false
    }

    /// How much room is left, in bytes.
    pub(in crate::probe) fn room(&self) -> u64 {
        MAX_BYTES.saturating_sub(lock(&self.book).bytes)
    }

    /// Notes that the tape lacks an answer.
    pub(in crate::probe) fn miss(&self, what: &str) -> Failure {
        let message = format!("not on the tape: {what}");
        self.note_fault(Failure::new("tape.missing", message))
    }

    /// Notes that something cannot be recorded.
    pub(in crate::probe) fn unrecordable(&self, what: &str) -> Failure {
        let message = format!("cannot be recorded: {what}");
        self.note_unrecordable(Failure::new("tape.unrecordable", message))
    }

    fn note_unrecordable(&self, failure: Failure) -> Failure {
        let mut book = lock(&self.book);
        let run = book.run.unwrap_or(0);
        book.unrecordable
            .get_or_insert_with(|| (run, failure.clone()));
        drop(book);
        self.note_fault(failure)
    }

    pub(super) fn note_fault(&self, failure: Failure) -> Failure {
        let mut book = lock(&self.book);
        book.fault.get_or_insert_with(|| failure.clone());
        failure
    }

    /// Notes what is odd on replay, for whoever compares.
    pub(in crate::probe) fn remark(&self, text: String) {
        if self.role == Role::Replaying {
            lock(&self.book).remarks.push(text);
        }
    }

    /// Numbers that follow from the tape's seed.
    pub(super) fn numbers(&self, purpose: &str, of: &str) -> blake3::OutputReader {
        let mut hasher = blake3::Hasher::new_keyed(&self.seed);
        hasher
            .update(purpose.as_bytes())
            .update(b"\0")
            .update(of.as_bytes());
        hasher.finalize_xof()
    }

    /// The random bytes of an instance that is made in the present run, by what they are for.
    pub(in crate::probe) fn random(&self, purpose: &str) -> Vec<u8> {
        let run = lock(&self.book).run.unwrap_or(0);
        let mut bytes = vec![0; RANDOM_BYTES];
        self.numbers(purpose, &run.to_string()).fill(&mut bytes);
        bytes
    }
}

impl RunTape {
    /// A run in which nothing was asked.
    pub(super) fn nothing() -> Self {
        Self {
            trigger: Trigger::Test.as_str().to_owned(),
            at: Moment(SystemTime::UNIX_EPOCH),
            ordinal: 1,
            missed: 0,
            clocks: Readings::default(),
            snapshot: Reel::default(),
            files: Reel::default(),
            sql: Reel::default(),
            http: Reel::default(),
            names: Reel::default(),
            tcp: Reel::default(),
            udp: Reel::default(),
            events: Reel::default(),
            did: None,
        }
    }

    /// What was asked for on recording and is not now, where asking has an effect.
    pub(super) fn left(&self) -> impl Iterator<Item = String> {
        let http = self.http.left().map(HttpAnswer::shown);
        let sql = self.sql.left().map(SqlAnswer::shown);
        let tcp = self.tcp.left().map(TcpAnswer::shown);
        let udp = self.udp.left().map(DatagramAnswer::shown);
        sql.chain(http).chain(tcp).chain(udp)
    }
}
