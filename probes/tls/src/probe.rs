//! What the host calls.

use std::time::Duration;

use probity_sdk::clock;
use probity_sdk::net::Deadline;
use probity_sdk::prelude::*;

use crate::judge::{Chain, judge};
use crate::look;
use crate::metrics::Metrics;
use crate::settings::{File, Server, Settings};

/// Kept of the run for what comes after the last server, and no more than a tenth of it.
const SPARE: Duration = Duration::from_millis(100);
/// A server is not asked in less time than this, where a run has twice as much: it would fail for want of it. It waits for the next run.
const LEAST: Duration = Duration::from_millis(500);

struct Tls {
    watched: Vec<Watched>,
    every: Duration,
    metrics: Metrics,
}

/// A server or a file with its check.
struct Watched {
    what: What,
    check: Check,
    /// When it is to be looked at again, on the steady clock.
    due: Duration,
    seen: Option<Seen>,
}

enum What {
    Server(Server),
    File(File),
}

/// What came of looking at it.
struct Seen {
    at: Duration,
    took: Duration,
    chain: core::result::Result<Chain, Refused>,
}

struct Refused {
    is_denied: bool,
    message: String,
}

probity_sdk::probe!(Tls);

impl Probe for Tls {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if let Some(file) = settings.doubled() {
            return Err(Failure::bad_config(format!(
                "`files` must have names that no target has, not \"{}\" again",
                file.name.as_str()
            )));
        }
        let servers = settings.targets.0.into_iter().map(What::Server);
        let files = settings.files.0.into_iter().map(What::File);
        let watched: Vec<Watched> = servers
            .chain(files)
            .map(Watched::new)
            .collect::<Result<_>>()?;
        if watched.is_empty() {
            return Err(Failure::not_applicable(
                "no certificate to watch: add `config.targets = [{ name = \"shop\", address = \"shop.example.com:443\" }]` to this probe's section, and grant the address in `tcp`",
            ));
        }
        Ok(Self {
            watched,
            every: settings.every.duration(),
            metrics: Metrics::define()?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        self.look();
        let (now, steady) = (run::now(), clock::steady());
        for watched in &self.watched {
            self.report(watched, now, steady)?;
        }
        self.all_denied()
    }
}

impl Tls {
    /// Looks at what is due, what has waited longest first. The time is shared out, and no share is too small to be of use: what finds none is
    /// looked at in the next run.
    fn look(&mut self) {
        let now = clock::steady();
        let is_due = |watched: &&mut Watched| watched.due <= now;
        let mut waiting = self.watched.iter_mut().filter(is_due).count();
        let servers = waiting;
        let run = run::time_left();
        let (spare, least) = (SPARE.min(run / 10), LEAST.min(run / 2));
        while waiting > 0 {
            let left = run::time_left().saturating_sub(spare);
            let share = left / u32::try_from(waiting).unwrap_or(u32::MAX);
            let share = share.max(least);
            let due = self.watched.iter_mut().filter(is_due);
            let Some(longest) = due.min_by_key(|watched| watched.due) else {
                return;
            };
            if share > left {
                return;
            }
            longest.look(share, servers, self.every);
            waiting -= 1;
        }
    }

    fn report(&self, watched: &Watched, now: f64, steady: Duration) -> Result<()> {
        let name = watched.name();
        let Some(seen) = &watched.seen else {
            watched
                .check
                .warn("not looked at yet: there was no time left in this run");
            return Ok(());
        };
        let age = steady.saturating_sub(seen.at);
        match &seen.chain {
            Ok(chain) => {
                let (host, min_left) = match &watched.what {
                    What::Server(server) => {
                        (server.check_name.then(|| server.host()), &server.min_left)
                    }
                    What::File(file) => (file.server_name.as_deref(), &file.min_left),
                };
                let judgement = judge(chain, host, min_left, now);
                watched.check.report(judgement.status, &judgement.message);
                self.metrics.show(name, chain, host, now)?;
                self.metrics.show_look(name, true, age, Some(seen.took))
            }
            Err(refused) => {
                watched.check.fail(&refused.message);
                self.metrics.show_look(name, false, age, None)
            }
        }
    }

