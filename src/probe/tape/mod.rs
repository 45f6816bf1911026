//! Tapes: all answers of the world that a probe gets, recorded so that its runs can be had again without the world.
//!
//! One file for each source of answers: what a tape keeps of it, and how that is found again. Answers are recorded where
//! they come from, not call by call, so that a mended probe, which calls otherwise, can be replayed too: what asks
//! without effect is answered by its question, what has an effect is answered once. What a tape lacks fails the run as
//! `tape.missing`, and what it cannot hold as `tape.unrecordable`, whatever the guest makes of it.
//!
//! Off, as in the running program, this is an `Option` looked at where the host answers itself; wasmtime's functions are
//! replaced only in a host that has a tape (`grants/taped`).

mod account;
mod blob;
mod clock;
mod datagrams;
mod deck;
mod document;
mod events;
mod files;
mod http;
mod layout;
mod names;
mod reel;
mod scrub;
mod snapshot;
mod sql;
mod tcp;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

pub(super) use blob::{Blob, Moment};
pub(super) use clock::TapedClock;
pub(super) use datagrams::{Datagram, DatagramPlace};
pub(super) use deck::Deck;
pub use document::{TAPE_VERSION, TapeDocument, TapeError};
pub(super) use files::{FileAnswer, FileKind, FileQuestion, FileStat};
pub(super) use http::{HttpEnd, HttpPlace, HttpReplay, HttpReplayed};
pub(super) use tcp::{TcpAnswer, TcpEnd, TcpPlace};

use super::host::{RunFacts, State, Trigger};
use super::{Limits, LogLine, ProbeConfig, Surroundings};
use crate::model::{Failure, Observation, ProbeIdentity, Span, StateEntries};
use account::Account;
use clock::{Hands, Source};
use deck::{Book, Role, lock};
use document::{SecretShape, Subject};
use scrub::{SHORTEST, Scrubber};

/// What a host does with the answers that its one probe gets. Cheap to clone; off by default.
#[derive(Clone, Default)]
pub struct Tape(Option<Arc<Deck>>);

/// The trigger of this name.
fn trigger(name: &str) -> Option<Trigger> {
    let all = [
        Trigger::Schedule,
        Trigger::Startup,
        Trigger::Manual,
        Trigger::Test,
    ];
    all.into_iter().find(|trigger| trigger.as_str() == name)
}

