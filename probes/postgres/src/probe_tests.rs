//! The probe against servers that say one thing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use probity_sdk::testing::{Host, Report};

use super::*;
use crate::wire::{message, tests::problem};

/// A server that says this to whoever says hello, and waits until they go.
fn saying(words: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it has one").to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut bytes = [0; 500];
            let said = stream
                .read(&mut bytes)
                .and_then(|_| stream.write_all(&words));
            // Whoever has heard enough goes.
            let _ = said.and_then(|()| stream.read(&mut bytes));
        }
    });
    address
}

fn run(targets: &str) -> Result<Report> {
    // All that it names is granted.
    let addresses = targets
        .split('"')
        .filter(|word| word.parse::<SocketAddr>().is_ok());
    let host = addresses.fold(Host::new().time_left(600.0), |host, address| {
        host.grant_tcp(address)
    });
    let mut host = host.config(&format!(r#"{{"targets":[{targets}]}}"#));
    let mut probe = host.start::<Postgres>()?;
    host.collect(&mut probe)
}

#[test]
fn readiness_needs_no_credentials() {
    let scram = saying(message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"));
    let refusing = saying(problem("28000", "no pg_hba.conf entry"));
    let starting = saying(problem("57P03", "the database system is starting up"));
    let other = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let target = |name, address: &str| {
        format!(r#"{{"name":"{name}","address":"{address}","timeout":"60s"}}"#)
    };
    let targets = [
        target("scram", &scram),
        target("refusing", &refusing),
        target("starting", &starting),
        target("other", &other),
        target("down", "127.0.0.1:1"),
    ];
    let report = run(&targets.join(",")).expect("it runs");
    for (name, up, state) in [
        ("scram", 1.0, "accepting"),
        ("refusing", 1.0, "refusing"),
        ("starting", 0.0, "starting"),
        ("other", 0.0, "unreachable"),
        ("down", 0.0, "unreachable"),
    ] {
        assert_eq!(report.value("postgres_up", [name]), Some(up), "{name}");
        assert_eq!(
            report.active("postgres_state", [name]),
            Some(state),
            "{name}"
        );
    }
    let (status, message) = report.check("other").expect("it is reported");
    assert_eq!(
        (status, message),
        (
            Status::Fail,
            format!("{other}: it does not speak PostgreSQL's protocol").as_str()
        )
    );
}

#[test]
fn who_wants_in_and_is_not_let_in_fails() {
    let kerberos = saying(message(b'R', b"\0\0\0\x07"));
    let report = run(&format!(
        r#"{{"name":"k","address":"{kerberos}","user":"me","timeout":"60s"}}"#
    ))
    .expect("it runs");
    assert_eq!(report.value("postgres_up", ["k"]), Some(0.0));
    let told = format!(
        "{kerberos} does not let us in: it wants Kerberos, GSS or SSPI, which this probe does not have"
    );
    assert_eq!(report.check("k"), Some((Status::Fail, told.as_str())));
    assert_eq!(report.active("postgres_state", ["k"]), Some("refusing"));
}

#[test]
fn without_targets_it_lies_dormant() {
    assert_eq!(
        run("").expect_err("there are none").code(),
        "not-applicable"
    );
}

#[test]
fn a_password_that_is_repeated_is_not_told() {
    let address = saying(problem("28P01", "hunter2 is wrong"));
    let target = format!(
        r#"{{"name":"a","address":"{address}","user":"u","password":"pg","timeout":"60s"}}"#
    );
    let config = format!(r#"{{"targets":[{target}]}}"#);
    let mut host = Host::new()
        .time_left(600.0)
        .secret("pg", "hunter2")
        .grant_tcp(&address)
        .config(&config);
    let mut probe = host.start::<Postgres>().expect("it is right");
    let report = host.collect(&mut probe).expect("it runs");
    let told = format!("{address} does not let us in: (the password) is wrong (28P01)");
    assert_eq!(report.check("a"), Some((Status::Fail, told.as_str())));
}
