//! The probe as the host sees it.

use probity_sdk::prelude::*;
use targets::{Gauges, flag, visit};

use crate::{Answered, Data, Query, Settings, judge};

/// What is answered when there is nothing to ask.
const DORMANT: &str = "nothing to ask: add `config = { queries = [{ name = \"site\", server = \"1.1.1.1:53\", domain = \"example.com\" }] }` and \
    `grant = { udp = [\"1.1.1.1:53\"], tcp = [\"1.1.1.1:53\"] }` to this probe's section";

/// The probe.
pub struct Dns {
    queries: Vec<(Query, Check)>,
    gauges: Gauges<1>,
}

/// What is told of each query.
const GAUGES: [(&str, &str); 6] = [
    ("dns_up", "1 when the answer is as expected"),
    (
        "dns_query_seconds",
        "Time from the query to the answer, over TCP too where it was asked again",
    ),
    (
        "dns_rcode",
        "The answer's code: 0 for no error, 3 for a name that does not exist",
    ),
    (
        "dns_answers",
        "Records of the kind that was asked for, aliases followed",
    ),
    (
        "dns_ttl_seconds",
        "The shortest time that one of them may be kept",
    ),
    (
        "dns_soa_serial",
        "The zone's serial, where that was asked for",
    ),
];

impl Probe for Dns {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if settings.queries.0.is_empty() {
            return Err(Failure::not_applicable(DORMANT));
        }
        let with_check = |query: Query| {
            let title = format!(
                "{} of {} at {}",
                query.question.kind, query.question.domain, query.server
            );
            let check = Check::define(query.name.as_str(), &title)?;
            Ok((query, check))
        };
        Ok(Self {
            queries: settings
                .queries
                .0
                .into_iter()
                .map(with_check)
                .collect::<Result<_>>()?,
            gauges: Gauges::define(&GAUGES, ["query"])?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let Self { queries, gauges } = self;
        let count = queries.len();
        visit(
            queries,
            |(query, _)| query.timeout,
            |(query, _), deadline| query.ask(count, deadline),
            |(query, check), answered| {
                let verdict = judge(query, &answered);
                check.report(verdict.status, &verdict.message);
                let mut values = [
                    Some(flag(verdict.is_as_expected)),
                    None,
                    None,
                    None,
                    None,
                    None,
                ];
                if let Ok(answered) = &answered {
                    values[1..].copy_from_slice(&told(query, answered));
                }
                gauges.set([query.name.as_str()], &values)
            },
        )
    }
}

/// What an answer says, in the order of the gauges behind the first.
fn told(query: &Query, answered: &Answered) -> [Option<f64>; 5] {
    let records = query.question.asked_for(&answered.answer);
    let ttl = records.iter().map(|record| f64::from(record.ttl));
    let serial = records.iter().find_map(|record| match record.data {
        Some((_, Data::Authority(_, serial))) => Some(f64::from(serial)),
        _ => None,
    });
    [
        Some(answered.seconds),
        Some(f64::from(answered.answer.rcode.0)),
        Some(records.len() as f64),
        ttl.reduce(f64::min),
        serial,
    ]
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, UdpSocket};

    use probity_sdk::testing::{Host, Report};

    use super::*;
    use crate::writing::{Reply, address, name};
    use crate::{Domain, Kind, Question};

