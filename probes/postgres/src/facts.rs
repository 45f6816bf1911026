//! What is asked of a server's statistics. Everything is asked in one transaction that only reads, and nothing of the configuration stands in
//! a statement. Works from PostgreSQL 10 on.

use probity_sdk::{Failure, Result};
use targets::{Stream, Talk, number, short};

use crate::rows::{self, Rows};

/// Replicas that are told apart.
const MOST_REPLICAS: usize = 8;
/// States of connections that are told apart: there are six, and the hidden ones.
const MOST_STATES: usize = 8;

/// What a server is among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another one.
    Standby,
}

/// What a server's statistics say. Times are in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Its version, such as `15.8`.
    pub version: String,
    /// What it is.
    pub role: Role,
    /// How long it has been up.
    pub uptime: Option<f64>,
    /// Connections that clients may have, those reserved for superusers left out.
    pub most_connections: f64,
    /// Connections by state; `hidden` are those whose state this user may not see.
    pub connections: Vec<(String, f64)>,
    /// Of them, those that wait for a lock.
    pub waiting: f64,
    /// How long the oldest transaction has been open.
    pub longest_transaction: Option<f64>,
    /// Name and numbers of each database, as in [`DATABASE_COLUMNS`].
    pub databases: Vec<(String, Vec<Option<f64>>)>,
    /// The size of the one that we are connected to.
    pub size: Option<f64>,
    /// Those that follow it.
    pub replicas: Vec<Replica>,
    /// A standby's lag, and whether it is receiving changes.
    pub standby: Option<(Option<f64>, bool)>,
}

/// A replica, as the server that it follows sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    /// The name that it goes by.
    pub name: String,
    /// How long ago what it has replayed was written; nothing while nothing is written.
    pub lag: Option<f64>,
    /// What it has not replayed yet.
    pub behind: Option<f64>,
}

/// A statistic of each database, and the metric that it becomes.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in `pg_stat_database`.
    pub column: &'static str,
    /// The metric.
    pub metric: &'static str,
    /// One line for people.
    pub help: &'static str,
}

const fn column(column: &'static str, metric: &'static str, help: &'static str) -> Column {
    Column {
        column,
        metric,
        help,
    }
}

/// What is told of each database.
pub const DATABASE_COLUMNS: [Column; 13] = [
    column(
        "xact_commit",
        "postgres_database_commits_total",
        "Transactions committed",
    ),
    column(
        "xact_rollback",
        "postgres_database_rollbacks_total",
        "Transactions rolled back",
    ),
    column(
        "blks_read",
        "postgres_database_blocks_read_total",
        "Blocks read from the disk or the system's cache",
    ),
    column(
        "blks_hit",
        "postgres_database_blocks_hit_total",
        "Blocks found in its own cache",
    ),
    column(
        "tup_returned",
        "postgres_database_rows_returned_total",
        "Rows that scans went over",
    ),
    column(
        "tup_fetched",
        "postgres_database_rows_fetched_total",
        "Rows that index scans fetched",
    ),
    column(
        "tup_inserted",
        "postgres_database_rows_inserted_total",
        "Rows inserted",
    ),
    column(
        "tup_updated",
        "postgres_database_rows_updated_total",
        "Rows updated",
    ),
    column(
        "tup_deleted",
        "postgres_database_rows_deleted_total",
        "Rows deleted",
    ),
    column(
        "conflicts",
        "postgres_database_conflicts_total",
        "Queries cancelled on a standby because of changes from its primary",
    ),
    column(
        "temp_files",
        "postgres_database_temporary_files_total",
        "Files written for queries that did not fit into memory",
    ),
    column(
        "temp_bytes",
        "postgres_database_temporary_bytes_total",
        "Their size",
    ),
    column(
        "deadlocks",
        "postgres_database_deadlocks_total",
        "Deadlocks",
    ),
];

const SERVER: &str = "SELECT current_setting('server_version'), pg_is_in_recovery()::int, \
    extract(epoch FROM now() - pg_postmaster_start_time()), \
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int";

/// The types of backends are hidden from whoever is no member of pg_monitor, as states are; the databases they are in are not.
const ACTIVITY: &str = "SELECT coalesce(state, 'hidden'), count(*), count(*) FILTER (WHERE wait_event_type = 'Lock'), \
    extract(epoch FROM clock_timestamp() - min(xact_start) FILTER (WHERE pid <> pg_backend_pid())) \
    FROM pg_stat_activity WHERE backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL GROUP BY 1";

const REPLICAS: &str = "SELECT application_name, extract(epoch FROM replay_lag), pg_wal_lsn_diff(\
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, replay_lsn) \
    FROM pg_stat_replication ORDER BY 1 LIMIT 100";

/// In step with a primary from which it hears, a standby lags by nothing, however long ago the last change was.
const STANDBY: &str = "SELECT CASE WHEN receives AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
    ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END, receives::int \
    FROM (SELECT EXISTS (SELECT 1 FROM pg_stat_wal_receiver) AS receives) AS receiver";

/// The server may look at many files for it, so it comes last: what fails here costs nothing else.
const SIZE: &str = "SELECT pg_database_size(current_database())";

