//! The verdict on a certificate and those that came with it.

use probity_sdk::config::{Floor, Seconds};
use probity_sdk::{Status, show};

use crate::time::date;
use crate::{Certificate, names};

/// A certificate, and behind it those that vouch for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The one that counts.
    pub leaf: Certificate,
    /// The others, in the order in which they came.
    pub others: Vec<Certificate>,
}

/// A verdict and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub status: Status,
    /// What the certificate is, and what is wrong with it.
    pub message: String,
}

impl Chain {
    /// Reads a chain in DER.
    ///
    /// # Errors
    /// Which of the certificates is none.
    pub fn parse(chain: &[Vec<u8>]) -> Result<Self, String> {
        let read = |(place, bytes): (usize, &Vec<u8>)| {
            Certificate::parse(bytes)
                .ok_or_else(|| format!("certificate {} cannot be read: it is not X.509", place + 1))
        };
        let mut certificates = chain.iter().enumerate().map(read);
        let leaf = certificates.next().ok_or("there is no certificate")??;
        Ok(Self {
            leaf,
            others: certificates.collect::<Result<_, _>>()?,
        })
    }

    /// How many there are.
    pub fn length(&self) -> usize {
        1 + self.others.len()
    }

    /// The one that expires first.
    pub fn earliest(&self) -> &Certificate {
        self.others.iter().fold(&self.leaf, |earliest, other| {
            if other.not_after < earliest.not_after {
                other
            } else {
                earliest
            }
        })
    }

    /// The first certificate that is not from the one behind it, with that one.
    fn gap(&self) -> Option<(&Certificate, &Certificate)> {
        let makers = self.others.iter();
        let made = std::iter::once(&self.leaf).chain(&self.others);
        made.zip(makers).find(|(made, maker)| !made.is_from(maker))
    }
}

/// Judges a chain at the time `now`, in Unix seconds. `host`: whom it has to be for, if anybody.
pub fn judge(chain: &Chain, host: Option<&str>, min_left: &Floor<Seconds>, now: f64) -> Judgement {
    let leaf = &chain.leaf;
    let (mut status, lasts) = lasts(leaf, min_left, now);
    let mut said = vec![format!("{} by {}", leaf.subject, leaf.issuer), lasts];
    let mut add = |worst: Status, words: String| {
        status = status.max(worst);
        said.push(words);
    };
    if leaf.not_before > now {
        add(
            Status::Fail,
            format!("not good before {}", date(leaf.not_before)),
        );
    }
    if let Some(host) = host.filter(|host| !names::is_for(leaf, host)) {
        add(
            Status::Fail,
            format!("not for {host}, but for {}", names::shown(leaf)),
        );
    }
    let earliest = chain.earliest();
    if earliest != leaf {
        // Clients may do without it, as with a root that vouches for another one.
        let (worst, words) = lasts_so_long(earliest, min_left, now);
        if worst > Status::Pass {
            add(
                Status::Warn,
                format!("in its chain {}: {words}", earliest.subject),
            );
        }
    }
    if let Some((made, maker)) = chain.gap() {
        add(
            Status::Warn,
            format!(
                "its chain does not fit together: {} is by {}, and {} follows",
                made.subject, made.issuer, maker.subject
            ),
        );
    }
    Judgement {
        status,
        message: said.join(", "),
    }
}

fn lasts(certificate: &Certificate, min_left: &Floor<Seconds>, now: f64) -> (Status, String) {
    let (status, words) = lasts_so_long(certificate, min_left, now);
    match certificate.not_after < now {
        true => (status, words),
        false => (
            status,
            format!("until {}, left {words}", date(certificate.not_after)),
        ),
    }
}

