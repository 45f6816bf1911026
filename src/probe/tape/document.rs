//! A tape as a document: what a person keeps in a repository, reads, and edits.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::Account;
use super::blob::{Blob, Moment, Real};
use super::datagrams::DatagramAnswer;
use super::events::EventAnswer;
use super::files::FileAnswer;
use super::http::HttpAnswer;
use super::layout::lay_out;
use super::names::NameAnswer;
use super::reel::Reel;
use super::scrub::Scrubber;
use super::snapshot::SnapshotAnswer;
use super::sql::SqlAnswer;
use super::tcp::TcpAnswer;
use crate::model::{ByteSize, Span};
use crate::probe::grants::{Environment, MAX_SECRET_BYTES, Secrets};
use crate::probe::{Grants, LimitOverrides, Limits, LogLevel, Origin, ProbeConfig};

/// The format that this host writes and reads.
pub const TAPE_VERSION: u32 = 1;
/// All answers of a tape together: a person keeps it in a repository. A document may be somewhat larger, for its own words.
pub(super) const MAX_BYTES: u64 = 32 << 20;
/// The largest document that is read.
const MAX_DOCUMENT_BYTES: usize = 4 * MAX_BYTES as usize;

/// Why a tape cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It is JSON, and no tape.
    #[error("it is no tape: {0}")]
    NotATape(String),
    /// Another host wrote it.
    #[error("it is a tape of version {0}: this host reads version {TAPE_VERSION}")]
    Version(u64),
    /// A part of it is wrong: where, and why.
    #[error("`{0}`: {1}")]
    Damaged(String, String),
    /// It is larger than any that this host writes.
    #[error("it has {0}: at most {max}", max = ByteSize(MAX_DOCUMENT_BYTES as u64))]
    TooLarge(ByteSize),
    /// What was recorded does not come back as it was: a defect, or a configuration that JSON cannot hold.
    #[error("what was recorded would not be replayed as it was: {0}")]
    Unfaithful(String),
    /// A secret, by name, would be in it.
    #[error("the secret `{0}` would be in it")]
    Secret(String),
    /// A run, by its number, had an answer that no tape holds, or for which there was no room.
    #[error("run {0}: {1}")]
    NotWhole(usize, String),
    /// Nothing was recorded.
    #[error("nothing was recorded")]
    Empty,
}

impl TapeError {
    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            Self::NotJson(_) | Self::Damaged(..) => {
                "mend it there, or record it again with `probity test --record`"
            }
            Self::NotATape(_) => "give a file that `probity test --record` has written",
            Self::TooLarge(_) => "record fewer runs",
            Self::Version(_) => "record it again with `probity test --record`",
            Self::Unfaithful(_) | Self::Secret(_) => {
                "keep it out of the probe's configuration and answers, and record again"
            }
            Self::NotWhole(..) => "let it ask for less while it is recorded",
            Self::Empty => "let the probe run at least once",
        }
    }
}

/// What a tape holds: a probe's part of the world, run by run, and what the probe made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapeDocument {
    /// [`TAPE_VERSION`].
    probity_tape: u32,
    /// The version of the host that recorded it.
    pub(super) host: String,
    /// When.
    pub(super) recorded: Moment,
    pub(super) probe: Subject,
    /// What the random numbers follow from: 64 hexadecimal digits.
    pub(super) random_seed: String,
    /// The granted variables that were set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) environment: BTreeMap<String, String>,
    /// The granted secrets. What they hold is on no tape.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) secrets: BTreeMap<String, SecretShape>,
    /// The probe's state before the first run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) state: BTreeMap<String, Blob>,
    pub(super) runs: Vec<RunTape>,
}

/// The probe that was recorded, and what it was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    pub(super) name: String,
    /// Of the component; another build may be replayed.
    pub(super) digest: String,
    pub(super) interval: Span,
    /// Wall time of one call.
    pub(super) deadline: Span,
    /// The least level of a line that the probe's log kept; nothing where it was the program's own log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) log_level: Option<String>,
    #[serde(default)]
    pub(super) grant: Grants,
    #[serde(default)]
    pub(super) config: toml::Table,
    #[serde(default)]
    pub(super) limits: Limits,
}

