//! Names become addresses here and nowhere else, so that what is checked is what is connected to.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use wasmtime_wasi::runtime::spawn_blocking;

use super::address;
use super::origin::Host;

/// Lookups of one probe at once. One that hangs keeps its thread until the machine's resolver gives up, however long
/// ago the run ended that asked for it.
const MAX_LOOKUPS: usize = 4;
/// How long a guest may use an address that it was given for a name.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Addresses of one name; a zone that answers with more gains nothing.
const MAX_ADDRESSES: usize = 64;

/// What looks names up. Blocks.
pub(in crate::probe) trait Resolve: Send + Sync {
    /// The addresses of a name, best first.
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's resolver.
pub(in crate::probe) struct MachineResolver;

impl Resolve for MachineResolver {
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = (name, 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why there is no address to go to.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// The resolver says so.
    Failed(io::Error),
    /// It leads only where it must not: to this address, for this reason.
    Prohibited(IpAddr, &'static str),
}

/// The lookups of one probe.
pub(in crate::probe) struct Lookups {
    resolver: Arc<dyn Resolve>,
    slots: Arc<Semaphore>,
    /// Addresses that granted names had, and when they were found.
    known: Mutex<HashMap<String, Vec<(IpAddr, Instant)>>>,
}

impl Lookups {
    pub(in crate::probe) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self {
            resolver,
            slots: Arc::new(Semaphore::new(MAX_LOOKUPS)),
            known: Mutex::default(),
        }
    }

    /// The addresses of a granted host, less those that a name must not lead to.
    ///
    /// # Errors
    /// When none is left.
    pub(super) async fn addresses(&self, host: &Host) -> Result<Vec<IpAddr>, Unresolved> {
        let name = match host {
            Host::Address(address) => return Ok(vec![*address]),
            // What it means is fixed (RFC 6761), whatever a resolver says.
            Host::Localhost => {
                return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
            }
            Host::Name(name) => name,
        };
        let found = self.look_up(name).await.map_err(Unresolved::Failed)?;
        let allowed = found
            .iter()
            .copied()
            .filter(|one| address::refusal(*one).is_none());
        let allowed: Vec<IpAddr> = allowed.take(MAX_ADDRESSES).collect();
        if allowed.is_empty() {
            let prohibited = found
                .iter()
                .find_map(|one| Some(Unresolved::Prohibited(*one, address::refusal(*one)?)));
            return Err(prohibited.unwrap_or_else(|| {
                Unresolved::Failed(io::Error::new(io::ErrorKind::NotFound, "no addresses"))
            }));
        }
        self.remember(name, &allowed, Instant::now());
        Ok(allowed)
    }

    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let slot = self.slots.clone().acquire_owned().await;
        let slot = slot.expect("the semaphore is never closed");
        let (resolver, name) = (self.resolver.clone(), name.to_owned());
        spawn_blocking(move || {
            let found = resolver.resolve(&name);
            drop(slot);
            found
        })
        .await
    }

    fn remember(&self, name: &str, addresses: &[IpAddr], now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(name.to_owned()).or_default();
        known.retain(|(address, since)| {
            now.duration_since(*since) < REMEMBERED && !addresses.contains(address)
        });
        let room = MAX_ADDRESSES.saturating_sub(addresses.len());
        let excess = known.len().saturating_sub(room);
        known.drain(..excess);
        known.extend(addresses.iter().map(|address| (*address, now)));
    }

    fn remembers(&self, name: &str, address: IpAddr, now: Instant) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).is_some_and(|known| {
            known
                .iter()
                .any(|(one, since)| *one == address && now.duration_since(*since) < REMEMBERED)
        })
    }

    /// Whether a granted host is at `address`. A name may answer in turns, so what it answered lately counts too.
    pub(super) async fn leads_to(&self, host: &Host, address: IpAddr) -> bool {
        if let Host::Name(name) = host
            && self.remembers(name, address, Instant::now())
        {
            return true;
        }
        let found = self.addresses(host).await;
        found.is_ok_and(|found| found.contains(&address))
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A resolver that knows one answer.
    pub(in crate::probe::grants) struct Fixed(pub(in crate::probe::grants) Vec<IpAddr>);

    impl Resolve for Fixed {
        fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.clone())
        }
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn lookups(texts: &[&str]) -> Lookups {
        Lookups::new(Arc::new(Fixed(addresses(texts))))
    }

    #[tokio::test]
    async fn g38_a_name_that_leads_to_loopback_leads_nowhere() {
        let name: Host = "evil.example".parse().unwrap();
        let found = lookups(&["127.0.0.1", "::1"]).addresses(&name).await;
        let Err(Unresolved::Prohibited(address, why)) = found else {
            panic!("{found:?}")
        };
        assert_eq!(
            (address.to_string().as_str(), why),
            ("127.0.0.1", "loopback")
        );
        let mixed = lookups(&["169.254.169.254", "10.0.0.7"])
            .addresses(&name)
            .await;
        assert_eq!(mixed.unwrap(), addresses(&["10.0.0.7"]));
        let none = lookups(&[]).addresses(&name).await;
        assert!(matches!(none, Err(Unresolved::Failed(_))));
    }

    #[tokio::test]
    async fn addresses_and_localhost_are_what_they_say_without_a_lookup() {
        let lookups = lookups(&["10.0.0.7"]);
        for (host, wanted) in [
            ("127.0.0.1", &["127.0.0.1"][..]),
            ("169.254.169.254", &["169.254.169.254"]),
            ("[::1]", &["::1"]),
            ("localhost", &["127.0.0.1", "::1"]),
        ] {
            let found = lookups.addresses(&host.parse().unwrap()).await;
            assert_eq!(found.unwrap(), addresses(wanted));
        }
    }

    #[test]
    fn what_a_name_answered_lately_counts_for_a_while() {
        let lookups = lookups(&[]);
        let start = Instant::now();
        let [one, other] = addresses(&["10.0.0.1", "10.0.0.2"])[..] else {
            panic!("two")
        };
        lookups.remember("db", &[one], start);
        lookups.remember("db", &[other], start + REMEMBERED / 2);
        let at = |share: u32| start + REMEMBERED / 4 * share;
        assert!(lookups.remembers("db", one, at(3)) && lookups.remembers("db", other, at(3)));
        assert!(!lookups.remembers("db", one, at(4)) && lookups.remembers("db", other, at(4)));
        assert!(!lookups.remembers("other", one, at(3)));
        let many: Vec<IpAddr> = (0..200)
            .map(|last| Ipv4Addr::new(10, 0, 1, last).into())
            .collect();
        for address in &many {
            lookups.remember("db", &[*address], at(3));
        }
        let kept = |address: &&IpAddr| lookups.remembers("db", **address, at(3));
        assert_eq!(many.iter().filter(kept).count(), MAX_ADDRESSES);
    }
}