fn lasts_so_long(
    certificate: &Certificate,
    min_left: &Floor<Seconds>,
    now: f64,
) -> (Status, String) {
    let left = certificate.not_after - now;
    if left < 0.0 {
        let words = format!(
            "expired on {}, {} ago",
            date(certificate.not_after),
            show::seconds(-left)
        );
        return (Status::Fail, words);
    }
    min_left.explain(left)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Made;

    const DAY: f64 = 86_400.0;
    /// The moment at which the made-up certificates expire.
    const END: f64 = 1_798_761_599.0;

    fn said(chain: &[Made], host: Option<&str>, now: f64) -> (Status, String) {
        let chain: Vec<Vec<u8>> = chain.iter().map(Made::der).collect();
        let min_left = Floor {
            warn: Some(Seconds(21.0 * DAY)),
            fail: Some(Seconds(7.0 * DAY)),
        };
        let judgement = judge(&Chain::parse(&chain).unwrap(), host, &min_left, now);
        (judgement.status, judgement.message)
    }

    fn issuer() -> Made {
        Made {
            subject: "An Issuer".into(),
            issuer: "A Root".into(),
            not_after: "20301231235959Z".into(),
            ..Made::new()
        }
    }

    #[test]
    fn what_lasts_passes_and_what_ends_soon_does_not() {
        let chain = [Made::new(), issuer()];
        for (left, status, words) in [
            (30.0, Status::Pass, "until 2026-12-31, left 30 d"),
            (
                21.0,
                Status::Warn,
                "until 2026-12-31, left 21 d: warns from 21 d down",
            ),
            (
                2.5,
                Status::Fail,
                "until 2026-12-31, left 2 d 12 h: fails from 7 d down",
            ),
            (-1.0, Status::Fail, "expired on 2026-12-31, 1 d ago"),
        ] {
            let expected = (status, format!("example.com by An Issuer, {words}"));
            assert_eq!(
                said(&chain, Some("example.com"), END - left * DAY),
                expected
            );
        }
        let early = said(&chain, None, 1_767_225_600.0 - DAY);
        assert_eq!(early.0, Status::Fail);
        assert!(
            early.1.ends_with(", not good before 2026-01-01"),
            "{}",
            early.1
        );
    }

    #[test]
    fn it_has_to_be_for_its_host() {
        let chain = [Made::new(), issuer()];
        let now = END - 100.0 * DAY;
        for host in [
            "example.com",
            "EXAMPLE.com.",
            "www.example.com",
            "127.0.0.1",
        ] {
            assert_eq!(said(&chain, Some(host), now).0, Status::Pass, "{host}");
        }
        for host in ["example.org", "a.b.example.com", "127.0.0.2", "::1"] {
            let (status, message) = said(&chain, Some(host), now);
            assert_eq!(status, Status::Fail, "{host}");
            let words = format!("not for {host}, but for example.com, *.example.com, 127.0.0.1");
            assert!(message.ends_with(&words), "{message}");
        }
        let nobody = Made {
            dns: Vec::new(),
            addresses: Vec::new(),
            ..Made::new()
        };
        let (_, message) = said(&[nobody], Some("example.com"), now);
        assert!(
            message.ends_with("but for no host at all (its common name does not count)"),
            "{message}"
        );
    }

    #[test]
    fn what_is_wrong_with_the_rest_of_the_chain_warns() {
        let now = END - 100.0 * DAY;
        let expired = Made {
            not_after: "20260131235959Z".into(),
            ..issuer()
        };
        let (status, message) = said(&[Made::new(), expired], None, now);
        assert_eq!(status, Status::Warn);
        assert!(
            message.contains("in its chain An Issuer: expired on 2026-01-31"),
            "{message}"
        );
        let (status, message) = said(&[Made::new(), Made::new()], None, now);
        assert_eq!(status, Status::Warn);
        assert!(
            message.ends_with("its chain does not fit together: example.com is by An Issuer, and example.com follows"),
            "{message}"
        );
    }

    #[test]
    fn a_chain_of_something_else_is_told() {
        let told = Chain::parse(&[Made::new().der(), vec![1, 2]]).unwrap_err();
        assert_eq!(told, "certificate 2 cannot be read: it is not X.509");
        assert!(Chain::parse(&[]).is_err());
    }
}
