//! The one error of every call and every probe.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::host;

/// What a probe answers: a value, or why there is none.
pub type Result<T> = core::result::Result<T, Failure>;

/// Why a call or a run failed: a code for machines and a message for people.
///
/// A call that the host refuses gives one, and a probe that hands it on with `?` is shown with the host's own words. Every other
/// error becomes one with the code `other` and the error's message. It is no [`std::error::Error`] itself, since that
/// conversion would then be ambiguous.
pub struct Failure(Inner);

pub(crate) enum Inner {
    /// A probe made it.
    Made {
        reason: Reason,
        message: Cow<'static, str>,
    },
    /// The host refused a call; it goes back as it came.
    Host(host::Refusal),
}

/// The reasons that a probe can give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reason {
    NotApplicable,
    BadConfig,
    Denied,
    Unavailable,
    RetryAfter(f64),
    Other,
}

impl Failure {
    /// There is nothing to observe on this machine, which is no error: the probe lies dormant and is asked again later and when its
    /// configuration changes. `message`: what was looked for, in one line.
    pub fn not_applicable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(Reason::NotApplicable, message)
    }

    /// The probe's own configuration is wrong; the probe is rejected until that changes. `message`: the key, its value and what is
    /// expected.
    pub fn bad_config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(Reason::BadConfig, message)
    }

    /// Something that the operator must grant is not granted. `message`: what is missing and how to grant it.
    pub fn denied(message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(Reason::Denied, message)
    }

    /// The thing observed does not answer; the probe itself is well. `message`: what was tried and what came back.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(Reason::Unavailable, message)
    }

    /// As [`Failure::unavailable`], and asking again before `pause` has passed is of no use. The host waits that long, at most a day.
    pub fn retry_after(pause: Duration, message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(Reason::RetryAfter(pause.as_secs_f64()), message)
    }

    /// Whatever fits none of the other reasons.
    pub fn other(message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(Reason::Other, message)
    }

    fn made(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Inner::Made {
            reason,
            message: message.into(),
        })
    }

    pub(crate) fn of_host(refusal: host::Refusal) -> Self {
        Self(Inner::Host(refusal))
    }

    #[doc(hidden)]
    pub fn into_host(self) -> host::Refusal {
        match self.0 {
            Inner::Host(refusal) => refusal,
            Inner::Made { reason, message } => host::make_failure(reason, &message),
        }
    }

    /// A stable, dotted word such as `unavailable`, `metrics.label-mismatch`, `denied`. New words may appear: treat an unknown one by
    /// its first part, or as `other`.
    pub fn code(&self) -> Cow<'static, str> {
        match &self.0 {
            Inner::Host(refusal) => host::failure_code(refusal).into(),
            Inner::Made { reason, .. } => reason.code().into(),
        }
    }

    /// One line for people.
    pub fn message(&self) -> Cow<'_, str> {
        match &self.0 {
            Inner::Host(refusal) => host::failure_message(refusal).into(),
            Inner::Made { message, .. } => Cow::Borrowed(message),
        }
    }

    /// Whether it is for want of a grant.
    pub fn is_denied(&self) -> bool {
        self.code() == "denied"
    }

    /// The same failure with `words` and a colon before its message.
    pub fn context(self, words: impl fmt::Display) -> Self {
        let message = format!("{words}: {}", self.message());
        let reason = match &self.0 {
            Inner::Made { reason, .. } => *reason,
            Inner::Host(_) => Reason::of_code(&self.code()),
        };
        Self::made(reason, message)
    }
}

impl Reason {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NotApplicable => "not-applicable",
            Self::BadConfig => "bad-config",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::RetryAfter(_) => "retry-after",
            Self::Other => "other",
        }
    }

    fn of_code(code: &str) -> Self {
        [
            Self::NotApplicable,
            Self::BadConfig,
            Self::Denied,
            Self::Unavailable,
        ]
        .into_iter()
        .find(|reason| reason.code() == code)
        .unwrap_or(Self::Other)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::other(chain(&error))
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// More words for an error on its way up.
pub trait Context<T> {
    /// Puts `words` before the error's message.
    ///
    /// # Errors
    /// The error, as a [`Failure`].
    fn context(self, words: impl fmt::Display) -> Result<T>;

    /// Makes whatever went wrong a failure of the thing observed: `unavailable`, with `words` before the message. What is not
    /// granted stays `denied`.
    ///
    /// # Errors
    /// The failure.
    fn or_unavailable(self, words: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Failure>> Context<T> for core::result::Result<T, E> {
    fn context(self, words: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(words))
    }

    fn or_unavailable(self, words: impl fmt::Display) -> Result<T> {
        self.map_err(|error| {
            let failure: Failure = error.into();
            if failure.is_denied() {
                return failure;
            }
            Failure::unavailable(format!("{words}: {}", failure.message()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_is_other_with_its_causes() {
        let parsed: core::result::Result<u32, _> = "x".parse();
        let failure = parsed.context("port").expect_err("it is no number");
        assert_eq!(failure.code(), "other");
        assert_eq!(failure.message(), "port: invalid digit found in string");
    }

    #[test]
    fn context_keeps_the_reason_and_unavailable_takes_its_place() {
        let denied = || Err::<(), _>(Failure::denied("grant it"));
        let unavailable = || Err::<(), _>(Failure::other("refused"));
        assert_eq!(
            denied().context("a").expect_err("it is").to_string(),
            "denied: a: grant it"
        );
        assert_eq!(
            denied().or_unavailable("b").expect_err("it is").to_string(),
            "denied: grant it"
        );
        assert_eq!(
            unavailable()
                .or_unavailable("connect")
                .expect_err("it is")
                .to_string(),
            "unavailable: connect: refused"
        );
    }
}
