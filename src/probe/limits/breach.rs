//! A limit that ended a call, in words: what was exceeded, by how much, and which key raises it.

use std::time::Duration;

use wasmtime::Trap;
use wasmtime::component::ResourceTableError;

use super::Limits;
use crate::model::{ByteSize, Failure, Span};

/// A limit that the host itself found broken; the other limits are wasmtime's to hold.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(in crate::probe) enum Breach {
    /// Wall time.
    #[error("the call ran for {}: at most {} (limits.deadline)", millis(*ran), millis(*limit))]
    Deadline {
        /// How long it ran.
        ran: Duration,
        /// How long it may.
        limit: Duration,
    },
    /// CPU time.
    #[error("the call used {} of CPU time: at most {} (limits.cpu)", millis(*used), millis(*limit))]
    Cpu {
        /// What it used.
        used: Duration,
        /// What it may use.
        limit: Duration,
    },
    /// Calls to the host.
    #[error("the call made its {}th call to the host: at most {limit} (limits.host_calls)", u64::from(*limit) + 1)]
    HostCalls {
        /// How many it may make.
        limit: u32,
    },
}

impl Breach {
    /// As a run's failure.
    pub(in crate::probe) fn failure(&self) -> Failure {
        let code = match self {
            Self::Deadline { .. } => "limits.deadline",
            Self::Cpu { .. } => "limits.cpu",
            Self::HostCalls { .. } => "limits.host_calls",
        };
        Failure::new(code, self.to_string())
    }

    /// The limit behind an error of wasmtime, if it is one. Most of these errors have no type of their own, so their
    /// words are looked at; a test for each limit tells when a release changes them.
    pub(in crate::probe) fn behind(error: &wasmtime::Error, limits: &Limits) -> Option<Failure> {
        if let Some(breach) = error.downcast_ref::<Self>() {
            return Some(breach.failure());
        }
        let root = error.root_cause().to_string();
        if let Some(count) = root.strip_prefix("resource limit exceeded: ") {
            return Some(too_many(count, limits));
        }
        let (code, message) = if error.downcast_ref() == Some(&Trap::StackOverflow) {
            let message = "its calls went deeper than its stack: raise probes.stack";
            ("limits.stack", message.to_owned())
        } else if matches!(error.downcast_ref(), Some(ResourceTableError::Full))
            || root.contains("store handle limit exceeded")
            || root.contains("resource table has no free keys")
        {
            let message = format!(
                "one more handle was asked for: at most {} at once (limits.handles)",
                limits.handles
            );
            ("limits.handles", message)
        } else if root.contains("hostcalls has been exhausted") {
            let message = format!(
                "one call carried more to the host than it may: at most {} (limits.crossing)",
                limits.crossing
            );
            ("limits.crossing", message)
        } else if let Some(asked) = random_bytes(&root) {
            let message = format!(
                "{} random bytes were asked for in one call: at most {} (limits.random)",
                ByteSize(asked),
                limits.random
            );
            ("limits.random", message)
        } else {
            return None;
        };
        Some(Failure::new(code, message))
    }
}

/// `count` is as in `memory count too high at 9`.
fn too_many(count: &str, limits: &Limits) -> Failure {
    let (key, limit) = match count.split(' ').next() {
        Some("memory") => ("memories", limits.memories),
        Some("table") => ("tables", limits.tables),
        _ => ("instances", limits.instances),
    };
    let wanted = count.rsplit(' ').next().unwrap_or_default();
    let message = format!("the component makes {wanted} {key}: at most {limit} (limits.{key})");
    Failure::new(format!("limits.{key}"), message)
}

/// The length in `requested len 65537 exceeds limit 65536`.
fn random_bytes(root: &str) -> Option<u64> {
    let (length, _) = root
        .strip_prefix("requested len ")?
        .split_once(" exceeds limit ")?;
    length.parse().ok()
}

/// To the millisecond, which is as exact as the epoch.
fn millis(time: Duration) -> Span {
    Span(Duration::from_millis(
        u64::try_from((time + Duration::from_micros(500)).as_millis()).unwrap_or(u64::MAX),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_what_how_much_and_which_key() {
        let breach = Breach::Deadline {
            ran: Duration::from_micros(104_300),
            limit: Duration::from_micros(99_998),
        };
        let wanted = "limits.deadline: the call ran for 104ms: at most 100ms (limits.deadline)";
        assert_eq!(breach.failure().to_string(), wanted);
        let wanted = "limits.host_calls: the call made its 11th call to the host: at most 10 (limits.host_calls)";
        assert_eq!(
            Breach::HostCalls { limit: 10 }.failure().to_string(),
            wanted
        );
    }

    #[test]
    fn wasmtimes_words_are_understood() {
        for (words, wanted) in [
            (
                "resource limit exceeded: memory count too high at 9",
                "limits.memories: the component makes 9 memories: at most 8 (limits.memories)",
            ),
            (
                "requested len 65537 exceeds limit 65536",
                "limits.random: 65537B random bytes were asked for in one call: at most 64KiB (limits.random)",
            ),
        ] {
            let error = wasmtime::Error::msg(words).context("while it ran");
            let failure = Breach::behind(&error, &Limits::default());
            assert_eq!(
                failure.map(|failure| failure.to_string()).as_deref(),
                Some(wanted)
            );
        }
        let other = wasmtime::Error::msg("something else");
        assert_eq!(Breach::behind(&other, &Limits::default()), None);
    }
}
