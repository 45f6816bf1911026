//! Queries and answers: well formed, forged, lying.

use proptest::prelude::*;

use super::*;
use crate::writing::{Reply, address, name};

fn question(kind: Kind) -> Question {
    Question {
        domain: name("www.example.com"),
        kind,
    }
}

#[test]
fn the_query_is_what_rfc_1035_says() {
    let question = Question {
        domain: name("a.b"),
        kind: Kind::Mx,
    };
    let wanted =
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x01a\x01b\0\0\x0f\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    assert_eq!(question.query(0x1234, true), wanted);
    assert_eq!(question.query(0x1234, false)[2], 0);
}

#[test]
fn only_the_answer_to_this_very_query_is_one() {
    let question = question(Kind::A);
    let good = Reply::to(&question, 7).bytes();
    assert!(question.is_answered_by(&good, 7));
    assert!(!question.is_answered_by(&good, 8), "another id");
    let other = Question {
        domain: name("evil.example.com"),
        kind: Kind::A,
    };
    assert!(
        !question.is_answered_by(&Reply::to(&other, 7).bytes(), 7),
        "another name"
    );
    assert!(
        !question.is_answered_by(&Reply::to(&super::tests::question(Kind::Ns), 7).bytes(), 7),
        "another kind"
    );
    assert!(
        !question.is_answered_by(&question.query(7, true), 7),
        "our own query"
    );
    for bytes in [&b""[..], b"\0\x07", &good[..good.len() - 1]] {
        assert!(!question.is_answered_by(bytes, 7), "cut off");
    }
    let mut two = good.clone();
    two[5] = 2;
    assert!(!question.is_answered_by(&two, 7), "two questions");
    // FORMERR without the question, and NOERROR without it.
    assert!(question.is_answered_by(b"\0\x07\x80\x01\0\0\0\0\0\0\0\0", 7));
    assert!(!question.is_answered_by(b"\0\x07\x80\0\0\0\0\0\0\0\0\0", 7));
}

#[test]
fn aliases_are_followed_and_strangers_are_not_counted() {
    let question = question(Kind::A);
    let reply = Reply::to(&question, 1)
        .answer(&name("b.example.com"), Kind::A, 60, address("192.0.2.1"))
        .answer(
            &name("a.example.com"),
            Kind::Cname,
            30,
            Data::Name(name("b.example.com")),
        )
        .answer(
            &name("www.example.com"),
            Kind::Cname,
            300,
            Data::Name(name("a.example.com")),
        )
        .answer(
            &name("stranger.example.com"),
            Kind::A,
            1,
            address("192.0.2.66"),
        );
    let answer = question.answer(&reply.bytes()).expect("it is well formed");
    let asked_for: Vec<String> = question
        .asked_for(&answer)
        .iter()
        .map(|record| format!("{:?}", record.data))
        .collect();
    assert_eq!(asked_for, ["Some((A, Address(192.0.2.1)))"]);
    assert_eq!(answer.records.len(), 4);
}

#[test]
fn a_long_row_of_aliases_is_not_followed_to_its_end() {
    let question = Question {
        domain: name("a0"),
        kind: Kind::A,
    };
    let found = |count: u32| {
        let alias = |reply: Reply, place: u32| {
            let (one, other) = (name(&format!("a{place}")), name(&format!("a{}", place + 1)));
            reply.answer(&one, Kind::Cname, 60, Data::Name(other))
        };
        let reply = (0..count).fold(Reply::to(&question, 7), alias);
        let last = name(&format!("a{count}"));
        let bytes = reply
            .answer(&last, Kind::A, 60, address("192.0.2.1"))
            .bytes();
        let answer = question.answer(&bytes).expect("it is well-formed");
        question.asked_for(&answer).len()
    };
    assert_eq!((found(20), found(2000)), (1, 0));
}

#[test]
fn aliases_in_circles_end() {
    let question = question(Kind::A);
    let reply = Reply::to(&question, 1)
        .answer(
            &name("www.example.com"),
            Kind::Cname,
            1,
            Data::Name(name("a")),
        )
        .answer(
            &name("a"),
            Kind::Cname,
            1,
            Data::Name(name("www.example.com")),
        );
    let answer = question.answer(&reply.bytes()).expect("it is well formed");
    assert_eq!(question.asked_for(&answer), Vec::<&Record>::new());
}

#[test]
fn lies_in_counts_are_refused() {
    let question = question(Kind::A);
    let good = Reply::to(&question, 1)
        .answer(&question.domain, Kind::A, 60, address("192.0.2.1"))
        .bytes();
    assert!(question.answer(&good).is_ok());
    for (place, told) in [
        (7, "a name is cut off"),
        (9, "a name is cut off"),
        (11, "a name is cut off"),
        (5, "it is cut off"),
    ] {
        let mut lying = good.clone();
        lying[place] += 1;
        assert_eq!(question.answer(&lying), Err(Malformed(told)), "{place}");
    }
    let mut fewer = good.clone();
    fewer[7] = 0;
    assert_eq!(
        question.answer(&fewer),
        Err(Malformed("it goes on behind its last record"))
    );
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(
        question.answer(&longer),
        Err(Malformed("it goes on behind its last record"))
    );
    let shorter = &good[..good.len() - 1];
    assert_eq!(
        question.answer(shorter),
        Err(Malformed("it has fewer records than it says"))
    );
}

#[test]
fn a_truncated_answer_is_not_read_any_further() {
    let question = question(Kind::A);
    let mut bytes = Reply::to(&question, 1).bytes();
    bytes[2] |= 2;
    bytes[7] = 200;
    let answer = question.answer(&bytes).expect("it says so itself");
    assert!(answer.is_truncated && answer.records.is_empty());
}

#[test]
fn edns_has_more_codes_and_the_highest_bit_of_a_ttl_has_no_meaning() {
    let question = question(Kind::A);
    let mut bytes = Reply::to(&question, 1)
        .answer(&question.domain, Kind::A, u32::MAX, address("192.0.2.1"))
        .bytes();
    bytes[11] += 1;
    bytes.extend(b"\0\0\x29\x04\xd0\x01\0\0\0\0\0");
    let answer = question.answer(&bytes).expect("it is well formed");
    assert_eq!(answer.rcode, Rcode(16));
    assert_eq!(answer.records[0].ttl, 0);
}

proptest! {
    #[test]
    fn no_message_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), counts in prop::array::uniform8(0..4_u8)) {
        let question = question(Kind::A);
        for mut message in [bytes.clone(), Reply::to(&question, 1).bytes()] {
            message.extend(&bytes);
            if let Some(head) = message.get_mut(4..12) {
                head.copy_from_slice(&counts);
                for place in [0, 2, 4, 6] {
                    head[place] = 0;
                }
            }
            question.is_answered_by(&message, 1);
            if let Ok(answer) = question.answer(&message) {
                question.asked_for(&answer);
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back(records in prop::collection::vec((crate::writing::any_data(), any::<u32>()), 0..6)) {
        let question = question(Kind::A);
        let mut reply = Reply::to(&question, 9);
        for ((kind, data), ttl) in &records {
            reply = reply.answer(&name("x.example.com"), *kind, ttl >> 1, data.clone());
        }
        let bytes = reply.bytes();
        prop_assert!(question.is_answered_by(&bytes, 9));
        let answer = question.answer(&bytes).expect("it is well formed");
        let read: Vec<_> = answer.records.into_iter().map(|record| (record.data.expect("it is known"), record.ttl)).collect();
        let written: Vec<_> = records.into_iter().map(|(data, ttl)| (data, ttl >> 1)).collect();
        prop_assert_eq!(read, written);
    }
}
