//! What becomes of what servers tell.

use probity_sdk::{Counter, Info as Facts, Result, run};
use targets::{Gauges, flag};

use crate::table::{COUNTERS, DATABASES, GAUGES, OWN, REPLICAS, Row};
use crate::{Heard, Info, Role};

/// The probe's metrics.
pub(crate) struct Metrics {
    own: Gauges<1>,
    gauges: Gauges<1>,
    counters: Vec<(Row, Counter<1>)>,
    facts: Facts<4>,
    databases: Gauges<2>,
    replicas: Gauges<2>,
}

impl Metrics {
    pub(crate) fn define() -> Result<Self> {
        let table = GAUGES.map(|row| (row.metric, row.help));
        let mut counters = Vec::new();
        for row in COUNTERS {
            counters.push((row, Counter::define(row.metric, row.help, ["target"])?));
        }
        let facts = ["target", "software", "version", "role"];
        Ok(Self {
            own: Gauges::define(&OWN, ["target"])?,
            gauges: Gauges::define(&table, ["target"])?,
            counters,
            facts: Facts::define("redis_server_info", "What it is", facts)?,
            databases: Gauges::define(&DATABASES, ["target", "db"])?,
            replicas: Gauges::define(&REPLICAS, ["target", "replica"])?,
        })
    }

    pub(crate) fn set(&self, target: &str, heard: &Result<Heard>) -> Result<()> {
        let is_up = heard.as_ref().is_ok_and(|heard| heard.trouble.is_none());
        let ping = heard.as_ref().ok().map(|heard| heard.ping);
        let info = heard.as_ref().ok().and_then(Heard::report);
        let mut own = [Some(flag(is_up)), ping, None, None, None, None, None];
        if let Some(info) = info {
            own[2..].copy_from_slice(&derived(info));
        }
        self.own.set([target], &own)?;
        info.map_or(Ok(()), |info| self.tell(target, info))
    }

    fn tell(&self, target: &str, info: &Info) -> Result<()> {
        let values = GAUGES.map(|row| info.number(row.field));
        self.gauges.set([target], &values)?;
        for (row, counter) in &self.counters {
            if let Some(total) = info.number(row.field).filter(|total| *total >= 0.0) {
                counter.mirror([target], total)?;
            }
        }
        let (software, version) = info.software();
        let role = match info.role() {
            Some(Role::Primary) => "primary",
            Some(Role::Replica) => "replica",
            None => "other",
        };
        self.facts.set([target, software, version, role])?;
        for (db, keys, expiring) in info.databases() {
            let values = [Some(keys), Some(expiring)];
            self.databases.set([target, db], &values)?;
        }
        let come = info.number("master_repl_offset");
        for replica in info.replicas() {
            let behind = come.zip(replica.offset);
            let behind = behind.map(|(come, offset)| (come - offset).max(0.0));
            let labels = [target, replica.address.as_str()];
            self.replicas.set(labels, &[replica.lag, behind])?;
        }
        Ok(())
    }
}

/// What a report says in other words, in the order of the table behind the ping.
fn derived(info: &Info) -> [Option<f64>; 5] {
    let saved = info.number("rdb_last_save_time").filter(|at| *at > 0.0);
    let is_replica = info.role() == Some(Role::Replica);
    let link = flag(info.text("master_link_status") == Some("up"));
    let silent = info.number("master_last_io_seconds_ago");
    [
        saved.map(|at| (run::now() - at).max(0.0)),
        info.is_ok("rdb_last_bgsave_status").map(flag),
        info.is_ok("aof_last_write_status").map(flag),
        is_replica.then_some(link),
        silent.filter(|seconds| is_replica && *seconds >= 0.0),
    ]
}
