//! The probe as the host sees it.

use probity_sdk::net::Deadline;
use probity_sdk::{prelude::*, secrets};
use targets::{Judged, Talk, visit};

use crate::metrics::Metrics;
use crate::{Heard, Settings, Target, judge, session};

/// The most that a server may send: its report, and what it says before.
const BYTES: usize = 600 * 1024;

/// What is answered when there is nothing to look at.
const DORMANT: &str = "no server to look at: add `config = { targets = [{ name = \"main\", address = \"127.0.0.1:6379\" }] }` and \
    `grant = { tcp = [\"127.0.0.1:6379\"] }` to this probe's section";

/// The probe.
pub struct Redis {
    servers: Vec<Server>,
    metrics: Metrics,
}

/// A server with its checks.
struct Server {
    target: Target,
    ping: Check,
    memory: Check,
    replication: Check,
    persistence: Check,
}

impl Probe for Redis {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if settings.targets.0.is_empty() {
            return Err(Failure::not_applicable(DORMANT));
        }
        if let Some(place) = settings.targets.0.iter().position(Target::is_half_a_login) {
            return Err(Failure::bad_config(format!(
                "`targets[{place}]` must have a `password` with its `user`, or neither"
            )));
        }
        Ok(Self {
            servers: settings
                .targets
                .0
                .into_iter()
                .map(Server::new)
                .collect::<Result<_>>()?,
            metrics: Metrics::define()?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let Self { servers, metrics } = self;
        let count = servers.len();
        visit(
            servers,
            |server| server.target.timeout,
            |server, deadline| ask(&server.target, count, deadline),
            |server, heard| {
                server.report(&heard);
                metrics.set(server.target.name.as_str(), &heard)
            },
        )
    }
}

fn ask(target: &Target, targets: usize, deadline: &Deadline) -> Result<Heard> {
    let password = target
        .password
        .as_deref()
        .map(secrets::reveal)
        .transpose()?;
    let login = password
        .as_deref()
        .map(|password| (target.user.as_deref(), password));
    let mut talk = Talk::connect(&target.address, targets, BYTES, deadline)?;
    session::talk(&mut talk, login, target.info)
}

impl Server {
    fn new(target: Target) -> Result<Self> {
        let check = |what: &str, title: &str| {
            let id = format!("{}{what}", target.name.as_str());
            Check::define(&id, &format!("{title} {}", target.address))
        };
        Ok(Self {
            ping: check("", "Redis at")?,
            memory: check(".memory", "Memory of Redis at")?,
            replication: check(".replication", "Replication of Redis at")?,
            persistence: check(".persistence", "Persistence of Redis at")?,
            target,
        })
    }

    /// Reports what can be judged; what a server does not tell is no check.
    fn report(&self, heard: &Result<Heard>) {
        let tell = |check: &Check, (status, message): Judged| check.report(status, &message);
        tell(&self.ping, judge::ping(&self.target, heard));
        if let Some(info) = heard.as_ref().ok().and_then(Heard::report) {
            let verdicts = [
                (&self.memory, judge::memory(&self.target, info)),
                (&self.replication, judge::replication(&self.target, info)),
                (&self.persistence, judge::persistence(info)),
            ];
            for (check, verdict) in verdicts {
                if let Some(judged) = verdict {
                    tell(check, judged);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    use probity_sdk::testing::{Host, Report};

    use super::*;

    const REPORT: &str = "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:100\r\nused_memory:950\r\nmaxmemory:1000\r\n\
        maxmemory_policy:noeviction\r\nrole:slave\r\nmaster_host:m\r\nmaster_port:1\r\nmaster_link_status:down\r\nrdb_last_bgsave_status:err\r\n\
        rdb_last_save_time:1767225000\r\ntotal_commands_processed:77\r\nused_cpu_user:1.5\r\ndb0:keys=5,expires=2,avg_ttl=0\r\n";

    /// A server that wants this password, if any, before it pongs and reports.
    fn server(password: Option<&'static str>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it has one").to_string();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut is_in = password.is_none();
                let mut bytes = [0; 512];
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                    is_in |= password.is_some_and(|password| text.contains(password));
                    let reply = match (text.contains("AUTH"), text.contains("PING"), is_in) {
                        (true, _, true) => "+OK\r\n".to_owned(),
                        (true, _, false) => {
                            "-WRONGPASS invalid username-password pair\r\n".to_owned()
                        }
                        (_, _, false) => "-NOAUTH Authentication required.\r\n".to_owned(),
                        (_, true, _) => "+PONG\r\n".to_owned(),
                        _ => format!("${}\r\n{REPORT}\r\n", REPORT.len()),
                    };
                    stream.write_all(reply.as_bytes()).expect("it listens");
                }
            }
        });
        address
    }