    /// # Errors
    /// `denied` when nothing that was looked at is granted: then nothing at all can be observed.
    fn all_denied(&self) -> Result<()> {
        let mut denied = None;
        for watched in &self.watched {
            match watched.seen.as_ref().map(|seen| &seen.chain) {
                Some(Err(refused)) if refused.is_denied => denied = Some(&refused.message),
                _ => return Ok(()),
            }
        }
        denied.map_or(Ok(()), |message| Err(Failure::denied(message.clone())))
    }
}

impl Watched {
    fn new(what: What) -> Result<Self> {
        let title = match &what {
            What::Server(server) => {
                format!("Certificate of {} at {}", server.host(), server.address)
            }
            What::File(file) => format!("Certificate in {}", file.path.as_str()),
        };
        let name = match &what {
            What::Server(server) => &server.name,
            What::File(file) => &file.name,
        };
        Ok(Self {
            check: Check::define(name.as_str(), &title)?,
            what,
            due: Duration::ZERO,
            seen: None,
        })
    }

    fn name(&self) -> &str {
        match &self.what {
            What::Server(server) => server.name.as_str(),
            What::File(file) => file.name.as_str(),
        }
    }

    /// Looks at it, one of `count` in this run.
    fn look(&mut self, share: Duration, count: usize, every: Duration) {
        let at = clock::steady();
        let chain = match &self.what {
            What::Server(server) => {
                let deadline = Deadline::after(server.timeout.duration().min(share));
                look::server(server, count, &deadline)
            }
            What::File(file) => look::file(file.path.as_str()),
        };
        self.due = match &self.what {
            What::Server(_) => look::next(at, every, chain.is_ok()),
            // It costs nothing, and may be put in place at any moment: in the next run.
            What::File(_) => at + Duration::from_nanos(1),
        };
        self.seen = Some(Seen {
            at,
            took: clock::steady().saturating_sub(at),
            chain: chain.map_err(|failure| Refused {
                is_denied: failure.is_denied(),
                message: failure.message().into_owned(),
            }),
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    use probity_sdk::testing::Host;

    use super::*;
    use crate::testing::{Made, flight};

    /// A server that reads once and gives this answer to each of its clients, however many come.
    fn answering(answer: Vec<u8>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let length = stream.read(&mut [0; 1000]).unwrap();
                assert!(length > 100, "a hello");
                stream.write_all(&answer).unwrap();
                // Until the client goes.
                let _ = stream.read(&mut [0; 1000]);
            }
        });
        address
    }

