//! One record of an answer.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Domain, Kind, Malformed};

/// A record of the Internet's class.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Whose it is.
    pub owner: Domain,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// What it says; nothing when it is of a kind that cannot be asked for here.
    pub data: Option<(Kind, Data)>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// An address.
    Address(IpAddr),
    /// Another name.
    Name(Domain),
    /// A mail server, with its preference.
    Mail(u16, Domain),
    /// Text, its strings put together.
    Text(Vec<u8>),
    /// The zone's first server, and its serial.
    Authority(Domain, u32),
}

impl Data {
    /// Reads the data of a record of this kind, which are all that stands in `message` from `at` to `end`.
    pub(crate) fn read(
        kind: Kind,
        message: &[u8],
        mut at: usize,
        end: usize,
    ) -> Result<Self, Malformed> {
        let message = message.get(..end).ok_or(LENGTH)?;
        let data = match kind {
            Kind::A => Self::Address(Ipv4Addr::from(take::<4>(message, &mut at)?).into()),
            Kind::Aaaa => Self::Address(Ipv6Addr::from(take::<16>(message, &mut at)?).into()),
            Kind::Cname | Kind::Ns | Kind::Ptr => Self::Name(Domain::read(message, &mut at)?),
            Kind::Mx => {
                let preference = u16::from_be_bytes(take(message, &mut at)?);
                Self::Mail(preference, Domain::read(message, &mut at)?)
            }
            Kind::Txt => Self::Text(text(message, &mut at)?),
            Kind::Soa => {
                let server = Domain::read(message, &mut at)?;
                Domain::read(message, &mut at)?;
                let serial = u32::from_be_bytes(take(message, &mut at)?);
                // Refresh, retry, expire and minimum.
                take::<16>(message, &mut at)?;
                Self::Authority(server, serial)
            }
        };
        match at == end {
            true => Ok(data),
            false => Err(LENGTH),
        }
    }

    /// What an operator who expects `text` means; nothing when no record of this kind can say that.
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        match kind {
            Kind::A => text
                .parse::<Ipv4Addr>()
                .ok()
                .map(|address| Self::Address(address.into())),
            Kind::Aaaa => text
                .parse::<Ipv6Addr>()
                .ok()
                .map(|address| Self::Address(address.into())),
            Kind::Cname | Kind::Ns | Kind::Ptr => Domain::parse(text).map(Self::Name),
            Kind::Mx => {
                let (preference, server) = text.split_once(' ')?;
                Some(Self::Mail(
                    preference.parse().ok()?,
                    Domain::parse(server.trim_start())?,
                ))
            }
            Kind::Txt => Some(Self::Text(text.as_bytes().to_vec())),
            Kind::Soa => {
                let (server, serial) = text.split_once(' ')?;
                Some(Self::Authority(
                    Domain::parse(server)?,
                    serial.trim_start().parse().ok()?,
                ))
            }
        }
    }
}

const LENGTH: Malformed = Malformed("a record's data are not as long as it says");

/// The next bytes.
pub(crate) fn take<const N: usize>(message: &[u8], at: &mut usize) -> Result<[u8; N], Malformed> {
    let bytes = message
        .get(*at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .ok_or(Malformed("it is cut off"))?;
    *at += N;
    Ok(*bytes)
}

/// Strings with their lengths, as far as the message goes.
fn text(message: &[u8], at: &mut usize) -> Result<Vec<u8>, Malformed> {
    let mut whole = Vec::new();
    while *at < message.len() {
        let [length] = take(message, at)?;
        let end = *at + usize::from(length);
        whole.extend_from_slice(message.get(*at..end).ok_or(LENGTH)?);
        *at = end;
    }
    Ok(whole)
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => write!(f, "{name}"),
            Self::Mail(preference, server) => write!(f, "{preference} {server}"),
            Self::Text(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Self::Authority(server, serial) => write!(f, "{server} {serial}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_read_as_the_answer_is() {
        for (kind, text, shown) in [
            (Kind::A, "192.0.2.1", "192.0.2.1"),
            (Kind::Aaaa, "2001:DB8:0:0::1", "2001:db8::1"),
            (Kind::Cname, "WWW.example.com.", "www.example.com"),
            (Kind::Mx, "10 mail.example.com.", "10 mail.example.com"),
            (Kind::Txt, "v=spf1 -all", "v=spf1 -all"),
            (
                Kind::Soa,
                "ns1.example.com. 2026010100",
                "ns1.example.com 2026010100",
            ),
        ] {
            assert_eq!(Data::parse(kind, text).expect(text).to_string(), shown);
        }
        for (kind, text) in [
            (Kind::A, "::1"),
            (Kind::Aaaa, "192.0.2.1"),
            (Kind::Ns, "a b"),
            (Kind::Mx, "mail.example.com"),
            (Kind::Mx, "70000 mail"),
            (Kind::Soa, "ns1 x"),
        ] {
            assert_eq!(Data::parse(kind, text), None, "{text}");
        }
    }

    #[test]
    fn data_end_where_the_record_says() {
        let read = |kind, bytes: &[u8]| Data::read(kind, bytes, 0, bytes.len());
        assert_eq!(
            read(Kind::A, &[192, 0, 2, 1]),
            Ok(Data::Address("192.0.2.1".parse().expect("it is one")))
        );
        assert_eq!(
            read(Kind::Txt, b"\x01a\0\x02bc"),
            Ok(Data::Text(b"abc".to_vec()))
        );
        for (kind, bytes) in [
            (Kind::A, &[192, 0, 2, 1, 0][..]),
            (Kind::Ns, b"\x01a\0\0"),
            (Kind::Txt, b"\x05ab"),
        ] {
            assert_eq!(read(kind, bytes), Err(LENGTH), "{kind}");
        }
        assert_eq!(read(Kind::Aaaa, &[0; 15]), Err(Malformed("it is cut off")));
        assert_eq!(
            read(Kind::Soa, b"\0\0\0\0\0\x01"),
            Err(Malformed("it is cut off"))
        );
        assert_eq!(Data::read(Kind::A, &[0; 4], 0, 9), Err(LENGTH));
    }
}
