//! What the operator wrote.

use std::net::IpAddr;

use probity_sdk::config::{Ceiling, Name, Named, Seconds, Targets, Whole};
use serde::Deserialize;
use targets::Address;

use crate::{Data, Domain, Kind, Question, Rcode};

/// The probe's section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to ask.
    #[serde(default)]
    pub queries: Targets<Query>,
}

/// One query to one server.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Written")]
pub struct Query {
    /// The check's name, and the metrics' label.
    pub name: Name,
    /// Whom to ask.
    pub server: Address,
    /// What to ask.
    pub question: Question,
    /// Whether the server is to ask others where it does not know.
    pub recursive: bool,
    /// What has to be among the answers.
    pub expected: Vec<Data>,
    /// How the server has to say that it went.
    pub rcode: Rcode,
    /// How many answers there have to be.
    pub least: u32,
    /// How long all of it may take.
    pub timeout: Seconds,
    /// How long it should take.
    pub max_time: Ceiling<Seconds>,
}

/// A query as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Name,
    server: Server,
    domain: Asked,
    #[serde(default = "a", rename = "type")]
    kind: Kind,
    #[serde(default = "yes")]
    recursive: bool,
    #[serde(default)]
    expect: Vec<String>,
    #[serde(default = "no_error")]
    expect_rcode: Rcode,
    min_answers: Option<Whole<0, 1000>>,
    #[serde(default = "timeout", deserialize_with = "targets::some_time")]
    timeout: Seconds,
    #[serde(default = "max_time")]
    max_time: Ceiling<Seconds>,
}

/// The server's address, where the usual port may be left out.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Server(Address);

/// A name, or an address whose name is asked for.
#[derive(Deserialize)]
#[serde(try_from = "String")]
enum Asked {
    Name(Domain),
    Address(IpAddr),
}

fn a() -> Kind {
    Kind::A
}

fn yes() -> bool {
    true
}

fn no_error() -> Rcode {
    Rcode::NO_ERROR
}

fn timeout() -> Seconds {
    Seconds(2.0)
}

fn max_time() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(1.0)),
        fail: None,
    }
}

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let told = || {
            format!("must be a host with or without a port, such as \"1.1.1.1:53\", not \"{text}\"")
        };
        Address::parse(&text, Some(53)).map(Self).ok_or_else(told)
    }
}

impl TryFrom<String> for Asked {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let told = || {
            format!(
                "must be a name of ASCII letters such as \"example.com\", or an address, not \"{text}\""
            )
        };
        Domain::parse(&text).map(Self::Name).ok_or_else(told)
    }
}

impl TryFrom<Written> for Query {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let kind = written.kind;
        let domain = match written.domain {
            Asked::Name(domain) => domain,
            Asked::Address(address) if kind == Kind::Ptr => Domain::of_address(address),
            Asked::Address(address) => {
                return Err(format!(
                    "has the address {address} as its `domain`, which only `type = \"PTR\"` asks about"
                ));
            }
        };
        let expected = written.expect.iter().map(|text| {
            let told = || {
                format!(
                    "has \"{text}\" in `expect`, which no {kind} record can say: {}",
                    example(kind)
                )
            };
            Data::parse(kind, text).ok_or_else(told)
        });
        Ok(Self {
            expected: expected.collect::<Result<_, _>>()?,
            name: written.name,
            server: written.server.0,
            question: Question { domain, kind },
            recursive: written.recursive,
            // Whoever expects a refusal expects no answers.
            least: written.min_answers.map_or(
                u32::from(written.expect_rcode == Rcode::NO_ERROR),
                |least| least.0,
            ),
            rcode: written.expect_rcode,
            timeout: written.timeout,
            max_time: written.max_time,
        })
    }
}

/// How an operator writes what a record says.
fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::A => "it is written like \"192.0.2.1\"",
        Kind::Aaaa => "it is written like \"2001:db8::1\"",
        Kind::Cname | Kind::Ns | Kind::Ptr => "it is written like \"ns1.example.com\"",
        Kind::Mx => "it is written like \"10 mail.example.com\"",
        Kind::Txt => "it is any text",
        Kind::Soa => "it is written like \"ns1.example.com 2026010100\"",
    }
}

impl Named for Query {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::config;

    use super::*;

    fn read(query: &str) -> Result<Query, String> {
        let json = format!(r#"{{"queries":[{{"name":"q","server":"1.1.1.1",{query}}}]}}"#);
        let read = config::parse::<Settings>(&json);
        read.map(|mut settings| settings.queries.0.remove(0))
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_query_has_usual_values() {
        let query = read(r#""domain":"Example.com""#).expect("it is right");
        assert_eq!(query.server.to_string(), "1.1.1.1:53");
        assert_eq!(
            (
                query.question.domain.to_string().as_str(),
                query.question.kind
            ),
            ("example.com", Kind::A)
        );
        assert_eq!(
            (query.recursive, query.least, query.rcode),
            (true, 1, Rcode::NO_ERROR)
        );
        let refused = read(r#""domain":"a","expect_rcode":"NXDOMAIN""#).expect("it is right");
        assert_eq!((refused.least, refused.rcode), (0, Rcode(3)));
    }

    #[test]
    fn an_address_is_asked_for_by_its_name() {
        let query = read(r#""domain":"192.0.2.7","type":"PTR","expect":["Host.example.com."]"#)
            .expect("it is right");
        assert_eq!(query.question.domain.to_string(), "7.2.0.192.in-addr.arpa");
        assert_eq!(query.expected[0].to_string(), "host.example.com");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (query, told) in [
            (
                r#""domain":"a..b""#,
                "`queries[0].domain` must be a name of ASCII letters such as \"example.com\", or an address, not \"a..b\"",
            ),
            (
                r#""domain":"192.0.2.1""#,
                "`queries[0]` has the address 192.0.2.1 as its `domain`, which only `type = \"PTR\"` asks about",
            ),
            (
                r#""domain":"a","expect":["b"]"#,
                "`queries[0]` has \"b\" in `expect`, which no A record can say: it is written like \"192.0.2.1\"",
            ),
            (
                r#""domain":"a","type":"SRV""#,
                "`queries[0].type` must be `A`, `AAAA`, `CNAME`, `MX`, `NS`, `TXT`, `SOA` or `PTR`, not \"SRV\"",
            ),
            (
                r#""domain":"a","expect_rcode":"OK""#,
                "`queries[0].expect_rcode` must be a code such as \"NOERROR\", \"NXDOMAIN\" or \"REFUSED\", not \"OK\"",
            ),
            (
                r#""domain":"a","min_answers":1001"#,
                "`queries[0].min_answers` must be a whole number from 0 to 1000, not 1001",
            ),
        ] {
            assert_eq!(read(query).expect_err(told), told);
        }
    }
}
