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
    /// The database to connect to.
    #[serde(default = "database")]
    pub database: String,
    /// As whom to log in; without it the server is only asked whether it accepts connections.
    pub user: Option<String>,
    /// The name of the secret that is the password.
    pub password: Option<String>,
    /// Whether the password may be sent as it is to a server that asks for that.
    #[serde(default)]
    pub allow_cleartext: bool,
    /// The databases whose statistics are shown; without it the one that is connected to.
    pub databases: Option<Vec<String>>,
    /// Whether the database's size is asked for, for which the server looks at each of its files.
    #[serde(default = "yes")]
    pub size: bool,
    /// How long all of it may take.
    #[serde(default = "timeout", deserialize_with = "targets::some_time")]
    pub timeout: Seconds,
    /// How long it should take until the server lets us in, or says that it would not.
    #[serde(default = "max_time")]
    pub max_time: Ceiling<Seconds>,
    /// How many of the connections that it has should be taken.
    #[serde(default = "max_connections")]
    pub max_connections: Ceiling<Ratio>,
    /// How long a transaction should be open.
    #[serde(default = "max_transaction")]
    pub max_transaction: Ceiling<Seconds>,
    /// How far a standby should lag behind.
    #[serde(default = "max_lag")]
    pub max_lag: Ceiling<Seconds>,
}

fn database() -> String {
    "postgres".to_owned()
}

fn yes() -> bool {
    true
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

fn max_connections() -> Ceiling<Ratio> {
    Ceiling {
        warn: Some(Ratio(0.8)),
        fail: Some(Ratio(0.95)),
    }
}

fn max_transaction() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(600.0)),
        fail: Some(Seconds(7200.0)),
    }
}

fn max_lag() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(30.0)),
        fail: Some(Seconds(300.0)),
    }
}

impl Target {
    /// Whether a database's statistics are shown.
    pub fn shows(&self, database: &str) -> bool {
        match &self.databases {
            Some(names) => names.iter().any(|name| name == database),
            None => self.database == database,
        }
    }
}

impl Named for Target {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::config;

    use super::*;

    #[test]
    fn a_target_needs_a_name_and_an_address() {
        let json = r#"{"targets":[{"name":"main","address":"127.0.0.1:5432"}]}"#;
        let target = &config::parse::<Settings>(json)
            .expect("it is right")
            .targets
            .0[0];
        assert_eq!(
            (
                target.database.as_str(),
                target.size,
                target.allow_cleartext
            ),
            ("postgres", true, false)
        );
        assert!(target.shows("postgres") && !target.shows("shop"));
        let json =
            r#"{"targets":[{"name":"main","address":"127.0.0.1:5432","databases":["shop"]}]}"#;
        let target = &config::parse::<Settings>(json)
            .expect("it is right")
            .targets
            .0[0];
        assert!(target.shows("shop") && !target.shows("postgres"));
    }
}
