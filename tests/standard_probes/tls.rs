//! Certificates of servers and in files, and servers that only pretend to have one.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity::model::ProbeState;

use super::stage::{PATIENT, Stage};
use super::web::{answering, closing, dripping, endless, grant, page, silent, targets};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/probes/tls/fixtures");

/// The certificates of a fixture, in DER.
fn chain(fixture: &str) -> Vec<Vec<u8>> {
    let pem = std::fs::read_to_string(format!("{FIXTURES}/{fixture}")).unwrap();
    let inside = |part: &str| {
        part.split_once("-----END")
            .unwrap()
            .0
            .replace(['\n', '\r'], "")
    };
    let parts = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    parts
        .map(|part| STANDARD.decode(inside(part)).unwrap())
        .collect()
}

fn sized(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[1..], content].concat()
}

/// What a server of TLS 1.2 sends first: its hello, its certificates, and that this was all.
fn flight(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([9; 32]);
    hello.extend([0, 0xc0, 0x2f, 0]);
    let list: Vec<u8> = chain.iter().flat_map(|one| sized(one)).collect();
    let message = |kind: u8, content: &[u8]| [vec![kind], sized(content)].concat();
    let messages = [
        message(2, &hello),
        message(11, &sized(&list)),
        message(14, &[]),
    ]
    .concat();
    let record = |part: &[u8]| {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        [&[22, 3, 3], &length[..], part].concat()
    };
    messages.chunks(1000).flat_map(record).collect()
}

fn address(address: SocketAddr, more: &str) -> String {
    format!("address = \"{address}\"{more}")
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_servers_and_files_are_judged() {
    let (ec, rsa) = (
        answering(flight(&chain("ec.pem"))).await,
        answering(flight(&chain("rsa.pem"))).await,
    );
    let files = format!(
        "grant.read = [\"{FIXTURES}\"]\nconfig.files = [{{ name = \"file\", path = \"{FIXTURES}/rsa.pem\", server_name = \"rsa.example\" }},
            {{ name = \"none\", path = \"{FIXTURES}/none.pem\" }}]\n"
    );
    let section = grant("tcp", "", &[ec, rsa])
        + &targets(&[
            ("ec", address(ec, ", server_name = \"ec.example\"")),
            ("rsa", address(rsa, "")),
            ("other", address(ec, ", server_name = \"other.example\"")),
            ("soon", address(rsa, ", min_left = { warn = \"36500d\" }")),
        ])
        + &files;
    let stage = Stage::start("tls", &section).await;
    for (check, status, words) in [
        ("ec", "pass", "ec.example by ec.example, until 2126-11-02"),
        ("rsa", "pass", "rsa.example by Test Root, until 2036-11-23"),
        ("other", "fail", "not for other.example, but for ec.example"),
        ("soon", "warn", "warns from 36500 d down"),
        ("file", "pass", "rsa.example by Test Root"),
        ("none", "fail", "there is no such file"),
    ] {
        stage.until_check(check, status, words).await;
    }
    for (series, value) in [
        ("tls_up{target=\"rsa\"}", 1.0),
        ("tls_chain_certificates{target=\"rsa\"}", 2.0),
        ("tls_name_matches{target=\"other\"}", 0.0),
        ("tls_name_matches{target=\"file\"}", 1.0),
        ("tls_up{target=\"none\"}", 0.0),
    ] {
        stage.until_value(series, |found| found == value).await;
    }
    let left = "tls_certificate_left_seconds{target=\"ec\"}";
    stage.until_value(left, |left| left > 1e9).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hostile_server_hides_another_one() {
    let lying = {
        let mut bytes = flight(&chain("ec.pem"));
        // The list of certificates says that it is longer than its message.
        bytes[5 + 4 + 38 + 4] = 0xff;
        bytes
    };
    let nested = {
        let mut bytes = Vec::new();
        while bytes.len() < 5000 {
            bytes = [
                &[0x30, 0x82],
                &u16::try_from(bytes.len()).unwrap().to_be_bytes()[..],
                &bytes,
            ]
            .concat();
        }
        bytes
    };
    let all = [
        silent().await,
        closing().await,
        page("hello").await,
        answering([21, 3, 3, 0, 2, 2, 70]).await,
        answering(lying).await,
        answering(flight(&[nested])).await,
        endless(b"", &[22, 3, 3, 0, 1, 2]).await,
        endless(b"", &[21, 3, 3, 0, 2, 1, 112]).await,
        dripping(b"", flight(&chain("rsa.pem"))).await,
        answering(flight(&chain("ec.pem"))).await,
    ];
    let names = [
        "silent", "closing", "web", "modern", "lying", "nested", "records", "warnings", "dripping",
        "well",
    ];
    let list: Vec<(&str, String)> = names
        .iter()
        .zip(all)
        .map(|(name, at)| {
            let timeout = if *name == "dripping" { "8s" } else { "1s" };
            let more = format!(", check_name = false, timeout = \"{timeout}\"");
            (*name, address(at, &more))
        })
        .collect();
    let section = PATIENT.to_owned() + &grant("tcp", "", &all) + &targets(&list);
    let stage = Stage::start("tls", &section).await;
    for (check, status, words) in [
        ("well", "pass", "ec.example by ec.example"),
        ("silent", "fail", "no answer within"),
        ("closing", "fail", ""),
        ("web", "fail", "the server does not speak TLS there"),
        (
            "modern",
            "fail",
            "the server speaks TLS 1.3 and nothing older",
        ),
        ("lying", "fail", "its list of certificates is none"),
        (
            "nested",
            "fail",
            "certificate 1 cannot be read: it is not X.509",
        ),
        ("records", "fail", "the server's answer is not TLS"),
        ("warnings", "fail", "its answer"),
        ("dripping", "fail", "its answer comes in too many pieces"),
    ] {
        stage.until_check(check, status, words).await;
    }
    let up = "tls_up{target=\"well\"}";
    stage.until_value(up, |up| up == 1.0).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told() {
    let stage = Stage::start("tls", "").await;
    let told = stage.until_state(ProbeState::Dormant).await;
    assert!(told.contains("config.targets = [{ name = "), "{told}");
    stage.stop().await;
    let section = targets(&[("a", "address = \"127.0.0.1:1\"".to_owned())]);
    let stage = Stage::start("tls", &section).await;
    let told = stage.until_state(ProbeState::Degraded).await;
    assert!(
        told.contains("grant = { tcp = [\"127.0.0.1:1\"] }"),
        "{told}"
    );
    stage.stop().await;
}
