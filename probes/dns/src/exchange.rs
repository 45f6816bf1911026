//! A query on its way to a server and back.

use std::net::SocketAddr;

use probity_sdk::net::{self, Deadline};
use probity_sdk::{Failure, Result, clock, random};
use targets::{Address, Stream, Talk};

use crate::{Answer, Query};

/// The longest message over TCP, with its length before it.
const MESSAGE_BYTES: usize = 2 + 65_535;

/// An answer, and how long it took.
#[derive(Debug, PartialEq)]
pub struct Answered {
    /// What the server says.
    pub answer: Answer,
    /// The whole exchange, looking up the server's own name and asking again over TCP included.
    pub seconds: f64,
}

impl Query {
    /// Asks over UDP, and over TCP when the answer does not fit into a datagram. `queries`: how many a run asks.
    ///
    /// # Errors
    /// `denied` when the server is not granted, `unavailable` when no answer comes or one that cannot be read.
    pub fn ask(&self, queries: usize, deadline: &Deadline) -> Result<Answered> {
        let began = clock::steady();
        let mut answer = self.over_udp(deadline)?;
        if answer.is_truncated {
            let mut talk = Talk::connect(&self.server, queries, MESSAGE_BYTES, deadline).map_err(
                |failure| told("its answer is too long for UDP, and TCP has none", &failure),
            )?;
            answer = self.over_tcp(&mut talk)?;
        }
        Ok(Answered {
            answer,
            seconds: (clock::steady() - began).as_secs_f64(),
        })
    }

    fn over_udp(&self, deadline: &Deadline) -> Result<Answer> {
        let id = id();
        let query = self.question.query(id, self.recursive);
        let answers = |message: &[u8]| self.question.is_answered_by(message, id);
        let message = address(&self.server, deadline)
            .and_then(|server| net::exchange(server, &query, answers, deadline))
            .map_err(|failure| ungranted(&self.server, failure))?;
        self.read(&message)
    }

    fn over_tcp<S: Stream>(&self, talk: &mut Talk<S>) -> Result<Answer> {
        let id = id();
        let query = self.question.query(id, self.recursive);
        // A query is far shorter than what two bytes can count.
        let length = (query.len() as u16).to_be_bytes();
        talk.send(&[&length, query.as_slice()].concat())?;
        let length = talk.exact(2)?;
        let length = length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        let message = talk.exact(length)?;
        if !self.question.is_answered_by(&message, id) {
            return Err(Failure::unavailable("it answers another question over TCP"));
        }
        match self.read(&message)? {
            answer if answer.is_truncated => Err(Failure::unavailable(
                "it says over TCP that its answer is too long for UDP",
            )),
            answer => Ok(answer),
        }
    }

    fn read(&self, message: &[u8]) -> Result<Answer> {
        let answer = self.question.answer(message);
        answer.map_err(|malformed| {
            Failure::unavailable(format!("its answer is malformed: {malformed}"))
        })
    }
}

/// Nobody who has not seen the query knows the id of its answer.
fn id() -> u16 {
    random::bytes(2)
        .iter()
        .fold(0, |id, byte| id << 8 | u16::from(*byte))
}

fn address(server: &Address, deadline: &Deadline) -> Result<SocketAddr> {
    match net::lookup(&server.host, deadline)?.first() {
        Some(address) => Ok(SocketAddr::new(*address, server.port)),
        None => Err(Failure::unavailable(format!(
            "{} has no address",
            server.host
        ))),
    }
}

fn ungranted(server: &Address, failure: Failure) -> Failure {
    match failure.is_denied() {
        true => Failure::denied(format!(
            "{server} is not granted: add `grant = {{ udp = [\"{server}\"], tcp = [\"{server}\"] }}` to this probe's section"
        )),
        false => failure,
    }
}

/// What TCP was refused with is no reason to call the whole query refused.
fn told(words: &str, failure: &Failure) -> Failure {
    Failure::unavailable(format!("{words}: {}", failure.message()))
}
