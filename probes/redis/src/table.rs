//! Which numbers of a report become which metrics.

/// A field of the report, the metric that it becomes, and what that is.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The field.
    pub field: &'static str,
    /// The metric.
    pub metric: &'static str,
    /// One line for people.
    pub help: &'static str,
}

const fn row(field: &'static str, metric: &'static str, help: &'static str) -> Row {
    Row {
        field,
        metric,
        help,
    }
}

/// Numbers that go up and down.
pub const GAUGES: [Row; 13] = [
    row(
        "uptime_in_seconds",
        "redis_uptime_seconds",
        "Time since the server was started",
    ),
    row(
        "connected_clients",
        "redis_connected_clients",
        "Connections of clients",
    ),
    row(
        "blocked_clients",
        "redis_blocked_clients",
        "Clients that wait in a blocking command",
    ),
    row(
        "maxclients",
        "redis_max_clients",
        "Connections that it takes at most",
    ),
    row(
        "used_memory",
        "redis_memory_used_bytes",
        "Memory that its allocator has given out",
    ),
    row(
        "used_memory_rss",
        "redis_memory_resident_bytes",
        "Memory that it has from the system",
    ),
    row(
        "used_memory_peak",
        "redis_memory_peak_bytes",
        "The most memory that it has used",
    ),
    row(
        "maxmemory",
        "redis_memory_max_bytes",
        "Memory that it may use, 0 without a limit",
    ),
    row(
        "mem_fragmentation_ratio",
        "redis_memory_fragmentation_ratio",
        "Memory from the system over memory given out",
    ),
    row(
        "rdb_changes_since_last_save",
        "redis_changes_since_save",
        "Changes since it last wrote its data to the disk",
    ),
    row(
        "loading",
        "redis_loading",
        "1 while it loads its data from the disk",
    ),
    row(
        "connected_slaves",
        "redis_connected_replicas",
        "Replicas that follow it",
    ),
    row(
        "master_repl_offset",
        "redis_replication_offset_bytes",
        "How far it has come in the stream of changes",
    ),
];

/// Totals that the server counts.
pub const COUNTERS: [Row; 12] = [
    row(
        "total_connections_received",
        "redis_connections_received_total",
        "Connections accepted",
    ),
    row(
        "rejected_connections",
        "redis_connections_rejected_total",
        "Connections refused because there were too many",
    ),
    row(
        "total_commands_processed",
        "redis_commands_processed_total",
        "Commands run",
    ),
    row(
        "total_error_replies",
        "redis_error_replies_total",
        "Errors replied",
    ),
    row(
        "keyspace_hits",
        "redis_keyspace_hits_total",
        "Keys that were looked for and found",
    ),
    row(
        "keyspace_misses",
        "redis_keyspace_misses_total",
        "Keys that were looked for and not found",
    ),
    row(
        "expired_keys",
        "redis_keys_expired_total",
        "Keys removed because their time was up",
    ),
    row(
        "evicted_keys",
        "redis_keys_evicted_total",
        "Keys removed to make room",
    ),
    row(
        "total_net_input_bytes",
        "redis_net_input_bytes_total",
        "Bytes received",
    ),
    row(
        "total_net_output_bytes",
        "redis_net_output_bytes_total",
        "Bytes sent",
    ),
    row(
        "used_cpu_user",
        "redis_cpu_user_seconds_total",
        "Processor time in its own code",
    ),
    row(
        "used_cpu_sys",
        "redis_cpu_system_seconds_total",
        "Processor time in the system's",
    ),
];

/// What is told of each server besides, and where its report is read for that.
pub const OWN: [(&str, &str); 7] = [
    ("redis_up", "1 when it answers a ping"),
    ("redis_ping_seconds", "Time that a ping took"),
    (
        "redis_last_save_age_seconds",
        "Time since it last wrote its data to the disk",
    ),
    ("redis_last_save_ok", "1 when that went well"),
    (
        "redis_aof_last_write_ok",
        "1 when its log of changes could be written",
    ),
    (
        "redis_primary_link_up",
        "1 when a replica is in touch with its primary",
    ),
    (
        "redis_primary_last_io_seconds",
        "Time since a replica has heard of its primary",
    ),
];

/// What is told of each database.
pub const DATABASES: [(&str, &str); 2] = [
    ("redis_keys", "Keys"),
    ("redis_keys_expiring", "Keys that expire"),
];

/// What is told of each replica.
pub const REPLICAS: [(&str, &str); 2] = [
    (
        "redis_replica_lag_seconds",
        "Time since a replica was heard of",
    ),
    (
        "redis_replica_behind_bytes",
        "Changes that a replica has not got yet",
    ),
];
