//! Queries and answers (RFC 1035, section 4; EDNS: RFC 6891).

use crate::record::take;
use crate::{Data, Domain, Kind, Malformed, Rcode, Record};

/// The Internet's class.
const INTERNET: u16 = 1;
/// The pseudo-record of EDNS.
const OPT: u16 = 41;
/// What we take in one datagram: what fits into a packet nearly everywhere (the advice of DNS Flag Day 2020).
const DATAGRAM_BYTES: u16 = 1232;

/// The header's bits.
const IS_ANSWER: u16 = 1 << 15;
const OPERATION: u16 = 0b1111 << 11;
const IS_AUTHORITATIVE: u16 = 1 << 10;
const IS_TRUNCATED: u16 = 1 << 9;
const WANTS_RECURSION: u16 = 1 << 8;
const CODE: u16 = 0b1111;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Of whom.
    pub domain: Domain,
    /// For what.
    pub kind: Kind,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How it went.
    pub rcode: Rcode,
    /// Whether the server speaks for the zone itself.
    pub is_authoritative: bool,
    /// Whether not all of it fitted into a datagram; the rest is then not read.
    pub is_truncated: bool,
    /// The records of its answer section.
    pub records: Vec<Record>,
}

/// The message's first 12 bytes.
struct Header {
    id: u16,
    flags: u16,
    /// Records in each section: questions, answers, authorities, additional ones.
    counts: [u16; 4],
}

impl Question {
    /// The query with this id. `recursive`: whether the server is to ask others where it does not know.
    pub fn query(&self, id: u16, recursive: bool) -> Vec<u8> {
        let flags = if recursive { WANTS_RECURSION } else { 0 };
        let mut message = Vec::with_capacity(64);
        for word in [id, flags, 1, 0, 0, 1] {
            message.extend(word.to_be_bytes());
        }
        message.extend(self.domain.wire());
        for word in [self.kind.number(), INTERNET] {
            message.extend(word.to_be_bytes());
        }
        // EDNS: the root's, with our size in the place of the class, no flags and no data.
        message.push(0);
        for word in [OPT, DATAGRAM_BYTES, 0, 0, 0] {
            message.extend(word.to_be_bytes());
        }
        message
    }

    /// Whether `message` answers this very query. Anybody may send datagrams; only the server knows the id and the question.
    pub fn is_answered_by(&self, message: &[u8], id: u16) -> bool {
        let mut at = 0;
        Header::read(message, &mut at).is_ok_and(|header| {
            let is_answer = header.flags & (IS_ANSWER | OPERATION) == IS_ANSWER;
            let repeats_it = match header.counts[0] {
                // A server that could not even read the query has no question to repeat.
                0 => header.flags & CODE != 0,
                1 => self.stands_in(message, &mut at),
                _ => false,
            };
            header.id == id && is_answer && repeats_it
        })
    }

    fn stands_in(&self, message: &[u8], at: &mut usize) -> bool {
        let domain = Domain::read(message, at);
        let words = take::<4>(message, at);
        let [kind, class] = [self.kind.number(), INTERNET].map(u16::to_be_bytes);
        domain.as_ref() == Ok(&self.domain) && words == Ok([kind[0], kind[1], class[0], class[1]])
    }

    /// Reads a message that [answers](Question::is_answered_by) it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn answer(&self, message: &[u8]) -> Result<Answer, Malformed> {
        let mut at = 0;
        let header = Header::read(message, &mut at)?;
        let mut answer = Answer {
            rcode: Rcode(header.flags & CODE),
            is_authoritative: header.flags & IS_AUTHORITATIVE != 0,
            is_truncated: header.flags & IS_TRUNCATED != 0,
            records: Vec::new(),
        };
        if answer.is_truncated {
            return Ok(answer);
        }
        let [questions, answers, authorities, additional] = header.counts;
        for _ in 0..questions {
            Domain::read(message, &mut at)?;
            take::<4>(message, &mut at)?;
        }
        for place in 0..u32::from(answers) + u32::from(authorities) + u32::from(additional) {
            let (record, code) = record(message, &mut at)?;
            answer.rcode.0 |= code;
            if let Some(record) = record.filter(|_| place < u32::from(answers)) {
                answer.records.push(record);
            }
        }
        match at == message.len() {
            true => Ok(answer),
            false => Err(Malformed("it goes on behind its last record")),
        }
    }

    /// The answer's records that are asked for: of this kind, and of this name or of one that it is another name for.
    pub fn asked_for<'a>(&self, answer: &'a Answer) -> Vec<&'a Record> {
        let mut names = vec![&self.domain];
        // Aliases mostly stand in order; each pass follows them all the same, and there are no more links than records.
        for _ in 0..answer.records.len() {
            let known = names.len();
            for record in &answer.records {
                if names.len() > MAX_ALIASES {
                    break;
                }
                if let (Some((Kind::Cname, Data::Name(name))), true) =
                    (&record.data, names.contains(&&record.owner))
                {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
            if names.len() == known || names.len() > MAX_ALIASES {
                break;
            }
        }
        let is_asked_for = |record: &&Record| {
            matches!(record.data, Some((kind, _)) if kind == self.kind)
                && names.contains(&&record.owner)
        };
        answer.records.iter().filter(is_asked_for).collect()
    }
}

/// Aliases that are followed in one answer: servers themselves give up much earlier.
const MAX_ALIASES: usize = 32;

impl Header {
    fn read(message: &[u8], at: &mut usize) -> Result<Self, Malformed> {
        let mut word = || take(message, at).map(u16::from_be_bytes);
        Ok(Self {
            id: word()?,
            flags: word()?,
            counts: [word()?, word()?, word()?, word()?],
        })
    }
}

/// A record, unless it is none of the Internet's, and what EDNS adds to the answer's code.
fn record(message: &[u8], at: &mut usize) -> Result<(Option<Record>, u16), Malformed> {
    let owner = Domain::read(message, at)?;
    let [kind, class] = [take(message, at)?, take(message, at)?].map(u16::from_be_bytes);
    let ttl = u32::from_be_bytes(take(message, at)?);
    let length = u16::from_be_bytes(take(message, at)?);
    let (from, to) = (*at, *at + usize::from(length));
    if to > message.len() {
        return Err(Malformed("it has fewer records than it says"));
    }
    *at = to;
    if kind == OPT {
        return Ok((None, (ttl >> 24) as u16 * 16));
    }
    if class != INTERNET {
        return Ok((None, 0));
    }
    let kind = Kind::of_number(kind);
    let data = kind.map(|kind| Data::read(kind, message, from, to).map(|data| (kind, data)));
    let record = Record {
        owner,
        // The highest bit has no meaning (RFC 2181, section 8).
        ttl: if ttl >> 31 == 1 { 0 } else { ttl },
        data: data.transpose()?,
    };
    Ok((Some(record), 0))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