    fn settings(targets: &[(&str, SocketAddr)], more: &str) -> Host {
        let target = |(name, address): &(&str, SocketAddr)| {
            let timeout = if *name == "silent" { 1 } else { 60 };
            format!(
                r#"{{"name":"{name}","address":"{address}","server_name":"example.com","timeout":{timeout}}}"#
            )
        };
        let granted = targets.iter().map(|(_, address)| address);
        let targets: Vec<String> = targets.iter().map(target).collect();
        let host = granted.fold(Host::new().time_left(600.0), |host, address| {
            host.grant_tcp(address)
        });
        host.config(&format!(r#"{{"targets":[{}]{more}}}"#, targets.join(",")))
    }

    #[test]
    fn without_anything_to_watch_it_lies_dormant() {
        let failure = Host::new().start::<Tls>().err().unwrap();
        assert_eq!(failure.code(), "not-applicable");
        let twice =
            r#"{"targets":[{"name":"a","address":"b:1"}],"files":[{"name":"a","path":"/b"}]}"#;
        let failure = Host::new().config(twice).start::<Tls>().err().unwrap();
        assert_eq!(
            failure.to_string(),
            "bad-config: `files` must have names that no target has, not \"a\" again"
        );
    }

    #[test]
    fn a_server_s_certificate_is_shown_and_asked_for_again_when_it_is_time() {
        let address = answering(flight(&[Made::new().der()], 100));
        let mut host = settings(&[("web", address)], r#","every":"1h""#);
        let mut probe = host.start::<Tls>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        for (metric, value) in [
            ("tls_up", 1.0),
            ("tls_name_matches", 1.0),
            ("tls_chain_certificates", 1.0),
            (
                "tls_certificate_not_after_timestamp_seconds",
                1_798_761_599.0,
            ),
            (
                "tls_certificate_left_seconds",
                1_798_761_599.0 - 1_767_225_600.0,
            ),
        ] {
            assert_eq!(report.value(metric, ["web"]), Some(value), "{metric}");
        }
        let info = report.value(
            "tls_certificate_info",
            ["web", "example.com", "An Issuer", "abcd"],
        );
        assert_eq!(info, Some(1.0));
        let (status, message) = report.check("web").unwrap();
        assert_eq!(status, Status::Pass);
        assert_eq!(
            message,
            "example.com by An Issuer, until 2026-12-31, left 364 d 23 h"
        );
        // What it showed is judged anew without asking.
        host.at(1_798_761_599.0 - 3600.0);
        let asked = probe.watched[0].due;
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.check("web").unwrap().0, Status::Fail);
        assert_eq!(
            report.value("tls_certificate_left_seconds", ["web"]),
            Some(3600.0)
        );
        assert_eq!(probe.watched[0].due, asked);
    }

    #[test]
    fn one_that_is_down_hides_no_other() {
        let closed = ([127, 0, 0, 1], 1).into();
        let good = answering(flight(&[Made::new().der()], 5000));
        let modern = answering(vec![21, 3, 3, 0, 2, 2, 70]);
        let web = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
        let hangs_up = answering(Vec::new());
        let targets = [
            ("closed", closed),
            ("modern", modern),
            ("web", web),
            ("good", good),
            ("silent", hangs_up),
        ];
        let mut host = settings(&targets, "");
        let mut probe = host.start::<Tls>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        for (name, status, words) in [
            ("closed", Status::Fail, "the connection was refused"),
            (
                "modern",
                Status::Fail,
                "the server speaks TLS 1.3 and nothing older",
            ),
            ("web", Status::Fail, "the server does not speak TLS there"),
            ("good", Status::Pass, "example.com by An Issuer"),
            ("silent", Status::Fail, "no answer within"),
        ] {
            let (given, message) = report.check(name).unwrap();
            assert_eq!(given, status, "{name}: {message}");
            assert!(message.starts_with(words), "{message}");
            let up = f64::from(u8::from(status == Status::Pass));
            assert_eq!(report.value("tls_up", [name]), Some(up), "{name}");
        }
        assert_eq!(
            report.value("tls_certificate_left_seconds", ["modern"]),
            None
        );
    }

    #[test]
    fn a_file_is_read_in_every_run() {
        let folder = std::env::temp_dir().join(format!("probity-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.crt");
        let shown = path.display();
        let config = format!(
            r#"{{"files":[{{"name":"a","path":"{shown}","server_name":"example.org"}},{{"name":"b","path":"{shown}.none"}}]}}"#
        );
        let mut host = Host::new().config(&config);
        let mut probe = host.start::<Tls>().unwrap();
        let denied = host.collect(&mut probe).unwrap_err();
        assert_eq!(denied.code(), "denied");
        let mut host = host.grant_read(folder.display().to_string());
        std::fs::write(&path, "no certificate").unwrap();
        let report = host.collect(&mut probe).unwrap();
        let words = format!("{shown}: there is no certificate in it, neither in PEM nor in DER");
        assert_eq!(report.check("a"), Some((Status::Fail, &*words)));
        let words = format!("{shown}.none: there is no such file");
        assert_eq!(report.check("b"), Some((Status::Fail, &*words)));
        std::fs::write(&path, Made::new().der()).unwrap();
        let report = host.collect(&mut probe).unwrap();
        let (status, message) = report.check("a").unwrap();
        assert_eq!(status, Status::Fail);
        assert!(message.contains("not for example.org"), "{message}");
        assert_eq!(report.value("tls_name_matches", ["a"]), Some(0.0));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
