//! The numbers that a certificate makes.

use std::time::Duration;

use probity_sdk::prelude::*;

use crate::judge::Chain;
use crate::names;

pub struct Metrics {
    up: Gauge<1>,
    age: Gauge<1>,
    took: Gauge<1>,
    left: Gauge<1>,
    chain_left: Gauge<1>,
    not_before: Gauge<1>,
    not_after: Gauge<1>,
    length: Gauge<1>,
    matches: Gauge<1>,
    certificate: Info<4>,
}

impl Metrics {
    pub fn define() -> Result<Self> {
        let gauge = |name: &str, help: &str| Gauge::define(name, help, ["target"]);
        Ok(Self {
            up: gauge("tls_up", "Whether the certificate could be read")?,
            age: gauge(
                "tls_looked_at_age_seconds",
                "Time since it was last looked at",
            )?,
            took: gauge(
                "tls_last_duration_seconds",
                "How long that took, from the connection to the certificate",
            )?,
            left: gauge(
                "tls_certificate_left_seconds",
                "Time until the certificate expires, negative afterwards",
            )?,
            chain_left: gauge(
                "tls_chain_left_seconds",
                "Time until the first certificate of its chain expires, its own included",
            )?,
            not_before: gauge(
                "tls_certificate_not_before_timestamp_seconds",
                "When the certificate began to hold",
            )?,
            not_after: gauge(
                "tls_certificate_not_after_timestamp_seconds",
                "When the certificate expires",
            )?,
            length: gauge(
                "tls_chain_certificates",
                "Certificates that came, its own included",
            )?,
            matches: gauge(
                "tls_name_matches",
                "Whether the certificate is for the host",
            )?,
            certificate: Info::define(
                "tls_certificate_info",
                "Whose the certificate is, who made it, and its number",
                ["target", "subject", "issuer", "serial"],
            )?,
        })
    }

    /// What looking at it came to.
    pub fn show_look(
        &self,
        name: &str,
        is_up: bool,
        age: Duration,
        took: Option<Duration>,
    ) -> Result<()> {
        self.up.set([name], f64::from(u8::from(is_up)))?;
        self.age.set([name], age.as_secs_f64())?;
        took.map_or(Ok(()), |took| self.took.set([name], took.as_secs_f64()))
    }

    /// What the chain says at the time `now`.
    pub fn show(&self, name: &str, chain: &Chain, host: Option<&str>, now: f64) -> Result<()> {
        let leaf = &chain.leaf;
        self.left.set([name], leaf.not_after - now)?;
        self.chain_left
            .set([name], chain.earliest().not_after - now)?;
        self.not_before.set([name], leaf.not_before)?;
        self.not_after.set([name], leaf.not_after)?;
        self.length.set([name], chain.length() as f64)?;
        self.certificate
            .set([name, &leaf.subject, &leaf.issuer, &leaf.serial])?;
        match host {
            Some(host) => {
                let matches = f64::from(u8::from(names::is_for(leaf, host)));
                self.matches.set([name], matches)
            }
            None => Ok(()),
        }
    }
}
