//! What is thought of a server.

use probity_sdk::{Result, Status, show};
use targets::{Judged, count, held, moment, trouble};

use crate::{Heard, Info, Role, Target};

/// Whether it answers and how fast.
pub fn ping(target: &Target, heard: &Result<Heard>) -> Judged {
    let address = &target.address;
    let heard = match heard {
        Ok(heard) => heard,
        Err(failure) => return (Status::Fail, trouble(address, failure)),
    };
    if let Some(trouble) = &heard.trouble {
        return (
            Status::Fail,
            format!("{address} is there and does not serve: {trouble}"),
        );
    }
    let (name, version) = match &heard.info {
        Some(Ok(info)) => info.software(),
        Some(Err(error)) => {
            return (
                Status::Warn,
                format!(
                    "{address} answers in {}, but not with its report: {error}",
                    moment(heard.ping)
                ),
            );
        }
        None => ("", ""),
    };
    let space = if name.is_empty() { "" } else { " " };
    let message = format!(
        "{address}{space}{name}{space}{version} answers in {}",
        moment(heard.ping)
    );
    held(&target.max_time, heard.ping, message, moment)
}

/// How much of the memory that it may use it uses; nothing when it may use any.
pub fn memory(target: &Target, info: &Info) -> Option<Judged> {
    let (used, most) = (
        info.number("used_memory")?,
        info.number("maxmemory").filter(|most| *most > 0.0)?,
    );
    let policy = info.text("maxmemory_policy").unwrap_or("noeviction");
    let share = used / most;
    let message = format!(
        "{} of {} used, {policy}",
        show::bytes(used),
        show::bytes(most)
    );
    // A cache that makes room by itself is full when all is well.
    if policy.starts_with("allkeys") {
        return Some((Status::Pass, message));
    }
    let message = format!("{message}, {}", show::percent(share));
    Some(held(&target.max_memory, share, message, show::percent))
}

/// Whether a replica is in touch with its primary, and a primary's replicas with it; nothing for a server by itself.
pub fn replication(target: &Target, info: &Info) -> Option<Judged> {
    match info.role()? {
        Role::Replica => Some(follows(target, info)),
        Role::Primary => is_followed(target, info),
    }
}

fn follows(target: &Target, info: &Info) -> Judged {
    let primary = format!(
        "{}:{}",
        info.text("master_host").unwrap_or("?"),
        info.text("master_port").unwrap_or("?")
    );
    if info.text("master_link_status") != Some("up") {
        let down = info
            .number("master_link_down_since_seconds")
            .filter(|seconds| *seconds >= 0.0);
        let since = down
            .map(|seconds| format!(" for {}", show::seconds(seconds)))
            .unwrap_or_default();
        return (
            Status::Fail,
            format!("the link to its primary {primary} is down{since}"),
        );
    }
    let silent = info.number("master_last_io_seconds_ago").unwrap_or(0.0);
    let message = format!(
        "its primary {primary} was last heard of {} ago",
        show::seconds(silent)
    );
    held(&target.max_lag, silent, message, show::seconds)
}

fn is_followed(target: &Target, info: &Info) -> Option<Judged> {
    let replicas = info.replicas();
    let last = replicas
        .iter()
        .max_by(|one, other| one.lag.unwrap_or(0.0).total_cmp(&other.lag.unwrap_or(0.0)))?;
    let longest = last.lag.unwrap_or(0.0);
    let message = format!(
        "{}, {} was last heard of {} ago",
        count(replicas.len(), "replica"),
        last.address,
        show::seconds(longest)
    );
    Some(held(&target.max_lag, longest, message, show::seconds))
}

