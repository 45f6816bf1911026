//! Certificates that tests make up: DER as it is written.

use crate::der::{BIT_STRING, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, SET};

/// A value with its tag and length.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length
        .iter()
        .copied()
        .skip_while(|digit| *digit == 0)
        .collect();
    match content.len() {
        0..0x80 => bytes.push(content.len() as u8),
        _ => {
            bytes.push(0x80 | digits.len() as u8);
            bytes.extend(digits);
        }
    }
    bytes.extend(content);
    bytes
}

/// Several values in a sequence.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(SEQUENCE, &parts.concat())
}

/// What a made-up certificate says.
#[derive(Debug, Clone)]
pub struct Made {
    pub subject: String,
    pub issuer: String,
    pub not_before: String,
    pub not_after: String,
    pub dns: Vec<String>,
    pub addresses: Vec<[u8; 4]>,
}

impl Made {
    /// One for `example.com`, from the beginning of 2026 to the end of that year.
    pub fn new() -> Self {
        Self {
            subject: "example.com".into(),
            issuer: "An Issuer".into(),
            not_before: "20260101000000Z".into(),
            not_after: "20261231235959Z".into(),
            dns: vec!["example.com".into(), "*.example.com".into()],
            addresses: vec![[127, 0, 0, 1]],
        }
    }

    pub fn der(&self) -> Vec<u8> {
        let algorithm = sequence(&[&value(OID, &[0x2a])]);
        let time = |text: &str| value(GENERALIZED_TIME, text.as_bytes());
        let body = sequence(&[
            &value(0xa0, &value(INTEGER, &[2])),
            &value(INTEGER, &[0, 0xab, 0xcd]),
            &algorithm,
            &name(&self.issuer),
            &sequence(&[&time(&self.not_before), &time(&self.not_after)]),
            &name(&self.subject),
            &sequence(&[&algorithm, &value(BIT_STRING, &[0, 1])]),
            &self.extensions(),
        ]);
        sequence(&[&body, &algorithm, &value(BIT_STRING, &[0, 2])])
    }

    fn extensions(&self) -> Vec<u8> {
        let mut names = Vec::new();
        names.extend(self.dns.iter().map(|name| value(0x82, name.as_bytes())));
        names.extend(self.addresses.iter().map(|address| value(0x87, address)));
        let list = value(OCTET_STRING, &value(SEQUENCE, &names.concat()));
        let key_usage = sequence(&[
            &value(OID, &[0x55, 0x1d, 0x0f]),
            &value(0x01, &[0xff]),
            &value(OCTET_STRING, &[]),
        ]);
        let names = sequence(&[&value(OID, &[0x55, 0x1d, 0x11]), &list]);
        value(0xa3, &sequence(&[&key_usage, &names]))
    }
}

fn name(common_name: &str) -> Vec<u8> {
    let part = |kind: u8, text: &str| {
        let attribute = sequence(&[
            &value(OID, &[0x55, 0x04, kind]),
            &value(0x0c, text.as_bytes()),
        ]);
        value(SET, &attribute)
    };
    sequence(&[&part(0x0a, "Somebody"), &part(0x03, common_name)])
}

/// What a server sends before its key exchange: `chain` in messages, these in records of at most `record` bytes.
pub fn flight(chain: &[Vec<u8>], record: usize) -> Vec<u8> {
    let length = |count: usize| [(count >> 16) as u8, (count >> 8) as u8, count as u8];
    let message =
        |kind: u8, content: &[u8]| [&[kind][..], &length(content.len()), content].concat();
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x2f, 0]);
    let mut list = Vec::new();
    for certificate in chain {
        list.extend(length(certificate.len()));
        list.extend(certificate);
    }
    let list = [&length(list.len())[..], &list].concat();
    let messages = [message(2, &hello), message(11, &list), message(14, &[])].concat();
    messages
        .chunks(record)
        .flat_map(|part| {
            [
                &[22, 3, 3, (part.len() >> 8) as u8, part.len() as u8][..],
                part,
            ]
            .concat()
        })
        .collect()
}
