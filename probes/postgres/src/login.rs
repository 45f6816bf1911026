//! The way into a server: what it asks for when we say who we are, and what we answer.

use probity_sdk::{Result, random};
use targets::{Stream, Talk};

use crate::password::md5;
use crate::scram::{Challenge, Exchange, Keys, Proof};
use crate::wire::{Body, Message, Problem, foreign, message, receive, startup, text};

/// What a server may ask for.
mod asks {
    pub(super) const NOTHING: i32 = 0;
    pub(super) const CLEARTEXT: i32 = 3;
    pub(super) const MD5: i32 = 5;
    pub(super) const SASL: i32 = 10;
    pub(super) const SASL_GOES_ON: i32 = 11;
    pub(super) const SASL_ENDS: i32 = 12;
}

/// The one mechanism of SASL that we know.
const MECHANISM: &str = "SCRAM-SHA-256";
/// Random bytes in a login.
const NONCE_BYTES: usize = 18;
/// Messages before a session begins: a server tells about fifteen of its settings.
const MOST_MESSAGES: usize = 200;

/// What a server says when it is told who wants in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeting {
    /// It wants to be shown something; or nothing, when we are in already.
    Asks(i32, Vec<u8>),
    /// It will not have us.
    Refuses(Problem),
}

/// Who we are and how we prove it.
pub struct Credentials<'a> {
    /// The user.
    pub user: &'a str,
    /// The database.
    pub database: &'a str,
    /// The password.
    pub password: Option<&'a [u8]>,
    /// Whether it may be sent as it is.
    pub allow_cleartext: bool,
}

/// What is kept from one login for the next, and what a run may still spend on hashing.
pub struct Trust<'a> {
    /// The keys of the last login.
    pub keys: &'a mut Option<Keys>,
    /// How often passwords may still be hashed in this run: a server says how often, and could ask for hours.
    pub hashes: &'a mut u32,
}

/// How a login ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// We are in, and the server waits for queries.
    In,
    /// It will not have us.
    Refused(Problem),
    /// It asks for what we do not have or do not want to show, or does not know the password itself: which, in words.
    Unable(String),
}

/// Says who wants in, and hears what is asked of them.
///
/// # Errors
/// When the connection breaks off or something else than PostgreSQL is at its other end.
pub fn greet<S: Stream>(talk: &mut Talk<S>, user: &str, database: &str) -> Result<Greeting> {
    talk.send(&startup(user, database))?;
    let Message { kind, body } = heard(talk)?;
    let mut rest = Body(&body);
    match kind {
        b'R' => Ok(Greeting::Asks(
            rest.number().ok_or_else(foreign)?,
            rest.0.to_vec(),
        )),
        b'E' => Ok(Greeting::Refuses(Problem::read(&body))),
        _ => Err(foreign()),
    }
}

/// What a server asks for, in words.
pub fn asked(kind: i32) -> &'static str {
    match kind {
        asks::NOTHING => "nothing",
        asks::CLEARTEXT => "the password itself",
        asks::MD5 => "an MD5 of the password",
        asks::SASL => "SCRAM-SHA-256",
        2 | 7 | 9 => "Kerberos, GSS or SSPI",
        _ => "something unknown",
    }
}

/// Answers what a greeting asked for, and waits until the session has begun.
///
/// # Errors
/// When the connection breaks off, or what comes makes no sense.
pub fn answer<S: Stream>(
    talk: &mut Talk<S>,
    (kind, body): (i32, &[u8]),
    who: &Credentials<'_>,
    trust: &mut Trust<'_>,
) -> Result<Login> {
    let login = match (kind, who.password) {
        (asks::NOTHING, _) => Login::In,
        (asks::CLEARTEXT | asks::MD5 | asks::SASL, None) => {
            unable("it wants a password, and `password` names no secret")
        }
        (asks::CLEARTEXT, _) if !who.allow_cleartext => unable(
            "it wants the password itself, unencrypted, which `allow_cleartext = true` would send it",
        ),
        (asks::CLEARTEXT, Some(password)) => show(talk, password)?,
        (asks::MD5, Some(password)) => {
            let salt = Body(body).take().ok_or_else(foreign)?;
            show(talk, md5(who.user, password, salt).as_bytes())?
        }
        (asks::SASL, Some(password)) => scram(talk, body, password, trust)?,
        (other, _) => unable(&format!(
            "it wants {}, which this probe does not have",
            asked(other)
        )),
    };
    match login {
        Login::In => begun(talk),
        other => Ok(other),
    }
}

fn unable(words: &str) -> Login {
    Login::Unable(words.to_owned())
}

