//! The probe as the host sees it.

use probity_sdk::prelude::*;
use targets::{Gauges, Judged, flag, held, moment, trouble, visit};

use crate::{Answered, Settings, Target, Times};

/// What is answered when there is nothing to look at.
const DORMANT: &str = "no port to look at: add `config = { targets = [{ name = \"web\", address = \"127.0.0.1:80\" }] }` and \
    `grant = { tcp = [\"127.0.0.1:80\"] }` to this probe's section";

/// The probe.
pub struct Tcp {
    targets: Vec<(Target, Check)>,
    gauges: Gauges<1>,
}

/// What is told of each target.
const GAUGES: [(&str, &str); 3] = [
    (
        "tcp_up",
        "1 when the port accepts connections and answers as expected",
    ),
    (
        "tcp_connect_seconds",
        "Time until the connection stood, looking up the name included",
    ),
    (
        "tcp_answer_seconds",
        "Time from then until the expected text had come",
    ),
];

impl Probe for Tcp {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if settings.targets.0.is_empty() {
            return Err(Failure::not_applicable(DORMANT));
        }
        let with_check = |target: Target| {
            let check = Check::define(target.name.as_str(), &format!("TCP {}", target.address))?;
            Ok((target, check))
        };
        Ok(Self {
            targets: settings
                .targets
                .0
                .into_iter()
                .map(with_check)
                .collect::<Result<_>>()?,
            gauges: Gauges::define(&GAUGES, ["target"])?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let Self { targets, gauges } = self;
        let count = targets.len();
        visit(
            targets,
            |(target, _)| target.timeout,
            |(target, _), deadline| target.look(count, deadline),
            |(target, check), answered| {
                let (status, message) = judge(target, &answered);
                check.report(status, &message);
                let is_up = matches!(answered, Ok(Answered::Well(_)));
                let times = answered.ok().map(|answered| match answered {
                    Answered::Well(times) | Answered::Otherwise(times, _) => times,
                });
                let (connect, answer) = (
                    times.map(|times| times.connect),
                    times.and_then(|times| times.answer),
                );
                gauges.set(
                    [target.name.as_str()],
                    &[Some(flag(is_up)), connect, answer],
                )
            },
        )
    }
}

fn judge(target: &Target, answered: &Result<Answered>) -> Judged {
    let address = &target.address;
    match answered {
        Ok(Answered::Well(times)) => on_time(target, times),
        Ok(Answered::Otherwise(_, why)) => (
            Status::Fail,
            format!("{address} accepts connections, but {why}"),
        ),
        Err(failure) => (Status::Fail, trouble(address, failure)),
    }
}

fn on_time(target: &Target, times: &Times) -> Judged {
    let (whole, what) = match times.answer {
        Some(answer) => (times.connect + answer, "answers as expected"),
        None => (times.connect, "accepts connections"),
    };
    let message = format!("{} {what} in {}", target.address, moment(whole));
    held(&target.max_time, whole, message, moment)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    use probity_sdk::testing::{Host, Report};

    use super::*;

    /// A server that greets whoever comes and waits until they go.
    fn greeting(words: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it has one").to_string();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let greeted = stream.write_all(words.as_bytes());
                let _ = greeted.and_then(|()| stream.read(&mut [0; 100]));
            }
        });
        address
    }

    fn run(targets: &str) -> Result<Report> {
        // All that it names is granted.
        let addresses = targets
            .split('"')
            .filter(|word| word.parse::<SocketAddr>().is_ok());
        let host = addresses.fold(Host::new().time_left(600.0), |host, address| {
            host.grant_tcp(address)
        });
        let mut host = host.config(&format!(r#"{{"targets":[{targets}]}}"#));
        let mut probe = host.start::<Tcp>()?;
        host.collect(&mut probe)
    }

    #[test]
    fn one_that_is_down_hides_no_other() {
        let port = greeting("SSH-2.0-x\r\n");
        let report = run(&format!(
            r#"{{"name":"down","address":"127.0.0.1:1"}}, {{"name":"up","address":"{port}","timeout":"60s"}},
               {{"name":"ssh","address":"{port}","expect":"SSH-2.0","timeout":"60s","max_time":{{"warn":"60s"}}}},
               {{"name":"smtp","address":"{port}","expect":"220 ","timeout":0.1}}"#
        ));
        let report = report.expect("it runs");
        for (name, up) in [("down", 0.0), ("up", 1.0), ("ssh", 1.0), ("smtp", 0.0)] {
            assert_eq!(report.value("tcp_up", [name]), Some(up), "{name}");
        }
        assert_eq!(report.value("tcp_connect_seconds", ["down"]), None);
        assert!(report.value("tcp_connect_seconds", ["smtp"]).is_some());
        assert!(report.value("tcp_answer_seconds", ["ssh"]).is_some());
        assert_eq!(report.value("tcp_answer_seconds", ["up"]), None);
        let down = report.check("down").expect("it is reported");
        assert_eq!(
            down,
            (Status::Fail, "127.0.0.1:1: the connection was refused")
        );
        // What it had said by then is shown, which on a slow machine is nothing.
        let (status, message) = report.check("smtp").expect("it is reported");
        let told = format!("{port} accepts connections, but no \"220 \" in its answer, ");
        assert!(
            status == Status::Fail
                && message.starts_with(&told)
                && message.ends_with(": no answer within 100 ms"),
            "{message}"
        );
        assert_eq!(
            report.check("ssh").map(|(status, _)| status),
            Some(Status::Pass)
        );
    }

    #[test]
    fn a_slow_one_is_told_with_its_threshold() {
        let port = greeting("");
        let report = run(&format!(
            r#"{{"name":"slow","address":"{port}","timeout":"60s","max_time":{{"warn":0}}}}"#
        ))
        .expect("it runs");
        let (status, message) = report.check("slow").expect("it is reported");
        assert_eq!(status, Status::Warn);
        assert!(message.ends_with(": warns from 0 ms"), "{message}");
    }

    #[test]
    fn without_targets_it_lies_dormant() {
        let failure = run("").expect_err("there are none");
        assert_eq!(failure.code(), "not-applicable");
        assert!(failure.message().contains("targets = ["), "{failure}");
    }
}
