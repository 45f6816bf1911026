//! What becomes of what a server tells.

use probity_sdk::{Counter, Gauge, Info, Result, StateSet};
use targets::{Gauges, flag};

use crate::facts::{Column, DATABASE_COLUMNS};
use crate::probe::{Seen, Told};
use crate::{Facts, Role, State, Target};

/// What is told of each server.
const OWN: [(&str, &str); 8] = [
    (
        "postgres_up",
        "1 when it accepts connections, with a user: when it lets us in",
    ),
    (
        "postgres_connect_seconds",
        "Time until it let us in, or said that it would not",
    ),
    (
        "postgres_uptime_seconds",
        "Time since the server was started",
    ),
    (
        "postgres_max_connections",
        "Connections that clients may have, those for superusers left out",
    ),
    (
        "postgres_connections_waiting",
        "Connections that wait for a lock",
    ),
    (
        "postgres_longest_transaction_seconds",
        "Age of the oldest transaction, 0 when none is open",
    ),
    (
        "postgres_standby_lag_seconds",
        "Age of what a standby has replayed last, 0 when it is in step",
    ),
    (
        "postgres_standby_receiving",
        "1 when a standby hears of its primary",
    ),
];

/// What is told of each replica.
const REPLICAS: [(&str, &str); 2] = [
    (
        "postgres_replica_lag_seconds",
        "Age of what a replica has replayed last, 0 when it is in step",
    ),
    (
        "postgres_replica_behind_bytes",
        "What a replica has not replayed yet",
    ),
];

/// The probe's metrics.
pub(crate) struct Metrics {
    own: Gauges<1>,
    state: StateSet<1>,
    info: Info<3>,
    connections: Gauge<2>,
    databases: Vec<(Column, Counter<2>)>,
    size: Gauge<2>,
    replicas: Gauges<2>,
}

impl Metrics {
    pub(crate) fn define() -> Result<Self> {
        let mut databases = Vec::new();
        for column in DATABASE_COLUMNS {
            let counter = Counter::define(column.metric, column.help, ["target", "database"])?;
            databases.push((column, counter));
        }
        let state = StateSet::define(
            "postgres_state",
            "How the server is",
            ["target"],
            &State::WORDS,
        );
        let size = "Size of the database that is connected to";
        Ok(Self {
            own: Gauges::define(&OWN, ["target"])?,
            state: state?,
            info: Info::define(
                "postgres_server_info",
                "What it is",
                ["target", "version", "role"],
            )?,
            connections: Gauge::define(
                "postgres_connections",
                "Connections of clients",
                ["target", "state"],
            )?,
            databases,
            size: Gauge::define("postgres_database_size_bytes", size, ["target", "database"])?,
            replicas: Gauges::define(&REPLICAS, ["target", "replica"])?,
        })
    }

    pub(crate) fn set(&self, target: &Target, seen: &Result<Seen>) -> Result<()> {
        let name = target.name.as_str();
        let state = seen.as_ref().map_or(State::Unreachable, |seen| seen.state);
        self.state.set([name], state.word())?;
        let seen = seen.as_ref().ok();
        let facts = seen.and_then(|seen| match &seen.told {
            Told::Facts(facts) => Some(facts),
            _ => None,
        });
        let is_up = if target.user.is_some() {
            facts.is_some()
        } else {
            state.is_ready()
        };
        let standby = facts.and_then(|facts| facts.standby);
        let own = [
            Some(flag(is_up)),
            seen.map(|seen| seen.seconds),
            facts.and_then(|facts| facts.uptime),
            facts.map(|facts| facts.most_connections),
            facts.map(|facts| facts.waiting),
            facts.map(|facts| facts.longest_transaction.unwrap_or(0.0)),
            standby.and_then(|(lag, _)| lag),
            standby.map(|(_, receives)| flag(receives)),
        ];
        self.own.set([name], &own)?;
        facts.map_or(Ok(()), |facts| self.tell(name, &target.database, facts))
    }

    fn tell(&self, target: &str, database: &str, facts: &Facts) -> Result<()> {
        let role = match facts.role {
            Role::Primary => "primary",
            Role::Standby => "standby",
        };
        self.info.set([target, &facts.version, role])?;
        for (state, count) in &facts.connections {
            self.connections.set([target, state], *count)?;
        }
        for (name, numbers) in &facts.databases {
            for ((_, counter), total) in self.databases.iter().zip(numbers) {
                if let Some(total) = total.filter(|total| *total >= 0.0) {
                    counter.mirror([target, name], total)?;
                }
            }
        }
        if let Some(size) = facts.size {
            self.size.set([target, database], size)?;
        }
        for replica in &facts.replicas {
            // While nothing is written there is nothing to lag behind.
            let in_step = (replica.behind == Some(0.0)).then_some(0.0);
            let values = [replica.lag.or(in_step), replica.behind];
            self.replicas.set([target, &replica.name], &values)?;
        }
        Ok(())
    }
}
