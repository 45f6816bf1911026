//! Redis, Valkey and KeyDB: whether they answer, and what they tell of themselves.
//!
//! `resp` is the protocol (RESP2), `session` what is said to a server, `info` its report read, `table` which numbers of that become which
//! metrics, `judge` what is thought of it.

mod info;
mod judge;
mod metrics;
mod probe;
mod resp;
mod session;
mod settings;
mod table;

pub use info::{Info, Replica, Role};
pub use judge::{memory, persistence, ping, replication};
pub use probe::Redis;
pub use resp::{Reply, command, reply};
pub use session::{Heard, talk};
pub use settings::{Settings, Target};
pub use table::{COUNTERS, GAUGES, Row};

probity_sdk::probe!(Redis);