/// Numbers that nobody has seen before.
fn fresh_seed() -> [u8; 32] {
    use std::hash::{BuildHasher, RandomState};
    let mut hasher = blake3::Hasher::new();
    for part in 0..4 {
        hasher.update(&RandomState::new().hash_one(part).to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

impl Tape {
    /// The world answers, but both clocks begin at `start`, go a millisecond with each reading, and an interval from run
    /// to run; random numbers are always the same.
    pub fn fake_clock(start: SystemTime) -> Self {
        Self::of(Role::Live, Source::Fake(start), [0; 32], None)
    }

    /// The world answers, and all of it is recorded; `fake_clock`: with clocks as in [`Tape::fake_clock`].
    pub fn recording(fake_clock: Option<SystemTime>) -> Self {
        match fake_clock {
            Some(start) => Self::of(Role::Recording, Source::Fake(start), [0; 32], None),
            None => Self::of(Role::Recording, Source::Machine, fresh_seed(), None),
        }
    }

    /// The tape answers, and the world is not asked.
    pub fn replaying(document: TapeDocument) -> Self {
        let seed = blake3::Hash::from_hex(&document.random_seed);
        let seed = *seed.expect("it was checked when it was read").as_bytes();
        Self::of(Role::Replaying, Source::Tape, seed, Some(document))
    }

    fn of(role: Role, clock: Source, seed: [u8; 32], document: Option<TapeDocument>) -> Self {
        let start = match clock {
            Source::Fake(start) => start,
            Source::Machine | Source::Tape => SystemTime::now(),
        };
        Self(Some(Arc::new(Deck {
            role,
            clock,
            began: OnceLock::new(),
            hands: Mutex::new(Hands::at(start)),
            seed,
            book: Mutex::new(Book {
                document,
                ..Book::default()
            }),
        })))
    }

    /// What was recorded, as text, without secrets.
    ///
    /// # Errors
    /// When nothing was, something could not be, or it cannot be written faithfully and without secrets.
    pub fn recorded(&self) -> Result<String, TapeError> {
        let deck = self.deck().filter(|deck| deck.role == Role::Recording);
        let book = deck.map(|deck| lock(&deck.book));
        let (document, book) = match &book {
            Some(book) => (book.document.clone(), book),
            None => return Err(TapeError::Empty),
        };
        let document = document.ok_or(TapeError::Empty)?;
        match &book.unrecordable {
            // A run that was given up is not on the tape.
            Some((run, failure)) if *run < document.runs() => {
                Err(TapeError::NotWhole(run + 1, failure.message.clone()))
            }
            _ => document.write(&book.scrubber),
        }
    }

    /// A run has ended so, and logged these lines. Recording, that is put onto the tape; replaying,
    /// what was not the same on recording is given back, one line a difference: `-` before, `+` now.
    pub fn conclude(&self, observation: &Observation, lines: &[LogLine]) -> Vec<String> {
        let Some(deck) = self.deck().filter(|deck| deck.role != Role::Live) else {
            return Vec::new();
        };
        let account = Account::of(observation, lines);
        // What the tape says nothing of is new, not the same.
        let unheard = || Account::default().differences(&account);
        let mut remarks = std::mem::take(&mut lock(&deck.book).remarks);
        let differences = deck.with_run(|run| match deck.role {
            Role::Replaying => {
                let recorded = run.did.as_ref();
                let mut lines = recorded.map_or_else(unheard, |did| did.differences(&account));
                lines.extend(run.left().map(|what| format!("- asked for {what}")));
                lines
            }
            Role::Recording | Role::Live => {
                run.did = Some(account.clone());
                Vec::new()
            }
        });
        remarks.extend(differences.unwrap_or_else(|| match deck.role {
            Role::Replaying => unheard(),
            Role::Recording | Role::Live => Vec::new(),
        }));
        remarks
    }

    /// The present run was given up before its end: recording, it is not kept.
    pub fn forget_run(&self) {
        if let Some(deck) = self.deck().filter(|deck| deck.role == Role::Recording) {
            deck.with_document(|document| document.runs.pop_if(|run| run.did.is_none()));
        }
    }

    /// The digest of the component whose recording is replayed; nothing when none is.
    pub fn replayed_digest(&self) -> Option<String> {
        let deck = self.replayed()?;
        deck.with_document(|document| Some(document.digest().to_owned()))
    }

    /// Whether clocks and random numbers are not the machine's.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether answers are recorded or come from a recording.
    pub(super) fn has_answers(&self) -> bool {
        self.deck().is_some_and(|deck| deck.role != Role::Live)
    }

    /// The tape at work; nothing where it is off.
    pub(super) fn deck(&self) -> Option<&Arc<Deck>> {
        self.0.as_ref()
    }

    fn replayed(&self) -> Option<&Arc<Deck>> {
        self.deck().filter(|deck| deck.role == Role::Replaying)
    }

    /// The surroundings of a host with this tape: replaying, nothing of the machine's; recording, what they hold of secrets
    /// is kept off the tape.
    pub(super) fn surround(&self, around: Surroundings) -> Surroundings {
        let Some(deck) = self.deck() else {
            return around;
        };
        if deck.role != Role::Replaying {
            lock(&deck.book).scrubber = Scrubber::new(&around.secrets);
            return around;
        }
        let known = deck.with_document(|document| Some((document.variables(), document.dummies())));
        let (environment, secrets) = known.unwrap_or_default();
        Surroundings {
            environment,
            secrets,
            states: None,
            ..around
        }
    }

    /// A probe is loaded. One tape is one probe's.
    ///
    /// # Errors
    /// `tape.other-probe` when it is not this one's, `tape.unrecordable` when a secret of its cannot be kept off it.
    pub(super) fn admit(
        &self,
        identity: &ProbeIdentity,
        config: &ProbeConfig,
        limits: &Limits,
        (interval, deadline): (Duration, Duration),
        around: &Surroundings,
    ) -> Result<(), Failure> {
        let Some(deck) = self.deck().filter(|deck| deck.role != Role::Live) else {
            return Ok(());
        };
        let mut book = lock(&deck.book);
        if let Some(document) = &book.document {
            let (own, name) = (document.probe(), &*identity.name);
            let message = format!("the tape is one of probe `{own}`, and this is `{name}`");
            let fits = own == name;
            return if fits {
                Ok(())
            } else {
                Err(Failure::new("tape.other-probe", message))
            };
        }
        let transcript = around.transcript.as_ref();
        let subject = Subject {
            name: identity.name.to_string(),
            digest: identity.digest.clone(),
            interval: Span(interval),
            deadline: Span(deadline),
            log_level: transcript.map(|one| one.least().as_str().to_owned()),
            grant: config.grant.clone(),
            config: config.config.clone(),
            limits: limits.clone(),
        };
        let mut document = TapeDocument::begin(subject, &deck.seed);
        for (name, value) in around.environment.granted(&config.grant.env) {
            document
                .environment
                .insert(name.to_owned(), value.to_owned());
        }
        for (_, name) in config.grant.secret_names() {
            // One that is not there is an error of the grants.
            let Some((bytes, origins)) = around.secrets.shape(name) else {
                continue;
            };
            let origins = origins.to_vec();
            if bytes < SHORTEST {
                let message = format!(
                    "the secret `{name}` has {bytes} bytes: one of less than {SHORTEST} cannot be told from other data, and \
                     so not be kept off a tape"
                );
                return Err(Failure::new("tape.unrecordable", message));
            }
            let shape = SecretShape { bytes, origins };
            document.secrets.insert(name.to_owned(), shape);
        }
        book.document = Some(document);
        Ok(())
    }

    /// A run begins: what it is told of itself.
    pub(super) fn begin_run(&self, facts: RunFacts, deadline: Duration) -> RunFacts {
        let Some(deck) = self.deck() else {
            return facts;
        };
        let facts = deck.turn_to_next(facts);
        let before = facts.ordinal.saturating_sub(1);
        let wall = deck.begin_clocks(facts.wall, facts.interval, before, deadline);
        deck.with_run(|run| run.at = Moment(wall));
        RunFacts { wall, ..facts }
    }

    /// A call of the guest begins.
    pub(super) fn begin_call(&self) {
        if let Some(deck) = self.deck() {
            deck.begin_call_clock();
        }
    }

    /// What a call has left, in seconds, where the machine says `live`.
    pub(super) fn seconds_left(&self, live: f64) -> f64 {
        self.deck().map_or(live, |deck| deck.seconds_left(live))
    }

    /// The state that the probe begins with, before its first run: the tape's where there is one, which is put in, and else
    /// what is there, which is recorded.
    pub(super) fn begin_state(&self, state: &mut State) {
        let Some(deck) = self.replayed().filter(|_| !state.disk.loaded) else {
            return;
        };
        let entry = |(key, blob): (&String, &Blob)| (key.clone(), blob.0.clone().into());
        let entries = deck.with_document(|document| {
            Some(
                document
                    .state
                    .iter()
                    .map(entry)
                    .collect::<std::collections::BTreeMap<_, _>>(),
            )
        });
        state.adopt(StateEntries::new(entries.unwrap_or_default()));
    }

    /// The state that was there before the first run.
    pub(super) fn note_state(&self, state: &State) {
        let Some(deck) = self.deck().filter(|deck| deck.role == Role::Recording) else {
            return;
        };
        let is_first = deck.with_document(|document| Some(document.runs.len() == 1));
        let bytes = usize::try_from(state.bytes()).unwrap_or(usize::MAX);
        if is_first == Some(true) && deck.has_room(bytes, "the probe's state") {
            let entry =
                |(key, value): (&String, &bytes::Bytes)| (key.clone(), Blob(value.to_vec()));
            let entries = state.entries().iter().map(entry).collect();
            deck.with_document(|document| {
                document.state = entries;
                Some(())
            });
        }
    }

    /// What went wrong with the tape in this run.
    pub(super) fn fault(&self) -> Option<Failure> {
        self.deck().and_then(|deck| lock(&deck.book).fault.clone())
    }

    /// The host's version as guests see it.
    pub(super) fn host_version(&self) -> Option<String> {
        let deck = self.replayed()?;
        deck.with_document(|document| Some(document.host.clone()))
    }

    /// The text that stands for a secret: the same on replay.
    pub(super) fn placeholder(&self, name: &str) -> Option<[u8; 16]> {
        let deck = self.deck()?;
        let mut bytes = [0; 16];
        deck.numbers("placeholder", name).fill(&mut bytes);
        Some(bytes)
    }
}
