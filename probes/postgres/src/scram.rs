//! SCRAM-SHA-256 (RFC 5802, RFC 7677): the password is proved and never sent, and the server has to prove that it knows it too.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::base64;

/// Without channel binding, and its form in the last message.
const NO_BINDING: &str = "n,,";
const NO_BINDING_ENCODED: &str = "biws";
/// A salt is longer nowhere.
const MAX_SALT_BYTES: usize = 1024;

/// What the password becomes for one salt and count: expensive, and good until the server changes these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    salt: Vec<u8>,
    count: u32,
    client: [u8; 32],
    server: [u8; 32],
}

/// A login under way.
pub struct Exchange {
    first: String,
    nonce: String,
}

/// What the server says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    text: String,
    nonce: String,
    salt: Vec<u8>,
    /// How often the password is to be hashed.
    pub count: u32,
}

/// Our last message, and what the server has to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What is sent.
    pub message: String,
    /// What has to come back.
    pub expected: String,
}

impl Keys {
    /// Hashes the password as often as the server wants.
    pub fn derive(password: &[u8], challenge: &Challenge) -> Self {
        let salted = salted(password, &challenge.salt, challenge.count);
        Self {
            salt: challenge.salt.clone(),
            count: challenge.count,
            client: mac(&salted, b"Client Key"),
            server: mac(&salted, b"Server Key"),
        }
    }

    /// Whether they are those of this challenge.
    pub fn fit(&self, challenge: &Challenge) -> bool {
        self.salt == challenge.salt && self.count == challenge.count
    }
}

impl Exchange {
    /// Begins. `user` is empty for PostgreSQL, which knows it already; `nonce`: fresh random bytes.
    pub fn new(user: &str, nonce: &[u8]) -> Self {
        let nonce = base64::encode(nonce);
        Self {
            first: format!("n={user},r={nonce}"),
            nonce,
        }
    }

    /// Our first message.
    pub fn message(&self) -> String {
        format!("{NO_BINDING}{}", self.first)
    }

    /// Reads the server's first message; nothing when it makes no sense, or does not go on from our nonce.
    pub fn challenge(&self, text: &str) -> Option<Challenge> {
        let nonce = text.strip_prefix("r=")?;
        let (nonce, rest) = nonce.split_once(",s=")?;
        let (salt, count) = rest.split_once(",i=")?;
        // What may follow are extensions, which we need not know.
        let count: u32 = count.split(',').next()?.parse().ok()?;
        let salt =
            base64::decode(salt).filter(|salt| (1..=MAX_SALT_BYTES).contains(&salt.len()))?;
        let is_fresh = nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce);
        (is_fresh && count > 0).then(|| Challenge {
            text: text.to_owned(),
            nonce: nonce.to_owned(),
            salt,
            count,
        })
    }

    /// Proves that we know the password.
    pub fn proof(&self, challenge: &Challenge, keys: &Keys) -> Proof {
        let last = format!("c={NO_BINDING_ENCODED},r={}", challenge.nonce);
        let whole = format!("{},{},{last}", self.first, challenge.text);
        let stored: [u8; 32] = Sha256::digest(keys.client).into();
        let signature = mac(&stored, whole.as_bytes());
        let proof: Vec<u8> = keys
            .client
            .iter()
            .zip(signature)
            .map(|(key, byte)| key ^ byte)
            .collect();
        Proof {
            message: format!("{last},p={}", base64::encode(&proof)),
            expected: format!("v={}", base64::encode(&mac(&keys.server, whole.as_bytes()))),
        }
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key may have any length")
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(text).finalize().into_bytes().into()
}

/// PBKDF2 with one block (RFC 8018, section 5.2), which RFC 5802 calls `Hi`.
fn salted(password: &[u8], salt: &[u8], count: u32) -> [u8; 32] {
    let keyed = keyed(password);
    let mut last: [u8; 32] = keyed
        .clone()
        .chain_update(salt)
        .chain_update(1_u32.to_be_bytes())
        .finalize()
        .into_bytes()
        .into();
    let mut sum = last;
    for _ in 1..count {
        last = keyed
            .clone()
            .chain_update(last)
            .finalize()
            .into_bytes()
            .into();
        for (byte, more) in sum.iter_mut().zip(last) {
            *byte ^= more;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_7677() {
        let exchange = Exchange {
            first: "n=user,r=rOprNGfwEbeRWgbNEkqO".into(),
            nonce: "rOprNGfwEbeRWgbNEkqO".into(),
        };
        assert_eq!(exchange.message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let challenge = exchange.challenge(server).expect("it makes sense");
        let keys = Keys::derive(b"pencil", &challenge);
        let proof = exchange.proof(&challenge, &keys);
        let message = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(proof.message, message);
        assert_eq!(
            proof.expected,
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
        assert!(keys.fit(&challenge));
        let other = exchange
            .challenge(&server.replace("4096", "4097"))
            .expect("it makes sense");
        assert!(!keys.fit(&other));
    }

    #[test]
    fn a_challenge_goes_on_from_our_nonce() {
        let exchange = Exchange::new("", b"abc");
        assert_eq!(exchange.message(), "n,,n=,r=YWJj");
        let good = "r=YWJjxyz,s=c2FsdA==,i=4096";
        assert_eq!(
            exchange.challenge(good).map(|challenge| challenge.count),
            Some(4096)
        );
        for text in [
            "",
            "r=YWJj,s=c2FsdA==,i=4096",
            "r=xYWJjxyz,s=c2FsdA==,i=4096",
            "r=YWJjxyz,s=,i=4096",
            "r=YWJjxyz,s=c2FsdA=,i=4096",
            "r=YWJjxyz,s=c2FsdA==,i=0",
            "r=YWJjxyz,s=c2FsdA==,i=-1",
            "r=YWJjxyz,s=c2FsdA==,i=99999999999",
            "m=x,r=YWJjxyz,s=c2FsdA==,i=1",
            "r=YWJjxyz,i=1,s=c2FsdA==",
        ] {
            assert_eq!(exchange.challenge(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_challenge_makes_it_panic(text in "(r=YWJj)?[a-z=,0-9é]{0,30}(,s=[A-Za-z=]{0,9})?(,i=[0-9]{0,12})?") {
            let _ = Exchange::new("", b"abc").challenge(&text);
        }
    }
}
