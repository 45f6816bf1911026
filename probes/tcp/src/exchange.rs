//! What is said over a connection.

use probity_sdk::net::Deadline;
use probity_sdk::{Context, Result, clock};
use targets::{Stream, Talk};

use crate::Target;

/// How much of an answer is looked at, in bytes.
const LOOKED_AT: usize = 4096;
/// How much of an unexpected answer is shown, in characters.
const SHOWN: usize = 60;

/// How long it took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// Until the connection stood, looking up the name included.
    pub connect: f64,
    /// From then until the expected text had come.
    pub answer: Option<f64>,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub enum Answered {
    /// Everything was as expected.
    Well(Times),
    /// The connection stands, but the answer is not the expected one: why, in words.
    Otherwise(Times, String),
}

impl Target {
    /// Connects, sends and waits for what is expected.
    ///
    /// # Errors
    /// When no connection comes about.
    pub fn look(&self, targets: usize, deadline: &Deadline) -> Result<Answered> {
        let began = clock::steady();
        let mut talk = Talk::connect(&self.address, targets, LOOKED_AT, deadline)?;
        let connected = clock::steady();
        let mut times = Times {
            connect: (connected - began).as_secs_f64(),
            answer: None,
        };
        if let Err(failure) = self.hear(&mut talk) {
            return Ok(Answered::Otherwise(times, failure.message().into_owned()));
        }
        if self.expect.is_some() {
            times.answer = Some((clock::steady() - connected).as_secs_f64());
        }
        Ok(Answered::Well(times))
    }

    /// Says what is to be said, and listens until the expected text has come.
    fn hear<S: Stream>(&self, talk: &mut Talk<S>) -> Result<()> {
        if let Some(text) = &self.send {
            talk.send(text.0.as_bytes())
                .context("nothing can be sent")?;
        }
        let Some(expected) = self.expect.as_ref().map(|text| text.0.as_bytes()) else {
            return Ok(());
        };
        loop {
            if talk
                .arrived()
                .windows(expected.len())
                .any(|part| part == expected)
            {
                return Ok(());
            }
            let more = talk.more();
            if !matches!(more, Ok(true)) {
                let text = String::from_utf8_lossy(expected);
                let why = match more {
                    Err(failure) => failure.message().into_owned(),
                    Ok(_) => "the other side ended".to_owned(),
                };
                let seen = seen(talk.arrived());
                return Err(probity_sdk::Failure::unavailable(format!(
                    "no \"{text}\" in {seen}: {why}"
                )));
            }
        }
    }
}

/// The beginning of an answer, in words.
fn seen(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "its answer, which is empty".to_owned();
    }
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    // The host escapes what cannot be printed.
    format!("its answer, \"{shown}\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Said(Vec<u8>, usize);

    impl Stream for Said {
        fn write(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }

        fn read(&mut self, most: usize) -> Result<Vec<u8>> {
            let length = self.1.min(most).min(self.0.len());
            Ok(self.0.drain(..length).collect())
        }
    }

    fn hear(expected: &str, said: &[u8], size: usize) -> std::result::Result<(), String> {
        let json =
            format!(r#"{{"targets":[{{"name":"a","address":"b:1","expect":"{expected}"}}]}}"#);
        let settings = probity_sdk::config::parse::<crate::Settings>(&json).expect("it is right");
        let mut talk = Talk::over(Said(said.to_vec(), size), 10_000, LOOKED_AT);
        settings.targets.0[0]
            .hear(&mut talk)
            .map_err(|failure| failure.message().into_owned())
    }

    #[test]
    fn what_comes_instead_is_shown() {
        assert_eq!(hear("SSH-2.0", b"SSH-2.0-OpenSSH_9.2\r\n", 3), Ok(()));
        for (said, told) in [
            (
                &b""[..],
                "no \"SSH\" in its answer, which is empty: the other side ended",
            ),
            (
                b"220 mail\n",
                "no \"SSH\" in its answer, \"220 mail\n\": the other side ended",
            ),
            (
                &[b'a'; 5000],
                &format!(
                    "no \"SSH\" in its answer, \"{}…\": its answer is too long",
                    "a".repeat(60)
                ),
            ),
        ] {
            assert_eq!(hear("SSH", said, 5000), Err(told.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(said in prop::collection::vec(0..3_u8, 0..40), size in 1..6_usize) {
            let said: Vec<u8> = said.iter().map(|byte| b'a' + byte).collect();
            let contained = said.windows(3).any(|part| part == b"abc");
            prop_assert_eq!(hear("abc", &said, size).is_ok(), contained);
        }
    }
}