/// What is known of a secret on replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretShape {
    /// How long it is.
    pub(super) bytes: usize,
    /// The only origins that it may be sent to; empty: all that are granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) origins: Vec<Origin>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunTape {
    pub(super) trigger: String,
    /// The wall clock at its beginning.
    pub(super) at: Moment,
    /// Its number since the probe was loaded.
    pub(super) ordinal: u32,
    #[serde(default, skip_serializing_if = "is_nought")]
    pub(super) missed: u32,
    #[serde(default, skip_serializing_if = "Readings::is_empty")]
    pub(super) clocks: Readings,
    #[serde(default, skip_serializing_if = "Reel::is_empty")]
    pub(super) snapshot: Reel<SnapshotAnswer>,
    #[serde(default, skip_serializing_if = "Reel::is_empty")]
    pub(super) files: Reel<FileAnswer>,
    #[serde(default, skip_serializing_if = "Reel::is_empty")]
    pub(super) sql: Reel<SqlAnswer>,
    #[serde(default, skip_serializing_if = "Reel::is_empty")]
    pub(super) http: Reel<HttpAnswer>,
    #[serde(default, skip_serializing_if = "Reel::is_empty")]
    pub(super) names: Reel<NameAnswer>,
    #[serde(default, skip_serializing_if = "Reel::is_empty")]
    pub(super) tcp: Reel<TcpAnswer>,
    #[serde(default, skip_serializing_if = "Reel::is_empty")]
    pub(super) udp: Reel<DatagramAnswer>,
    #[serde(default, skip_serializing_if = "Reel::is_empty")]
    pub(super) events: Reel<EventAnswer>,
    /// What the probe did with all that; nothing when the recording ended before the run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) did: Option<Account>,
}

impl RunTape {
    /// What the types do not say of it: where in it, and why.
    fn fault(&self) -> Option<(String, String)> {
        if super::trigger(&self.trigger).is_none() {
            let why = "must be schedule, startup, manual or test";
            return Some(("trigger".to_owned(), why.to_owned()));
        }
        let faults = [
            ("files", self.files.fault(FileAnswer::fault)),
            ("http", self.http.fault(HttpAnswer::fault)),
            ("tcp", self.tcp.fault(TcpAnswer::fault)),
        ];
        faults.into_iter().find_map(|(source, fault)| {
            let (place, why) = fault?;
            Some((format!("{source}[{place}]"), why))
        })
    }
}

fn is_nought(number: &u32) -> bool {
    *number == 0
}

/// What the clocks showed, reading by reading.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Readings {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) wall: Vec<Moment>,
    /// Nanoseconds since the recording began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) monotonic: Vec<u64>,
    /// Seconds until the host would stop the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) seconds_left: Vec<Real>,
}