/// Whether what it last wrote to the disk was written; nothing when its report does not say.
pub fn persistence(info: &Info) -> Option<Judged> {
    let failed = [
        (
            "rdb_last_bgsave_status",
            "its last snapshot was not written",
        ),
        (
            "aof_last_write_status",
            "its log of changes cannot be written",
        ),
        (
            "aof_last_bgrewrite_status",
            "its log of changes was not rewritten",
        ),
    ];
    let mut said = failed
        .iter()
        .filter_map(|(field, words)| info.is_ok(field).map(|is_ok| (is_ok, *words)))
        .peekable();
    said.peek()?;
    let troubles: Vec<&str> = said
        .filter(|(is_ok, _)| !is_ok)
        .map(|(_, words)| words)
        .collect();
    Some(match troubles.is_empty() {
        true => (
            Status::Pass,
            "what was to be written to the disk is".to_owned(),
        ),
        false => (Status::Fail, troubles.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use probity_sdk::{Failure, config};

    use super::*;
    use crate::Settings;

    fn target() -> Target {
        let json = r#"{"targets":[{"name":"r","address":"127.0.0.1:6379"}]}"#;
        config::parse::<Settings>(json)
            .expect("it is right")
            .targets
            .0
            .remove(0)
    }

    fn heard(ping: f64, report: &str) -> Result<Heard> {
        Ok(Heard {
            ping,
            trouble: None,
            info: Some(Ok(Info::parse(report))),
        })
    }

    #[test]
    fn a_ping_has_a_time() {
        let report = "redis_version:7.0.15";
        for (ping_seconds, status, told) in [
            (
                0.000_4,
                Status::Pass,
                "127.0.0.1:6379 redis 7.0.15 answers in 0.4 ms",
            ),
            (
                0.2,
                Status::Warn,
                "127.0.0.1:6379 redis 7.0.15 answers in 200 ms: warns from 100 ms",
            ),
        ] {
            assert_eq!(
                ping(&target(), &heard(ping_seconds, report)),
                (status, told.to_owned())
            );
        }
        let failure = Err(Failure::unavailable("the connection was refused"));
        assert_eq!(
            ping(&target(), &failure),
            (
                Status::Fail,
                "127.0.0.1:6379: the connection was refused".into()
            )
        );
    }

    #[test]
    fn memory_counts_where_nothing_makes_room() {
        let mib = 1024.0 * 1024.0;
        let report = |used: f64, policy: &str| {
            Info::parse(&format!(
                "used_memory:{}\nmaxmemory:{}\nmaxmemory_policy:{policy}",
                used * mib,
                100.0 * mib
            ))
        };
        for (used, policy, status, told) in [
            (
                50.0,
                "noeviction",
                Status::Pass,
                "50 MiB of 100 MiB used, noeviction, 50 %",
            ),
            (
                92.0,
                "noeviction",
                Status::Warn,
                "92 MiB of 100 MiB used, noeviction, 92 %: warns from 90 %",
            ),
            (
                99.0,
                "volatile-lru",
                Status::Fail,
                "99 MiB of 100 MiB used, volatile-lru, 99 %: fails from 98 %",
            ),
            (
                100.0,
                "allkeys-lru",
                Status::Pass,
                "100 MiB of 100 MiB used, allkeys-lru",
            ),
        ] {
            assert_eq!(
                memory(&target(), &report(used, policy)),
                Some((status, told.to_owned()))
            );
        }
        assert_eq!(
            memory(&target(), &Info::parse("used_memory:5\nmaxmemory:0")),
            None
        );
    }

    #[test]
    fn replicas_and_primaries_are_in_touch() {
        let replica = "role:slave\nmaster_host:10.0.0.1\nmaster_port:6379\n";
        for (report, status, told) in [
            (
                format!("{replica}master_link_status:up\nmaster_last_io_seconds_ago:2"),
                Status::Pass,
                "its primary 10.0.0.1:6379 was last heard of 2 s ago",
            ),
            (
                format!("{replica}master_link_status:down\nmaster_link_down_since_seconds:90"),
                Status::Fail,
                "the link to its primary 10.0.0.1:6379 is down for 1 min 30 s",
            ),
            (
                format!("{replica}master_link_status:up\nmaster_last_io_seconds_ago:70"),
                Status::Fail,
                "its primary 10.0.0.1:6379 was last heard of 1 min 10 s ago: fails from 1 min",
            ),
            (
                "role:master\nslave0:ip=a,port=1,lag=1\nslave1:ip=b,port=2,lag=12".to_owned(),
                Status::Warn,
                "2 replicas, b:2 was last heard of 12 s ago: warns from 10 s",
            ),
        ] {
            assert_eq!(
                replication(&target(), &Info::parse(&report)),
                Some((status, told.to_owned()))
            );
        }
        assert_eq!(replication(&target(), &Info::parse("role:master")), None);
    }

    #[test]
    fn what_was_not_written_fails() {
        let judged = |report: &str| persistence(&Info::parse(report));
        assert_eq!(judged("role:master"), None);
        assert_eq!(
            judged("rdb_last_bgsave_status:ok\naof_last_write_status:ok").map(|(status, _)| status),
            Some(Status::Pass)
        );
        let told = "its last snapshot was not written, its log of changes cannot be written";
        assert_eq!(
            judged("rdb_last_bgsave_status:err\naof_last_write_status:err"),
            Some((Status::Fail, told.into()))
        );
    }
}
