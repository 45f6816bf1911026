//! Logins at servers that are well, strict, odd or false.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::wire::tests::{problem, said};

/// A server that answers what it hears: each message that we send gives the next to hear.
struct Answering<F>(F, Vec<u8>);

impl<F: FnMut(&[u8]) -> Vec<u8>> Stream for Answering<F> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let answer = (self.0)(bytes);
        self.1.extend(answer);
        Ok(())
    }

    fn read(&mut self, most: usize) -> Result<Vec<u8>> {
        let length = most.min(self.1.len());
        Ok(self.1.drain(..length).collect())
    }
}

fn asks(kind: i32, body: &[u8]) -> Vec<u8> {
    message(b'R', &[&kind.to_be_bytes(), body].concat())
}

/// What a server says once somebody is in.
fn ready() -> Vec<u8> {
    [
        asks(0, b""),
        message(b'S', b"TimeZone\0UTC\0"),
        message(b'K', &[0; 8]),
        message(b'Z', b"I"),
    ]
    .concat()
}

/// Logs in with a password; gives how that ended, and what is kept.
fn login(
    server: impl FnMut(&[u8]) -> Vec<u8>,
    hashes: u32,
    allow_cleartext: bool,
) -> (std::result::Result<Login, String>, Option<Keys>) {
    let mut talk = Talk::over(Answering(server, Vec::new()), 100, 100_000);
    let (mut keys, mut hashes) = (None, hashes);
    let mut trust = Trust {
        keys: &mut keys,
        hashes: &mut hashes,
    };
    let who = Credentials {
        user: "me",
        database: "db",
        password: Some(b"pencil"),
        allow_cleartext,
    };
    let ended = greet(&mut talk, who.user, who.database).and_then(|greeting| match greeting {
        Greeting::Asks(kind, body) => answer(&mut talk, (kind, &body), &who, &mut trust),
        Greeting::Refuses(problem) => Ok(Login::Refused(problem)),
    });
    (
        ended.map_err(|failure| failure.message().into_owned()),
        keys,
    )
}

/// A server that wants SCRAM with a count, and knows this password.
fn scram_server(password: &'static [u8], count: u32) -> impl FnMut(&[u8]) -> Vec<u8> {
    let mut step = 0;
    let told: Rc<RefCell<Option<(Exchange, Challenge)>>> = Rc::default();
    move |heard| {
        step += 1;
        match step {
            1 => asks(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"),
            2 => {
                let first = String::from_utf8_lossy(heard).into_owned();
                let nonce = &first[first.find("r=").expect("it has one") + 2..];
                let exchange =
                    Exchange::new("", &crate::base64::decode(nonce).expect("it is base 64"));
                let challenge = format!("r={nonce}more,s=c2FsdA==,i={count}");
                let answer = asks(11, challenge.as_bytes());
                let challenge = exchange.challenge(&challenge).expect("it makes sense");
                told.replace(Some((exchange, challenge)));
                answer
            }
            _ => {
                let (exchange, challenge) = told.take().expect("it was challenged");
                let proof = exchange.proof(&challenge, &Keys::derive(password, &challenge));
                match heard.ends_with(proof.message.as_bytes()) {
                    true => [asks(12, proof.expected.as_bytes()), ready()].concat(),
                    false => problem("28P01", "password authentication failed for user \"me\""),
                }
            }
        }
    }
}

#[test]
fn the_password_is_proved() {
    let (ended, keys) = login(scram_server(b"pencil", 10), 100, false);
    assert_eq!(ended, Ok(Login::In));
    assert!(keys.is_some(), "they are kept for the next login");
    let (ended, keys) = login(scram_server(b"pen", 10), 100, false);
    let told = "password authentication failed for user \"me\" (28P01)";
    assert!(matches!(ended, Ok(Login::Refused(problem)) if problem.to_string() == told));
    assert_eq!(keys, None);
}

#[test]
fn a_server_cannot_have_us_hash_for_ever() {
    let (ended, _) = login(scram_server(b"pencil", 101), 100, false);
    let told = "it wants the password hashed 101 times, which is more than this run has left";
    assert_eq!(ended, Ok(Login::Unable(told.into())));
}

#[test]
fn a_server_that_does_not_know_the_password_is_told_nothing_more() {
    let told = Ok(Login::Unable(
        "it does not know the password itself: it is not the server that it claims to be".into(),
    ));
    for last in [[asks(12, b"v=AAAA"), ready()].concat(), ready()] {
        let mut real = scram_server(b"pencil", 10);
        let mut step = 0;
        let imposter = |heard: &[u8]| {
            step += 1;
            if step < 3 { real(heard) } else { last.clone() }
        };
        assert_eq!(login(imposter, 100, false).0, told);
    }
}

#[test]
fn an_md5_of_it_and_the_password_itself_where_that_is_allowed() {
    let server = |kind: i32, wanted: &'static [u8]| {
        let mut step = 0;
        move |heard: &[u8]| {
            step += 1;
            match step {
                1 => asks(kind, &[1, 2, 3, 4]),
                _ if heard.ends_with(wanted) => ready(),
                _ => problem("28P01", "no"),
            }
        }
    };
    // From PostgreSQL: md5(md5(password || user) || salt).
    let hash = format!("{}\0", md5("me", b"pencil", [1, 2, 3, 4]))
        .leak()
        .as_bytes();
    assert_eq!(login(server(5, hash), 0, false).0, Ok(Login::In));
    assert_eq!(login(server(3, b"pencil\0"), 0, true).0, Ok(Login::In));
    let told =
        "it wants the password itself, unencrypted, which `allow_cleartext = true` would send it";
    assert_eq!(
        login(server(3, b"pencil\0"), 0, false).0,
        Ok(Login::Unable(told.into()))
    );
    let told = "it wants Kerberos, GSS or SSPI, which this probe does not have";
    assert_eq!(
        login(server(7, b""), 0, false).0,
        Ok(Login::Unable(told.into()))
    );
}

#[test]
fn a_server_that_asks_for_nothing_or_refuses_later_is_understood() {
    assert_eq!(login(|_| ready(), 0, false).0, Ok(Login::In));
    let notices = |_: &[u8]| [message(b'N', b"\0"), message(b'v', b"\0"), ready()].concat();
    assert_eq!(login(notices, 0, false).0, Ok(Login::In));
    let full = |_: &[u8]| {
        [
            asks(0, b""),
            problem("53300", "sorry, too many clients already"),
        ]
        .concat()
    };
    assert!(
        matches!(login(full, 0, false).0, Ok(Login::Refused(problem)) if problem.code == "53300")
    );
    let chatter = |_: &[u8]| message(b'N', b"\0").repeat(300);
    assert_eq!(
        login(chatter, 0, false).0,
        Err("it does not speak PostgreSQL's protocol".into())
    );
}

proptest! {
    #[test]
    fn no_server_makes_it_panic(kinds in prop::collection::vec((prop::sample::select(b"RESKZNv".to_vec()), 0..13_i32, "[a-z=,0-9]{0,20}"), 0..6)) {
        let bytes: Vec<u8> = kinds.iter().flat_map(|(kind, asks, more)| message(*kind, &[&asks.to_be_bytes(), more.as_bytes()].concat())).collect();
        let _ = login(|_| bytes.clone(), 100, true);
        let _ = greet(&mut said(bytes, 3), "a", "b");
    }
}