impl Facts {
    /// Asks for everything. `milliseconds`: how long a query may take; `shows`: whether a database is told of; `size`: whether the size
    /// of the one that we are connected to is asked for.
    ///
    /// # Errors
    /// When the connection breaks off, or the server refuses a query.
    pub fn ask<S: Stream>(
        talk: &mut Talk<S>,
        milliseconds: u128,
        shows: impl Fn(&str) -> bool,
        size: bool,
    ) -> Result<Self> {
        // A timeout of 0 would be none.
        let limit = milliseconds.clamp(1, 600_000);
        wanted(
            talk,
            &format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {limit}"),
        )?;
        let server = wanted(talk, SERVER)?;
        let mut facts = Self::of_server(&server)
            .ok_or_else(|| Failure::unavailable("it does not say what it is"))?;
        facts.add_activity(&wanted(talk, ACTIVITY)?);
        facts.add_databases(&wanted(talk, &databases())?, shows);
        facts.add_replicas(&wanted(talk, REPLICAS)?);
        if facts.role == Role::Standby {
            let standby = wanted(talk, STANDBY)?;
            facts.standby = standby.first().map(|row| {
                (
                    value(row, 0).map(|lag| lag.max(0.0)),
                    value(row, 1) == Some(1.0),
                )
            });
        }
        if size {
            let answer = rows::ask(talk, SIZE)?;
            facts.size = answer.ok().and_then(|rows| value(rows.first()?, 0));
        }
        Ok(facts)
    }

    fn of_server(rows: &Rows) -> Option<Self> {
        let row = rows.first()?;
        Some(Self {
            version: short(word(row, 0)?.split(' ').next()?).to_owned(),
            role: match value(row, 1)? {
                0.0 => Role::Primary,
                _ => Role::Standby,
            },
            uptime: value(row, 2),
            most_connections: value(row, 3)?,
            connections: Vec::new(),
            waiting: 0.0,
            longest_transaction: None,
            databases: Vec::new(),
            size: None,
            replicas: Vec::new(),
            standby: None,
        })
    }

    fn add_activity(&mut self, rows: &Rows) {
        for row in rows {
            if let (Some(state), Some(count)) = (word(row, 0), value(row, 1)) {
                add(&mut self.connections, short(state), count);
            }
            self.waiting += value(row, 2).unwrap_or(0.0);
            let open = value(row, 3).map(|age| age.max(0.0));
            self.longest_transaction = match (self.longest_transaction, open) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (one, other) => one.or(other),
            };
        }
        self.connections.truncate(MOST_STATES);
    }

    fn add_databases(&mut self, rows: &Rows, shows: impl Fn(&str) -> bool) {
        for row in rows {
            let is_new = |name: &&str| self.databases.iter().all(|(known, _)| known != name);
            if let Some(name) = word(row, 0).filter(|name| shows(name)).filter(is_new) {
                let numbers = (1..=DATABASE_COLUMNS.len()).map(|place| value(row, place));
                self.databases.push((name.to_owned(), numbers.collect()));
            }
        }
    }

    /// Several replicas may go by one name: the one that is behind most counts.
    fn add_replicas(&mut self, rows: &Rows) {
        for row in rows {
            let replica = Replica {
                name: short(word(row, 0).unwrap_or("hidden")).to_owned(),
                lag: value(row, 1).map(|lag| lag.max(0.0)),
                behind: value(row, 2).map(|bytes| bytes.max(0.0)),
            };
            match self
                .replicas
                .iter_mut()
                .find(|other| other.name == replica.name)
            {
                Some(other) if other.behind < replica.behind => *other = replica,
                Some(_) => {}
                None => self.replicas.push(replica),
            }
        }
        self.replicas.truncate(MOST_REPLICAS);
    }

    /// All connections of clients.
    pub fn connected(&self) -> f64 {
        self.connections.iter().map(|(_, count)| count).sum()
    }

    /// Connections whose state this user may not see.
    pub fn hidden(&self) -> f64 {
        self.connections
            .iter()
            .find(|(state, _)| state == "hidden")
            .map_or(0.0, |(_, count)| *count)
    }
}

/// Adds to the count of a word.
fn add(counts: &mut Vec<(String, f64)>, word: &str, count: f64) {
    match counts.iter_mut().find(|(known, _)| known == word) {
        Some((_, sum)) => *sum += count,
        None => counts.push((word.to_owned(), count)),
    }
}

fn databases() -> String {
    let columns = DATABASE_COLUMNS
        .iter()
        .map(|column| format!(", {}", column.column));
    format!(
        "SELECT datname{} FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY 1 LIMIT 1000",
        columns.collect::<String>()
    )
}

/// A query that has to be answered.
fn wanted<S: Stream>(talk: &mut Talk<S>, query: &str) -> Result<Rows> {
    rows::ask(talk, query)?
        .map_err(|problem| Failure::unavailable(format!("it refuses a query: {problem}")))
}

fn word(row: &[Option<String>], place: usize) -> Option<&str> {
    row.get(place)?.as_deref()
}

fn value(row: &[Option<String>], place: usize) -> Option<f64> {
    number(word(row, place)?)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
