//! `[events]`: whether events are taken, how large one may be, how many wait for the disk, and which are left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::declared::{self, KindConfig};
use super::derived;
use super::kinds::Kind;
use crate::model::{ByteSize, Invalid, check_range};

/// How events are taken.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether they are at all.
    pub enabled: bool,
    /// How many bytes an event's `data` may have.
    pub max_event_size: ByteSize,
    /// What may be under way to the disk.
    pub queue: QueueConfig,
    /// Which share of them is kept.
    pub sampling: SamplingConfig,
    /// What follows from them.
    pub derived: derived::Config,
    /// `[[events.kind]]`: kinds that the operator declares.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<KindConfig>,
}

/// `[events.queue]`: what may be under way to the disk. What comes beyond it is refused.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// Events.
    pub max_events: u32,
    /// Their bytes.
    pub max_bytes: ByteSize,
}

/// `[events.sampling]`: which share of the events is kept, 0 to 1.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// Of kinds that have no share of their own.
    pub default: f64,
    /// By kind.
    pub kinds: BTreeMap<String, f64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            max_event_size: ByteSize::kib(64),
            queue: QueueConfig::default(),
            sampling: SamplingConfig::default(),
            derived: derived::Config::default(),
            kind: Vec::new(),
        }
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            max_events: 20_000,
            max_bytes: ByteSize::mib(32),
        }
    }
}

impl Default for SamplingConfig {
    fn default() -> Self {
        Self {
            default: 1.0,
            kinds: BTreeMap::new(),
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        let (least, most) = (ByteSize::kib(1), ByteSize::mib(16));
        let size = self.max_event_size;
        check_range(&mut faults, "max_event_size", size, least, most);
        self.queue.check(&mut faults, size);
        self.check_sampling(&mut faults);
        faults.extend(declared::check_all(&self.kind));
        let derived = self.derived.check().into_iter();
        faults.extend(derived.map(|fault| Invalid {
            key: format!("derived.{}", fault.key),
            ..fault
        }));
        faults
    }

    /// Reads the schemas that are in files. What cannot be read, or is no schema, is told.
    pub fn read_schema_files(&mut self) -> Vec<Invalid> {
        let kinds = self.kind.iter_mut().enumerate();
        let read = kinds.filter_map(|(index, kind)| {
            let mut fault = kind.read_file()?;
            fault.key = format!("kind[{index}].{}", fault.key);
            Some(fault)
        });
        read.collect()
    }

    fn check_sampling(&self, faults: &mut Vec<Invalid>) {
        let sampling = &self.sampling;
        check_range(faults, "sampling.default", sampling.default, 0.0, 1.0);
        for (kind, share) in &sampling.kinds {
            let key = format!("sampling.kinds.\"{kind}\"");
            check_range(faults, &key, *share, 0.0, 1.0);
            if Kind::of(kind).is_none() && self.kind.iter().all(|own| own.name != *kind) {
                let rule =
                    "must be for a kind that there is: see [[events.kind]] and docs/events.md";
                faults.push(Invalid::new(&key, share, rule));
            }
        }
    }
}

impl QueueConfig {
    fn check(&self, faults: &mut Vec<Invalid>, size: ByteSize) {
        check_range(faults, "queue.max_events", self.max_events, 1, 1_000_000);
        let (least, most) = (ByteSize::mib(1), ByteSize::mib(16 << 10));
        let bytes = self.max_bytes;
        check_range(faults, "queue.max_bytes", bytes, least, most);
        // In memory an event is there as text, and read.
        if bytes.0 < size.0.saturating_mul(4) {
            let rule = format!("must be at least four times events.max_event_size ({size})");
            faults.push(Invalid::new("queue.max_bytes", bytes, rule));
        }
    }
}
