//! What a server's first word says of it.

use crate::Problem;

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It takes connections.
    Accepting,
    /// It takes connections, and would not let this one in.
    Refusing,
    /// It is being started.
    Starting,
    /// It mends itself after a crash.
    Recovering,
    /// It is being stopped.
    Stopping,
    /// All its connections are taken.
    Full,
    /// It does not answer, or something else does.
    Unreachable,
}

impl State {
    /// Every state's word, in the order of the variants.
    pub const WORDS: [&'static str; 7] = [
        "accepting",
        "refusing",
        "starting",
        "recovering",
        "stopping",
        "full",
        "unreachable",
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// What a refusal says. Codes are the same in every language, words are not: a server that does not serve yet and says so in another
    /// language is taken for one that is being started.
    pub fn of(problem: &Problem) -> Self {
        match problem.code.as_str() {
            // cannot_connect_now
            "57P03" if problem.message.contains("shutting down") => Self::Stopping,
            "57P03" if problem.message.contains("recovery mode") => Self::Recovering,
            "57P03" => Self::Starting,
            // admin_shutdown, crash_shutdown
            "57P01" | "57P02" => Self::Stopping,
            // too_many_connections
            "53300" => Self::Full,
            _ => Self::Refusing,
        }
    }

    /// Whether clients with the right credentials get in.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Accepting | Self::Refusing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        for (code, message, state) in [
            (
                "57P03",
                "the database system is starting up",
                State::Starting,
            ),
            (
                "57P03",
                "the database system is shutting down",
                State::Stopping,
            ),
            (
                "57P03",
                "the database system is in recovery mode",
                State::Recovering,
            ),
            (
                "57P03",
                "the database system is not yet accepting connections",
                State::Starting,
            ),
            ("57P03", "das Datenbanksystem startet", State::Starting),
            ("53300", "sorry, too many clients already", State::Full),
            ("28000", "no pg_hba.conf entry for host", State::Refusing),
            ("28P01", "password authentication failed", State::Refusing),
            ("3D000", "database does not exist", State::Refusing),
        ] {
            let problem = Problem {
                code: code.into(),
                message: message.into(),
            };
            assert_eq!(State::of(&problem), state, "{message}");
        }
        assert_eq!(State::Unreachable.word(), "unreachable");
        assert!(State::Refusing.is_ready() && !State::Full.is_ready());
    }
}
