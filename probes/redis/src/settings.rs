//! What the operator wrote.

use probity_sdk::config::{Ceiling, Name, Named, Ratio, Seconds, Targets};
use serde::Deserialize;
use targets::Address;

/// The probe's section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The servers to look at.
    #[serde(default)]
    pub targets: Targets<Target, 20>,
}

/// One server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The checks' name, and the metrics' label.
    pub name: Name,
    /// Where it is.
    pub address: Address,
    /// As whom to log in; without it as the default user.
    pub user: Option<String>,
    /// The name of the secret that is the password.
    pub password: Option<String>,
    /// Whether it is asked for its report.
    #[serde(default = "yes")]
    pub info: bool,
    /// How long all of it may take.
    #[serde(default = "timeout", deserialize_with = "targets::some_time")]
    pub timeout: Seconds,
    /// How long a ping should take.
    #[serde(default = "max_time")]
    pub max_time: Ceiling<Seconds>,
    /// How much of the memory that it may use it should use, where it does not make room by itself.
    #[serde(default = "max_memory")]
    pub max_memory: Ceiling<Ratio>,
    /// How far a replica should lag behind.
    #[serde(default = "max_lag")]
    pub max_lag: Ceiling<Seconds>,
}

fn yes() -> bool {
    true
}

fn timeout() -> Seconds {
    Seconds(2.0)
}

fn max_time() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(0.1)),
        fail: None,
    }
}

fn max_memory() -> Ceiling<Ratio> {
    Ceiling {
        warn: Some(Ratio(0.9)),
        fail: Some(Ratio(0.98)),
    }
}

fn max_lag() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(10.0)),
        fail: Some(Seconds(60.0)),
    }
}

impl Target {
    /// Whether it says who logs in, and not with what.
    pub(crate) fn is_half_a_login(&self) -> bool {
        self.user.is_some() && self.password.is_none()
    }
}

impl Named for Target {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}
