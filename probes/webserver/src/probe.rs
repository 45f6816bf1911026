//! What the host calls.

use probity_sdk::http::{self, Exchange, Request};
use probity_sdk::prelude::*;
use probity_sdk::secrets;

use crate::{Kind, Page, Settings, Target, judge};

/// A status page has a few hundred bytes, and Apache's a letter for each worker.
const PAGE: usize = 64 * 1024;

struct Webserver {
    watched: Vec<Watched>,
    metrics: Metrics,
}

/// A page with its check.
struct Watched {
    target: Target,
    check: Check,
    /// Connections that the server had dropped in all when it was last asked.
    dropped: Option<f64>,
}

struct Metrics {
    up: Gauge<1>,
    took: Gauge<1>,
    connections: Gauge<2>,
    workers: Gauge<2>,
    busy: Gauge<1>,
    uptime: Gauge<1>,
    totals: [Counter<1>; 5],
    server: Info<3>,
}

probity_sdk::probe!(Webserver);

impl Probe for Webserver {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if settings.targets.0.is_empty() {
            return Err(Failure::not_applicable(
                "no status page to read: add `config.targets = [{ name = \"web\", url = \"http://127.0.0.1/nginx_status\" }]` to this probe's section, and grant the origin",
            ));
        }
        let watched = settings.targets.0.into_iter().map(|target| {
            let title = format!("Web server at {}", target.url);
            Ok(Watched {
                check: Check::define(target.name.as_str(), &title)?,
                target,
                dropped: None,
            })
        });
        Ok(Self {
            watched: watched.collect::<Result<_>>()?,
            metrics: Metrics::define()?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let exchanges = http::send_all(self.watched.iter().map(|one| request(&one.target)));
        let mut denied = Vec::new();
        for (watched, exchange) in self.watched.iter_mut().zip(exchanges) {
            let page = read(&watched.target, &exchange);
            watched.show(&self.metrics, &page, &exchange)?;
            denied.extend(page.err().filter(Failure::is_denied));
        }
        match denied.pop() {
            // Nothing at all can be observed, which is the run's own failure.
            Some(failure) if denied.len() + 1 == self.watched.len() => Err(failure),
            _ => Ok(()),
        }
    }
}

impl Watched {
    fn show(
        &mut self,
        metrics: &Metrics,
        page: &Result<(Kind, Page)>,
        exchange: &Exchange,
    ) -> Result<()> {
        let is_up = f64::from(u8::from(page.is_ok()));
        metrics.up.set([self.target.name.as_str()], is_up)?;
        let (kind, page) = match page {
            Ok((kind, page)) => (*kind, page),
            Err(failure) => {
                self.check.fail(&failure.message());
                return Ok(());
            }
        };
        let before = std::mem::replace(&mut self.dropped, page.dropped());
        let since = |(now, before): (f64, f64)| match now < before {
            // The server was started anew.
            true => now,
            false => now - before,
        };
        let dropped = self.dropped.zip(before).map(since);
        let judgement = judge(&self.target, kind, page, dropped);
        self.check.report(judgement.status, &judgement.message);
        metrics.show(&self.target, kind, page)?;
        let took = exchange.took.as_secs_f64();
        metrics.took.set([self.target.name.as_str()], took)
    }
}

fn request(target: &Target) -> Result<Request> {
    Request::get(&secrets::fill(&target.url)?)
        .timeout(target.timeout.duration())
        .at_most(PAGE)
        .with(&target.headers)
}

fn read(target: &Target, exchange: &Exchange) -> Result<(Kind, Page)> {
    let response = match &exchange.answer {
        Ok(response) => response,
        Err(failure) if failure.is_denied() => {
            return Err(Failure::denied(failure.message().into_owned()));
        }
        Err(failure) => return Err(Failure::unavailable(failure.message().into_owned())),
    };
    if response.status != 200 {
        let why = match response.status {
            403 => ": the server does not let this machine see it",
            404 => ": there is no status page under this URL",
            _ => "",
        };
        return Err(Failure::unavailable(format!(
            "{}, not 200{why}",
            response.status
        )));
    }
    if response.is_cut {
        return Err(Failure::unavailable(
            "the page has more than 64 KiB: it is no status page",
        ));
    }
    Page::read(&response.text(), target.kind).map_err(Failure::unavailable)
}

impl Metrics {
    fn define() -> Result<Self> {
        let gauge = |name: &str, help: &str| Gauge::define(name, help, ["target"]);
        let counter = |name: &str, help: &str| Counter::define(name, help, ["target"]);
        let by_state = |name: &str, help: &str| Gauge::define(name, help, ["target", "state"]);
        Ok(Self {
            up: gauge("webserver_up", "Whether the status page could be read")?,
            took: gauge("webserver_last_duration_seconds", "How long that took")?,
            connections: by_state(
                "webserver_connections",
                "Connections; active are all of them",
            )?,
            workers: by_state("webserver_workers", "Apache's workers, by what they do")?,
            busy: gauge(
                "webserver_busy_ratio",
                "Share of the connections or workers there can be that is in use",
            )?,
            uptime: gauge("webserver_uptime_seconds", "Time since the server started")?,
            totals: [
                counter(
                    "webserver_connections_accepted_total",
                    "Connections accepted",
                )?,
                counter(
                    "webserver_connections_handled_total",
                    "Connections accepted and not dropped",
                )?,
                counter(
                    "webserver_connections_dropped_total",
                    "Connections dropped for want of room",
                )?,
                counter("webserver_requests_total", "Requests")?,
                counter("webserver_sent_bytes_total", "Bytes sent")?,
            ],
            server: Info::define(
                "webserver_info",
                "Which server it is",
                ["target", "kind", "server"],
            )?,
        })
    }

