//! The first message of a TLS 1.2 client (RFC 5246, section 7.4.1.2), wide enough for most servers to answer.

use std::net::IpAddr;

/// Cipher suites, those with forward secrecy first. None of them is used: the handshake ends before.
const SUITES: [u16; 18] = [
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, // ECDHE with AES-GCM and ChaCha20
    0xc023, 0xc027, 0xc009, 0xc013, 0xc00a, 0xc014, // ECDHE with AES-CBC
    0x009e, 0x009f, // DHE with AES-GCM
    0x009c, 0x009d, 0x002f, 0x0035, // RSA
];
/// That renegotiation is safe (RFC 5746), without which some servers refuse.
const RENEGOTIATION: u16 = 0x00ff;
/// x25519, secp256r1, secp384r1, secp521r1.
const GROUPS: [u16; 4] = [0x001d, 0x0017, 0x0018, 0x0019];
/// ECDSA, RSA-PSS and RSA with SHA-2, Ed25519, and SHA-1 for the oldest.
const SIGNATURES: [u16; 13] = [
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0807, 0x0808, 0x0203,
    0x0201,
];
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const EXTENDED_MASTER_SECRET: u16 = 23;

/// The record with the message, for a server of this name. An address is no name that can be asked for (RFC 6066).
pub fn client_hello(server_name: &str, random: [u8; 32]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(random);
    // No session, and below no compression.
    body.push(0);
    let suites = SUITES.iter().chain([&RENEGOTIATION]).copied();
    body.extend(short(&words(suites)));
    body.extend([1, 0]);
    body.extend(short(&extensions(server_name)));
    let mut message = vec![1, 0];
    message.extend(short(&body));
    let mut record = vec![22, 3, 1];
    record.extend(short(&message));
    record
}

fn extensions(server_name: &str) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u16, content: &[u8]| {
        all.extend(kind.to_be_bytes());
        all.extend(short(content));
    };
    if server_name.parse::<IpAddr>().is_err() {
        let mut name = vec![0];
        name.extend(short(server_name.trim_end_matches('.').as_bytes()));
        add(SERVER_NAME, &short(&name));
    }
    add(SUPPORTED_GROUPS, &short(&words(GROUPS)));
    add(POINT_FORMATS, &[1, 0]);
    add(SIGNATURE_ALGORITHMS, &short(&words(SIGNATURES)));
    add(EXTENDED_MASTER_SECRET, &[]);
    all
}

fn words(words: impl IntoIterator<Item = u16>) -> Vec<u8> {
    words.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// The bytes with a length of two bytes before them. A name of DNS, the only part that is not fixed, has at most 253.
fn short(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(bytes: &[u8]) -> usize {
        bytes
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte))
    }

    #[test]
    fn every_length_is_that_of_what_follows() {
        let hello = client_hello("example.com.", [9; 32]);
        assert_eq!(hello[..3], [22, 3, 1]);
        assert_eq!(length(&hello[3..5]), hello.len() - 5);
        assert_eq!(hello[5], 1);
        assert_eq!(length(&hello[6..9]), hello.len() - 9);
        assert_eq!((&hello[9..11], &hello[11..43]), (&[3, 3][..], &[9; 32][..]));
        let suites = length(&hello[44..46]);
        assert_eq!(suites, 2 * 19);
        let extensions = 46 + suites + 2;
        assert_eq!(
            length(&hello[extensions..extensions + 2]),
            hello.len() - extensions - 2
        );
        let name = [&[0, 0, 0, 16, 0, 14, 0, 0, 11], &b"example.com"[..]].concat();
        assert_eq!(hello[extensions + 2..][..name.len()], name);
    }

    #[test]
    fn an_address_is_not_asked_for_by_name() {
        let named = client_hello("a", [0; 32]).len();
        for address in ["127.0.0.1", "::1"] {
            assert_eq!(client_hello(address, [0; 32]).len(), named - 10);
        }
    }
}
