//! A server's key and certificate for one test, made when it runs: a key that is kept is one that can be stolen.

use rustls::SignatureScheme;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

// Tags of ITU-T X.690.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// A `dNSName` and an `iPAddress` of RFC 5280, section 4.2.1.6.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// The version and the extensions in the certificate.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// 1.3.101.112, of RFC 8410.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17.
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate for 127.0.0.1, localhost and api.example that its own key has signed, and that key.
pub(super) fn make() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let provider = ring::default_provider();
    let mut seed = [0; 32];
    provider.secure_random.fill(&mut seed).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8(&seed)));
    let signing = provider
        .key_provider
        .load_private_key(key.clone_key())
        .unwrap();
    let signer = signing.choose_scheme(&[SignatureScheme::ED25519]).unwrap();
    let contents = contents(&signing.public_key().unwrap());
    let mut signature = signer.sign(&contents).unwrap();
    // Of its last byte all bits count.
    signature.insert(0, 0);
    let certificate = of(
        SEQUENCE,
        &[&contents, &algorithm(), &of(BIT_STRING, &[&signature])],
    );
    (certificate.into(), key)
}

/// A tag, a length and what it is the length of.
fn of(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let held = parts.concat();
    let mut made = vec![tag];
    // As short as it can be written, or it is no DER. All of a certificate comes to less than 64 KiB.
    match u16::try_from(held.len()).unwrap().to_be_bytes() {
        [0, length] if length < 0x80 => made.push(length),
        [0, length] => made.extend([0x81, length]),
        [high, low] => made.extend([0x82, high, low]),
    }
    made.extend(held);
    made
}

/// RFC 8410, section 7.
fn pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    let key = of(OCTET_STRING, &[&of(OCTET_STRING, &[seed])]);
    of(SEQUENCE, &[&of(INTEGER, &[&[0]]), &algorithm(), &key])
}

fn algorithm() -> Vec<u8> {
    of(SEQUENCE, &[&of(OBJECT_IDENTIFIER, &[ED25519])])
}

fn name() -> Vec<u8> {
    let oid = of(OBJECT_IDENTIFIER, &[COMMON_NAME]);
    let common = of(SEQUENCE, &[&oid, &of(UTF8_STRING, &[b"test"])]);
    of(SEQUENCE, &[&of(SET, &[&common])])
}

/// The `TBSCertificate` of RFC 5280, section 4.1.
fn contents(public_key: &[u8]) -> Vec<u8> {
    let names = of(
        SEQUENCE,
        &[
            &of(IP_ADDRESS, &[&[127, 0, 0, 1]]),
            &of(DNS_NAME, &[b"localhost"]),
            &of(DNS_NAME, &[b"api.example"]),
        ],
    );
    let oid = of(OBJECT_IDENTIFIER, &[SUBJECT_ALTERNATIVE_NAME]);
    let extension = of(SEQUENCE, &[&oid, &of(OCTET_STRING, &[&names])]);
    let validity = of(
        SEQUENCE,
        &[
            &of(UTC_TIME, &[b"200101000000Z"]),
            &of(GENERALIZED_TIME, &[b"21200101000000Z"]),
        ],
    );
    of(
        SEQUENCE,
        &[
            &of(VERSION, &[&of(INTEGER, &[&[2]])]),
            &of(INTEGER, &[&[1]]),
            &algorithm(),
            &name(),
            &validity,
            &name(),
            public_key,
            &of(EXTENSIONS, &[&of(SEQUENCE, &[&extension])]),
        ],
    )
}