    fn run(host: Host, targets: &str) -> Result<Report> {
        // All that it names is granted.
        let addresses = targets
            .split('"')
            .filter(|word| word.parse::<SocketAddr>().is_ok());
        let host = addresses.fold(host.time_left(600.0), |host, address| {
            host.grant_tcp(address)
        });
        let mut host = host.config(&format!(r#"{{"targets":[{targets}]}}"#));
        let mut probe = host.start::<Redis>()?;
        host.collect(&mut probe)
    }

    #[test]
    fn its_report_becomes_metrics_and_checks() {
        let report = run(
            Host::new(),
            &format!(
                r#"{{"name":"r","address":"{}","timeout":"60s","max_time":{{"warn":"60s"}}}}"#,
                server(None)
            ),
        )
        .expect("it runs");
        for (metric, value) in [
            ("redis_up", 1.0),
            ("redis_uptime_seconds", 100.0),
            ("redis_commands_processed_total", 77.0),
            ("redis_cpu_user_seconds_total", 1.5),
            ("redis_last_save_age_seconds", 600.0),
            ("redis_last_save_ok", 0.0),
            ("redis_primary_link_up", 0.0),
        ] {
            assert_eq!(report.value(metric, ["r"]), Some(value), "{metric}");
        }
        assert_eq!(report.value("redis_keys", ["r", "0"]), Some(5.0));
        assert_eq!(
            report.value("redis_server_info", ["r", "redis", "7.0.15", "replica"]),
            Some(1.0)
        );
        for (check, status) in [
            ("r", Status::Pass),
            ("r.memory", Status::Warn),
            ("r.replication", Status::Fail),
            ("r.persistence", Status::Fail),
        ] {
            assert_eq!(
                report.check(check).map(|(status, _)| status),
                Some(status),
                "{check}"
            );
        }
    }

    #[test]
    fn passwords_are_secrets() {
        let address = server(Some("hunter2"));
        let with =
            |more: &str| format!(r#"{{"name":"r","address":"{address}","timeout":"60s"{more}}}"#);
        let good = run(
            Host::new().secret("redis", "hunter2"),
            &with(r#","password":"redis","user":"u""#),
        )
        .expect("it runs");
        assert_eq!(good.value("redis_up", ["r"]), Some(1.0));
        let wrong = run(
            Host::new().secret("redis", "guess"),
            &with(r#","password":"redis""#),
        )
        .expect("it runs");
        let (status, message) = wrong.check("r").expect("it is reported");
        assert!(
            status == Status::Fail && message.contains("WRONGPASS"),
            "{message}"
        );
        let none = run(Host::new(), &with("")).expect("it runs");
        let (_, message) = none.check("r").expect("it is reported");
        assert!(
            message.ends_with("(`password` names the secret)"),
            "{message}"
        );
        let failure =
            run(Host::new(), &with(r#","password":"redis""#)).expect_err("it is not granted");
        assert!(failure.is_denied());
    }

    #[test]
    fn a_user_has_a_password() {
        let target = r#"{"name":"r","address":"b:1","user":"u"}"#;
        let failure = run(Host::new(), target).expect_err("it would not be used");
        let told = "bad-config: `targets[0]` must have a `password` with its `user`, or neither";
        assert_eq!(failure.to_string(), told);
    }

    #[test]
    fn without_targets_it_lies_dormant() {
        assert_eq!(
            run(Host::new(), "").expect_err("there are none").code(),
            "not-applicable"
        );
    }
}