    fn show(&self, target: &Target, kind: Kind, page: &Page) -> Result<()> {
        let name = target.name.as_str();
        for (state, count) in &page.connections {
            self.connections.set([name, state], *count)?;
        }
        for (state, count) in &page.workers {
            self.workers.set([name, state], *count)?;
        }
        let capacity = target.capacity.map(|capacity| f64::from(capacity.0));
        for (gauge, value) in [
            (&self.busy, page.busy_ratio(capacity)),
            (&self.uptime, page.uptime_seconds),
        ] {
            value.map_or(Ok(()), |value| gauge.set([name], value))?;
        }
        let totals = [
            page.accepted,
            page.handled,
            page.dropped(),
            page.requests,
            page.sent_bytes,
        ];
        for (counter, total) in self.totals.iter().zip(totals) {
            total.map_or(Ok(()), |total| counter.mirror([name], total))?;
        }
        let server = page.server.as_deref().unwrap_or_default();
        self.server.set([name, kind.as_str(), server])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::testing::Host;

    use super::*;

    const TWO: &str = r#"{"targets":[{"name":"front","url":"http://a/status"},{"name":"back","url":"http://b/server-status?auto"}]}"#;

    fn nginx(accepted: u32, handled: u32) -> String {
        format!(
            "Active connections: 3 \nserver accepts handled requests\n {accepted} {handled} 77 \nReading: 0 Writing: 1 Waiting: 2 \n"
        )
    }

    #[test]
    fn both_kinds_are_shown() {
        let mut host = Host::new().config(TWO);
        host.http("http://a/status", 200, nginx(50, 50)).http(
            "http://b/server-status?auto",
            200,
            include_str!("../fixtures/apache"),
        );
        let mut probe = host.start::<Webserver>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        for (metric, labels, value) in [
            ("webserver_connections", ["front", "waiting"], 2.0),
            ("webserver_connections", ["back", "active"], 5.0),
            ("webserver_workers", ["back", "waiting"], 47.0),
            ("webserver_workers", ["back", "dns"], 0.0),
        ] {
            assert_eq!(
                report.value(metric, labels),
                Some(value),
                "{metric} {labels:?}"
            );
        }
        for (metric, name, value) in [
            ("webserver_up", "front", Some(1.0)),
            ("webserver_requests_total", "front", Some(77.0)),
            ("webserver_requests_total", "back", Some(1234.0)),
            ("webserver_connections_dropped_total", "front", Some(0.0)),
            ("webserver_connections_dropped_total", "back", None),
            ("webserver_sent_bytes_total", "back", Some(5_814_272.0)),
            ("webserver_busy_ratio", "back", Some(0.06)),
            ("webserver_busy_ratio", "front", None),
            ("webserver_uptime_seconds", "back", Some(3661.0)),
        ] {
            assert_eq!(report.value(metric, [name]), value, "{metric} {name}");
        }
        let info = report.value(
            "webserver_info",
            ["back", "apache", "Apache/2.4.66 (Debian)"],
        );
        assert_eq!(info, Some(1.0));
    }

    #[test]
    fn what_was_dropped_counts_from_run_to_run() {
        let mut host = Host::new().config(r#"{"targets":[{"name":"a","url":"http://a/status"}]}"#);
        let mut probe = host.start::<Webserver>().unwrap();
        for (accepted, handled, status) in [
            (50, 40, Status::Pass),
            (60, 50, Status::Pass),
            (70, 57, Status::Warn),
            (80, 67, Status::Pass),
            (3, 3, Status::Pass),
            (5, 4, Status::Warn),
        ] {
            host.http("http://a/status", 200, nginx(accepted, handled));
            let report = host.collect(&mut probe).unwrap();
            assert_eq!(report.check("a").unwrap().0, status, "{accepted} {handled}");
        }
    }

    #[test]
    fn one_that_is_down_hides_no_other() {
        let mut host = Host::new().config(TWO);
        host.http("http://b/server-status?auto", 403, "");
        let mut probe = host.start::<Webserver>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        let (status, message) = report.check("front").unwrap();
        assert_eq!(status, Status::Fail);
        assert!(message.starts_with("http://a is not granted"), "{message}");
        let said = "403, not 200: the server does not let this machine see it";
        assert_eq!(report.check("back"), Some((Status::Fail, said)));
        assert_eq!(report.value("webserver_up", ["back"]), Some(0.0));
        host.http("http://a/status", 200, "<html>").http(
            "http://b/server-status?auto",
            200,
            vec![b'x'; PAGE + 1],
        );
        let report = host.collect(&mut probe).unwrap();
        assert!(
            report
                .check("front")
                .unwrap()
                .1
                .starts_with("a page for people")
        );
        assert!(
            report
                .check("back")
                .unwrap()
                .1
                .starts_with("the page has more than")
        );
    }

    #[test]
    fn without_a_page_it_lies_dormant_and_without_any_grant_it_is_denied() {
        let failure = Host::new().start::<Webserver>().err().unwrap();
        assert_eq!(failure.code(), "not-applicable");
        let mut host = Host::new().config(TWO);
        let mut probe = host.start::<Webserver>().unwrap();
        assert_eq!(host.collect(&mut probe).unwrap_err().code(), "denied");
    }
}
