//! What the end of a compiling process means.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use super::MAX_ARTIFACT_BYTES;
use super::artifact::Artifact;
use super::config::CompileConfig;
use super::order::CompileEnd;
use super::parent::{Cut, Ended};
use crate::model::{ByteSize, Failure};

/// The longest share of what the child said that is passed on.
const MAX_WORDS_BYTES: usize = 400;

/// The exit status of a program that panicked.
const PANIC: i32 = 101;

/// A compile that gave no code.
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// It was cut short by something that may hit the host next time: the boot-loop guard remembers it.
    pub(super) killed: bool,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            killed: false,
        }
    }
}

/// Draws the conclusion.
///
/// # Errors
/// `component.invalid`; `compile.memory`, `compile.cpu`, `compile.wall` and `compile.size` for a limit; `compile.killed`
/// for a signal; `compile.panic` for a defect of the compiler; `compile.stopped` when the host ends; `compile.child` for
/// what should not happen.
pub(super) fn of(ended: Ended, limits: &CompileConfig) -> Result<Artifact, Refused> {
    match ended.cut {
        Some(Cut::Late) => Err(over("wall", "took longer than", limits.wall).into()),
        Some(Cut::Unwanted) => Err(stopped().into()),
        None => match (ended.status.code(), ended.status.signal()) {
            (Some(code), _) => of_exit(code, ended, limits).map_err(Into::into),
            (None, Some(signal)) => Err(of_signal(signal, &ended.words, limits)),
            (None, None) => Err(child(&ended.status.to_string(), &ended.words).into()),
        },
    }
}

/// The host ends, so nothing is compiled any more.
pub(super) fn stopped() -> Failure {
    Failure::new("compile.stopped", "the host is ending")
}

/// The bytes are not what they should be.
pub(super) fn invalid(reason: &str) -> Failure {
    Failure::new(
        "component.invalid",
        format!("not a valid component: {reason}"),
    )
}

/// The compiler itself has a defect, which this component meets.
pub(super) fn panicked(words: &str) -> Failure {
    let message = format!("a defect of the compiler ended it{}", said(words));
    Failure::new("compile.panic", message)
}

fn of_exit(code: i32, ended: Ended, limits: &CompileConfig) -> Result<Artifact, Failure> {
    match CompileEnd::of_status(code) {
        Some(CompileEnd::Compiled) => Ok(Artifact::vouched(ended.artifact)),
        Some(CompileEnd::Invalid) => Err(invalid(&ended.words)),
        Some(CompileEnd::OutOfMemory) => Err(memory(limits)),
        // A panic that has its cause in the limit.
        _ if tells_of_memory(&ended.words) => Err(memory(limits)),
        None if code == PANIC => Err(panicked(&ended.words)),
        Some(CompileEnd::Unable) | None => Err(child(&ended.status.to_string(), &ended.words)),
    }
}

fn of_signal(signal: i32, words: &str, limits: &CompileConfig) -> Refused {
    let is = |one: Signal| one.as_raw() == signal;
    if is(Signal::XCPU) {
        return over("cpu", "took more CPU time than", limits.cpu).into();
    }
    if is(Signal::XFSZ) {
        let most = ByteSize(MAX_ARTIFACT_BYTES);
        let message = format!("its compiled code is larger than {most}");
        return Failure::new("compile.size", message).into();
    }
    if is(Signal::ABORT) && tells_of_memory(words) {
        return memory(limits).into();
    }
    let message = format!("the compiler was killed by signal {signal}{}", said(words));
    Refused {
        failure: Failure::new("compile.killed", message),
        // Somebody asked it to end, as a supervisor does when it stops everything.
        killed: ![Signal::TERM, Signal::INT, Signal::HUP].into_iter().any(is),
    }
}

/// What the standard library and the C library say when an allocation or a thread's stack finds no room.
fn tells_of_memory(words: &str) -> bool {
    [
        "memory allocation of",
        "Cannot allocate memory",
        "Resource temporarily unavailable",
    ]
    .iter()
    .any(|sign| words.contains(sign))
}

fn memory(limits: &CompileConfig) -> Failure {
    over("memory", "asked for more address space than", limits.memory)
}

fn over(key: &str, what: &str, limit: impl std::fmt::Display) -> Failure {
    Failure::new(
        format!("compile.{key}"),
        format!("compiling it {what} {limit} (probes.compile.{key})"),
    )
}

fn child(status: &str, words: &str) -> Failure {
    let message = format!("the compiler ended with {status}{}", said(words));
    Failure::new("compile.child", message)
}

fn said(words: &str) -> String {
    let words = words.trim();
    if words.is_empty() {
        return String::new();
    }
    format!(
        "; it said: {}",
        crate::model::printable(words, MAX_WORDS_BYTES)
    )
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::*;

    fn ended(status: i32, words: &str) -> Result<Artifact, Refused> {
        let ended = Ended {
            cut: None,
            status: ExitStatus::from_raw(status),
            words: words.into(),
            artifact: b"code".into(),
        };
        of(ended, &CompileConfig::default())
    }

    #[test]
    fn every_end_is_told_apart() {
        assert!(ended(0, "").is_ok_and(|artifact| artifact.bytes() == b"code"));
        let memory = "memory allocation of 9 bytes failed";
        for (status, words, code, killed, part) in [
            (65 << 8, "why", "component.invalid", false, "component: why"),
            (
                2 << 8,
                "usage",
                "compile.child",
                false,
                "exit status: 2; it said: usage",
            ),
            (69 << 8, "no", "compile.child", false, "69"),
            (
                75 << 8,
                "",
                "compile.memory",
                false,
                "probes.compile.memory",
            ),
            (
                101 << 8,
                "panicked",
                "compile.panic",
                false,
                "it said: panicked",
            ),
            (101 << 8, memory, "compile.memory", false, "2GiB"),
            (6, memory, "compile.memory", false, "2GiB"),
            (
                6,
                "assertion",
                "compile.killed",
                true,
                "signal 6; it said: assertion",
            ),
            (9, "", "compile.killed", true, "signal 9"),
            (11, "", "compile.killed", true, "signal 11"),
            (15, "", "compile.killed", false, "signal 15"),
            (24, "", "compile.cpu", false, "2m (probes.compile.cpu)"),
            (25, "", "compile.size", false, "1GiB"),
        ] {
            let refused = ended(status, words).err().expect(code);
            assert_eq!((&*refused.failure.code, refused.killed), (code, killed));
            assert!(
                refused.failure.message.contains(part),
                "{}",
                refused.failure
            );
        }
    }
}