    /// A server on one port of both kinds: `udp` makes the datagrams that come back for a query, `tcp` the message.
    fn server(
        udp: impl Fn(&Question, u16) -> Vec<Vec<u8>> + Send + 'static,
        tcp: impl Fn(&Question, u16) -> Vec<u8> + Send + 'static,
    ) -> String {
        // A port that is free for TCP may be somebody's for UDP.
        let (listener, socket) = (0..100)
            .find_map(|_| {
                let listener = TcpListener::bind("127.0.0.1:0").ok()?;
                let socket = UdpSocket::bind(listener.local_addr().ok()?).ok()?;
                Some((listener, socket))
            })
            .expect("a port is free for both");
        let place = listener.local_addr().expect("it has one");
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                let (question, id) = asked(&query[..length]);
                for datagram in udp(&question, id) {
                    socket.send_to(&datagram, from).expect("it is sent");
                }
            }
        });
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut query = [0; 512];
                let length = stream.read(&mut query).expect("it asks");
                let (question, id) = asked(&query[2..length]);
                let message = tcp(&question, id);
                let sent = [&(message.len() as u16).to_be_bytes(), message.as_slice()].concat();
                stream.write_all(&sent).expect("it is sent");
            }
        });
        place.to_string()
    }

    fn asked(query: &[u8]) -> (Question, u16) {
        let mut at = 12;
        let domain = Domain::read(query, &mut at).expect("it is well formed");
        let kind =
            Kind::of_number(u16::from_be_bytes([query[at], query[at + 1]])).expect("it is known");
        (
            Question { domain, kind },
            u16::from_be_bytes([query[0], query[1]]),
        )
    }

    fn run(queries: &str) -> Result<Report> {
        // All that it names is granted.
        let addresses = queries
            .split('"')
            .filter(|word| word.parse::<SocketAddr>().is_ok());
        let host = addresses.fold(Host::new().time_left(600.0), |host, address| {
            host.grant_tcp(address).grant_udp(address)
        });
        let mut host = host.config(&format!(r#"{{"queries":[{queries}]}}"#));
        let mut probe = host.start::<Dns>()?;
        host.collect(&mut probe)
    }

    fn good(question: &Question, id: u16) -> Vec<u8> {
        Reply::to(question, id)
            .answer(&question.domain, Kind::A, 60, address("192.0.2.1"))
            .bytes()
    }

    #[test]
    fn forged_answers_are_passed_over() {
        let forged = |question: &Question, id: u16| {
            let evil = |id| {
                Reply::to(question, id)
                    .answer(&question.domain, Kind::A, 9, address("192.0.2.66"))
                    .bytes()
            };
            let other = Question {
                domain: name("evil.example.com"),
                kind: Kind::A,
            };
            vec![
                vec![1, 2, 3],
                evil(id.wrapping_add(1)),
                good(&other, id),
                good(question, id),
                evil(id),
            ]
        };
        let place = server(forged, good);
        let report = run(&format!(
            r#"{{"name":"q","server":"{place}","domain":"example.com","timeout":"60s","expect":["192.0.2.1"]}}"#
        ))
        .expect("it runs");
        assert_eq!(report.value("dns_up", ["q"]), Some(1.0));
        assert_eq!(report.value("dns_ttl_seconds", ["q"]), Some(60.0));
        assert_eq!(report.value("dns_answers", ["q"]), Some(1.0));
        assert_eq!(report.value("dns_rcode", ["q"]), Some(0.0));
    }

    #[test]
    fn what_is_truncated_is_asked_for_again_over_tcp() {
        let cut = |question: &Question, id: u16| {
            let mut bytes = Reply::to(question, id).bytes();
            bytes[2] |= 2;
            vec![bytes]
        };
        let zone = |question: &Question, id: u16| {
            let authority = Data::Authority(name("ns1.example.com"), 2_026_010_100);
            Reply::to(question, id)
                .answer(&question.domain, Kind::Soa, 3600, authority)
                .bytes()
        };
        let place = server(cut, zone);
        let query = format!(
            r#"{{"name":"q","server":"{place}","domain":"example.com","timeout":"60s","type":"SOA"}}"#
        );
        let report = run(&query).expect("it runs");
        assert_eq!(report.value("dns_soa_serial", ["q"]), Some(2_026_010_100.0));
        let other = |question: &Question, id: u16| good(question, id.wrapping_add(1));
        let report = run(&query.replace(&place, &server(cut, other))).expect("it runs");
        let (_, message) = report.check("q").expect("it is reported");
        assert!(
            message.ends_with("it answers another question over TCP"),
            "{message}"
        );
    }

    #[test]
    fn silence_garbage_and_floods_are_failing_checks() {
        let silent = server(|_, _| Vec::new(), good);
        let flood = server(|_, _| vec![vec![0; 40]; 200], good);
        let malformed = |question: &Question, id: u16| {
            let mut bytes = good(question, id);
            bytes[7] = 9;
            vec![bytes]
        };
        let malformed = server(malformed, good);
        let query = |name, place: &str, timeout: f64| {
            format!(
                r#"{{"name":"{name}","server":"{place}","domain":"example.com","timeout":{timeout}}}"#
            )
        };
        let queries = [
            query("silent", &silent, 0.3),
            query("flood", &flood, 60.0),
            query("malformed", &malformed, 60.0),
        ];
        let report = run(&queries.join(",")).expect("it runs");
        for (name, told) in [
            ("silent", "no answer within 300 ms"),
            ("flood", "none of 64 datagrams was an answer"),
            ("malformed", "its answer is malformed: a name is cut off"),
        ] {
            let (status, message) = report.check(name).expect("it is reported");
            assert_eq!(status, Status::Fail);
            assert!(message.ends_with(told), "{message}");
            assert_eq!(report.value("dns_up", [name]), Some(0.0));
        }
    }

    #[test]
    fn without_queries_it_lies_dormant() {
        assert_eq!(
            run("").expect_err("there are none").code(),
            "not-applicable"
        );
    }
}
