//! What a server tells, read from answers as it writes them.

use super::*;
use crate::rows::tests::written;
use crate::wire::{message, tests::problem, tests::said};

/// An answer of these rows.
fn answer(rows: &[&[Option<&str>]]) -> Vec<u8> {
    let rows: Vec<u8> = rows.iter().flat_map(|row| written(row)).collect();
    [rows, message(b'C', b"SELECT\0"), message(b'Z', b"T")].concat()
}

fn database(name: &str) -> Vec<Option<&str>> {
    [Some(name)].into_iter().chain([Some("7"); 13]).collect()
}

fn asked(role: &str, standby: &[&[Option<&str>]], size: Vec<u8>) -> Result<Facts> {
    let mut bytes = [
        answer(&[]),
        answer(&[&[
            Some("15.8 (Debian 15.8-0+deb12u1)"),
            Some(role),
            Some("60.5"),
            Some("97"),
        ]]),
        answer(&[
            &[Some("active"), Some("2"), Some("0"), Some("1.5")],
            &[
                Some("idle in transaction"),
                Some("1"),
                Some("1"),
                Some("90.25"),
            ],
            &[Some("hidden"), Some("4"), Some("0"), None],
        ]),
        answer(&[&database("postgres"), &database("shop")]),
        answer(&[
            &[Some("walreceiver"), None, Some("0")],
            &[Some("walreceiver"), Some("2.5"), Some("4096")],
            &[None, None, None],
        ]),
    ]
    .concat();
    if role == "1" {
        bytes.extend(answer(standby));
    }
    bytes.extend(size);
    Facts::ask(&mut said(bytes, 50), 900, |name| name == "shop", true)
}

#[test]
fn a_primary_tells_of_itself() {
    let facts = asked("0", &[], answer(&[&[Some("8000000")]])).expect("it answers");
    assert_eq!(
        (facts.version.as_str(), facts.role, facts.uptime),
        ("15.8", Role::Primary, Some(60.5))
    );
    assert_eq!(
        (
            facts.connected(),
            facts.hidden(),
            facts.waiting,
            facts.most_connections
        ),
        (7.0, 4.0, 1.0, 97.0)
    );
    assert_eq!(facts.longest_transaction, Some(90.25));
    assert_eq!(facts.databases, [("shop".to_owned(), vec![Some(7.0); 13])]);
    let replica = |name: &str, lag, behind| Replica {
        name: name.into(),
        lag,
        behind,
    };
    assert_eq!(
        facts.replicas,
        [
            replica("walreceiver", Some(2.5), Some(4096.0)),
            replica("hidden", None, None)
        ]
    );
    assert_eq!((facts.size, facts.standby), (Some(8e6), None));
}

#[test]
fn a_standby_tells_how_far_it_is_and_a_size_may_be_refused() {
    let cancelled = [
        problem("57014", "canceling statement due to statement timeout"),
        message(b'Z', b"E"),
    ]
    .concat();
    let facts = asked("1", &[&[Some("-0.5"), Some("1")]], cancelled).expect("it answers");
    assert_eq!(
        (facts.role, facts.standby, facts.size),
        (Role::Standby, Some((Some(0.0), true)), None)
    );
}

#[test]
fn a_refused_query_is_told() {
    let refused = [
        answer(&[]),
        problem("42501", "permission denied"),
        message(b'Z', b"E"),
    ]
    .concat();
    let failure =
        Facts::ask(&mut said(refused, 50), 0, |_| true, false).expect_err("it is refused");
    assert_eq!(
        failure.message(),
        "it refuses a query: permission denied (42501)"
    );
    let empty = [answer(&[]), answer(&[])].concat();
    let failure =
        Facts::ask(&mut said(empty, 50), 0, |_| true, false).expect_err("it says nothing");
    assert_eq!(failure.message(), "it does not say what it is");
}