impl Readings {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Takes the kinds of grants out of which there is none.
fn leave_out_nothing_granted(document: &mut Value) {
    let grant = document.pointer_mut("/probe/grant");
    if let Some(grant) = grant.and_then(Value::as_object_mut) {
        grant.retain(|_, list| *list != json!([]) && *list != json!({}));
    }
}

impl TapeDocument {
    /// A tape of this probe without a run.
    pub(super) fn begin(probe: Subject, seed: &[u8; 32]) -> Self {
        Self {
            probity_tape: TAPE_VERSION,
            host: env!("CARGO_PKG_VERSION").to_owned(),
            recorded: Moment(SystemTime::now()),
            probe,
            random_seed: blake3::Hash::from_bytes(*seed).to_hex().to_string(),
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            state: BTreeMap::new(),
            runs: Vec::new(),
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, TapeError> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(TapeError::TooLarge(ByteSize(text.len() as u64)));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| TapeError::NotJson(error.to_string()))?;
        match value.get("probity_tape").map(Value::as_u64) {
            Some(Some(version)) if version == u64::from(TAPE_VERSION) => {}
            Some(Some(version)) => return Err(TapeError::Version(version)),
            _ => {
                let lacks = "it does not begin with `\"probity_tape\": 1`".to_owned();
                return Err(TapeError::NotATape(lacks));
            }
        }
        let document: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            TapeError::Damaged(error.path().to_string(), error.inner().to_string())
        })?;
        document.check()?;
        Ok(document)
    }

    /// What the types do not say of it.
    fn check(&self) -> Result<(), TapeError> {
        let damaged = |path: String, why: &str| Err(TapeError::Damaged(path, why.to_owned()));
        if blake3::Hash::from_hex(&self.random_seed).is_err() {
            return damaged("random_seed".to_owned(), "must be 64 hexadecimal digits");
        }
        if let Some(fault) = self.section().check().first() {
            return damaged(format!("probe.{}", fault.key), &fault.rule);
        }
        let level = self.probe.log_level.as_deref();
        if level.is_some_and(|name| LogLevel::of(name).is_none()) {
            let why = "must be trace, debug, info, warn or error";
            return damaged("probe.log_level".to_owned(), why);
        }
        let too_long = |shape: &SecretShape| shape.bytes as u64 > MAX_SECRET_BYTES;
        if let Some((name, _)) = self.secrets.iter().find(|(_, shape)| too_long(shape)) {
            let why = format!("must be at most {MAX_SECRET_BYTES}");
            return damaged(format!("secrets.{name}.bytes"), &why);
        }
        let mut runs = self.runs.iter().enumerate();
        let fault = runs.find_map(|(index, run)| Some((index, run.fault()?)));
        match fault {
            Some((index, (place, why))) => damaged(format!("runs[{index}].{place}"), &why),
            None => Ok(()),
        }
    }

    /// The document as text, without what the scrubber keeps out.
    ///
    /// # Errors
    /// When it would not be read as it was recorded, or still held a secret.
    pub(super) fn write(mut self, scrubber: &Scrubber) -> Result<String, TapeError> {
        if self.runs.is_empty() {
            return Err(TapeError::Empty);
        }
        for run in &mut self.runs {
            run.tcp.all_mut().for_each(|one| one.scrub(scrubber));
        }
        let unfaithful = |error: String| TapeError::Unfaithful(error);
        let mut value =
            serde_json::to_value(&self).map_err(|error| unfaithful(error.to_string()))?;
        scrubber.scrub(&mut value);
        leave_out_nothing_granted(&mut value);
        if let Some(name) = scrubber.scrub(&mut value.clone()) {
            return Err(TapeError::Secret(name.to_owned()));
        }
        let text = lay_out(&value);
        let read = Self::parse(&text).map_err(|error| match error {
            TapeError::TooLarge(_) => error,
            other => unfaithful(other.to_string()),
        })?;
        let mut again =
            serde_json::to_value(&read).map_err(|error| unfaithful(error.to_string()))?;
        leave_out_nothing_granted(&mut again);
        if again != value {
            let what = "a part of it comes back as another".to_owned();
            return Err(unfaithful(what));
        }
        Ok(text)
    }

    /// The probe's name.
    pub fn probe(&self) -> &str {
        &self.probe.name
    }

    /// The digest of the component that was recorded, as [`ProbeIdentity::digest`] writes it.
    ///
    /// [`ProbeIdentity::digest`]: crate::model::ProbeIdentity::digest
    pub fn digest(&self) -> &str {
        &self.probe.digest
    }

    /// How many runs it holds.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The section of the configuration that the probe ran with: interval, grants, configuration, and every limit.
    pub fn section(&self) -> ProbeConfig {
        let subject = &self.probe;
        let mut limits: LimitOverrides = LimitOverrides::all(&subject.limits);
        limits.deadline = Some(subject.deadline);
        ProbeConfig {
            interval: Some(subject.interval),
            limits,
            grant: subject.grant.clone(),
            config: subject.config.clone(),
            ..ProbeConfig::unmentioned(&subject.name)
        }
    }

    /// The least level of a line that the probe's log kept.
    pub fn log_level(&self) -> LogLevel {
        let named = self.probe.log_level.as_deref().and_then(LogLevel::of);
        named.unwrap_or(LogLevel::Info)
    }

    /// The variables that were granted.
    pub(super) fn variables(&self) -> Environment {
        let pair = |(name, value): (&String, &String)| (name.into(), value.into());
        Environment::of(&self.environment.iter().map(pair).collect::<Vec<_>>())
    }

    /// What stands for the secrets: as many bytes.
    pub(super) fn dummies(&self) -> Secrets {
        let one = |(name, shape): (&String, &SecretShape)| {
            (name.clone(), shape.bytes, shape.origins.clone())
        };
        Secrets::dummies(self.secrets.iter().map(one))
    }
}