/// The next message that is not a notice.
fn heard<S: Stream>(talk: &mut Talk<S>) -> Result<Message> {
    for _ in 0..MOST_MESSAGES {
        let message = receive(talk)?;
        // A notice, and which version of the protocol it would rather speak.
        if !matches!(message.kind, b'N' | b'v') {
            return Ok(message);
        }
    }
    Err(foreign())
}

/// Shows the password in some form.
fn show<S: Stream>(talk: &mut Talk<S>, password: &[u8]) -> Result<Login> {
    talk.send(&message(b'p', &[password, &[0]].concat()))?;
    until_in(talk)
}

/// Waits to be let in.
fn until_in<S: Stream>(talk: &mut Talk<S>) -> Result<Login> {
    match asked_for(talk)? {
        Ok((asks::NOTHING, _)) => Ok(Login::In),
        Ok(_) => Err(foreign()),
        Err(problem) => Ok(Login::Refused(problem)),
    }
}

/// The next thing that it asks for.
fn asked_for<S: Stream>(
    talk: &mut Talk<S>,
) -> Result<std::result::Result<(i32, Vec<u8>), Problem>> {
    let Message { kind, body } = heard(talk)?;
    let mut rest = Body(&body);
    match kind {
        b'R' => Ok(Ok((rest.number().ok_or_else(foreign)?, rest.0.to_vec()))),
        b'E' => Ok(Err(Problem::read(&body))),
        _ => Err(foreign()),
    }
}

fn scram<S: Stream>(
    talk: &mut Talk<S>,
    mechanisms: &[u8],
    password: &[u8],
    trust: &mut Trust<'_>,
) -> Result<Login> {
    let mut offered = mechanisms.split(|byte| *byte == 0);
    if !offered.any(|name| name == MECHANISM.as_bytes()) {
        return Ok(unable(
            "it wants SASL without SCRAM-SHA-256, which is all that this probe has of it",
        ));
    }
    let exchange = Exchange::new("", &random::bytes(NONCE_BYTES));
    let first = exchange.message();
    let length = u32::try_from(first.len()).unwrap_or(u32::MAX).to_be_bytes();
    let begin = [&text(MECHANISM), &length[..], first.as_bytes()].concat();
    talk.send(&message(b'p', &begin))?;
    let said = match asked_for(talk)? {
        Ok((asks::SASL_GOES_ON, said)) => said,
        Ok(_) => return Err(foreign()),
        Err(problem) => return Ok(Login::Refused(problem)),
    };
    let said = std::str::from_utf8(&said).ok();
    let challenge = said
        .and_then(|said| exchange.challenge(said))
        .ok_or_else(foreign)?;
    match keys(password, &challenge, trust) {
        Some(keys) => prove(talk, &exchange.proof(&challenge, &keys), keys, trust),
        None => Ok(Login::Unable(format!(
            "it wants the password hashed {} times, which is more than this run has left",
            challenge.count
        ))),
    }
}

/// The keys for a challenge: the last ones, or new ones if the run may still hash so often.
fn keys(password: &[u8], challenge: &Challenge, trust: &mut Trust<'_>) -> Option<Keys> {
    let last = trust.keys.take().filter(|keys| keys.fit(challenge));
    if last.is_none() {
        *trust.hashes = trust.hashes.checked_sub(challenge.count)?;
    }
    Some(last.unwrap_or_else(|| Keys::derive(password, challenge)))
}

/// Proves that we know the password, and has the server prove it too. Keys that it took are kept for the next login.
fn prove<S: Stream>(
    talk: &mut Talk<S>,
    proof: &Proof,
    keys: Keys,
    trust: &mut Trust<'_>,
) -> Result<Login> {
    talk.send(&message(b'p', proof.message.as_bytes()))?;
    match asked_for(talk)? {
        Ok((asks::SASL_ENDS, said)) if said == proof.expected.as_bytes() => {
            *trust.keys = Some(keys);
            until_in(talk)
        }
        Ok((asks::SASL_ENDS | asks::NOTHING, _)) => Ok(unable(
            "it does not know the password itself: it is not the server that it claims to be",
        )),
        Ok(_) => Err(foreign()),
        Err(problem) => Ok(Login::Refused(problem)),
    }
}

/// Passes over what the server tells of itself until it waits for queries.
fn begun<S: Stream>(talk: &mut Talk<S>) -> Result<Login> {
    for _ in 0..MOST_MESSAGES {
        let Message { kind, body } = heard(talk)?;
        match kind {
            b'Z' => return Ok(Login::In),
            b'E' => return Ok(Login::Refused(Problem::read(&body))),
            // Its settings, and the key with which a query could be stopped.
            b'S' | b'K' => {}
            _ => return Err(foreign()),
        }
    }
    Err(foreign())
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
