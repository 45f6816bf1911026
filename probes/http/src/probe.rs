//! What the host calls.

use probity_sdk::http::{self, Exchange, Request, Url};
use probity_sdk::prelude::*;
use probity_sdk::secrets;

use crate::judge::Outcome;
use crate::{Settings, Target, judge};

/// Upper bounds of the durations that are counted, in seconds: from a neighbour's answer to one that is given up.
const BOUNDS: [f64; 11] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

struct Http {
    watched: Vec<Watched>,
    metrics: Metrics,
}

/// A target and its check.
struct Watched {
    target: Target,
    check: Check,
    is_secure: bool,
}

struct Metrics {
    up: Gauge<1>,
    status: Gauge<1>,
    bytes: Gauge<1>,
    secure: Gauge<1>,
    duration: Gauge<1>,
    first_byte: Gauge<1>,
    durations: Histogram<1>,
    results: Counter<2>,
}

probity_sdk::probe!(Http);

impl Probe for Http {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if settings.targets.0.is_empty() {
            return Err(Failure::not_applicable(
                "nothing to ask: add `config.targets = [{ name = \"shop\", url = \"https://shop.example.com/\" }]` to this probe's section, and grant the origin",
            ));
        }
        if let Some(fault) = settings.too_much() {
            return Err(Failure::bad_config(fault));
        }
        let watched = settings.targets.0.into_iter().map(Watched::new);
        Ok(Self {
            watched: watched.collect::<Result<_>>()?,
            metrics: Metrics::define()?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let exchanges = http::send_all(self.watched.iter().map(Watched::request));
        self.report(exchanges)
    }
}

impl Http {
    fn report(&self, exchanges: Vec<Exchange>) -> Result<()> {
        let mut denied = None;
        let mut is_any_allowed = false;
        for (watched, exchange) in self.watched.iter().zip(exchanges) {
            let judgement = judge(&watched.target, &exchange);
            self.metrics.set(watched, &exchange, judgement.outcome)?;
            watched.check.report(judgement.status, &judgement.message);
            match exchange.answer {
                Err(failure) if failure.is_denied() => denied = Some(failure),
                _ => is_any_allowed = true,
            }
        }
        match denied {
            // Nothing at all can be observed, which is the run's own failure.
            Some(failure) if !is_any_allowed => Err(failure),
            _ => Ok(()),
        }
    }
}

impl Watched {
    fn new(target: Target) -> Result<Self> {
        let title = format!("{} {}", target.method.as_str(), target.url);
        Ok(Self {
            check: Check::define(target.name.as_str(), &title)?,
            is_secure: Url::parse(&target.url)?.is_secure,
            target,
        })
    }

    fn request(&self) -> Result<Request> {
        let target = &self.target;
        let url = secrets::fill(&target.url)?;
        Request::new(target.method.as_str(), &url)
            .body(target.body.as_bytes())
            .timeout(target.timeout.duration())
            .at_most(target.body_at_most.0 as usize)
            .with(&target.headers)
    }
}

impl Metrics {
    fn define() -> Result<Self> {
        let gauge = |name: &str, help: &str| Gauge::define(name, help, ["target"]);
        Ok(Self {
            up: gauge("http_up", "Whether the target answers as it should")?,
            status: gauge("http_status_code", "The answer's status")?,
            bytes: gauge("http_body_bytes", "What was read of the answer's body")?,
            secure: gauge("http_tls", "Whether the answer came over TLS")?,
            duration: gauge(
                "http_last_duration_seconds",
                "How long the last exchange lasted that was answered",
            )?,
            first_byte: gauge(
                "http_first_byte_seconds",
                "How long it took until the answer began",
            )?,
            durations: Histogram::define(
                "http_probe_duration_seconds",
                "How long exchanges lasted that were answered",
                ["target"],
                &BOUNDS,
            )?,
            results: Counter::define(
                "http_results_total",
                "How exchanges came out",
                ["target", "result"],
            )?,
        })
    }

    fn set(&self, watched: &Watched, exchange: &Exchange, outcome: Outcome) -> Result<()> {
        let name = watched.target.name.as_str();
        let is_up = outcome == Outcome::Good;
        self.up.set([name], f64::from(u8::from(is_up)))?;
        self.results.add([name, outcome.as_str()], 1.0)?;
        let Ok(response) = &exchange.answer else {
            return Ok(());
        };
        let took = exchange.took.as_secs_f64();
        self.status.set([name], f64::from(response.status))?;
        self.bytes.set([name], response.body.len() as f64)?;
        self.secure
            .set([name], f64::from(u8::from(watched.is_secure)))?;
        self.duration.set([name], took)?;
        self.durations.observe([name], took)?;
        match exchange.first_byte {
            Some(first_byte) => self.first_byte.set([name], first_byte.as_secs_f64()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use probity_sdk::testing::Host;

    use super::*;

    const TWO: &str = r#"{"targets":[
        {"name":"a","url":"http://a/","headers":{"authorization":"Bearer {secret:token}"}},
        {"name":"b","url":"https://b/x","expect_body":"well"}]}"#;

    #[test]
    fn without_a_target_it_lies_dormant_and_without_any_grant_it_is_denied() {
        let failure = Host::new().start::<Http>().err().unwrap();
        assert_eq!(failure.code(), "not-applicable");
        let mut host = Host::new().config(r#"{"targets":[{"name":"a","url":"http://a:1/x"}]}"#);
        let mut probe = host.start::<Http>().unwrap();
        assert_eq!(
            host.collect(&mut probe).unwrap_err().to_string(),
            "denied: http://a:1 is not granted: add `grant = { http = [\"http://a:1\"] }` to this probe's section"
        );
    }

    #[test]
    fn each_target_has_its_own_values_and_verdict() {
        let mut host = Host::new().config(TWO).secret("token", "hush");
        host.http("http://a/", 204, "")
            .http_takes("http://a/", Duration::from_millis(7))
            .http("https://b/x", 200, "all is well");
        let mut probe = host.start::<Http>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        for (metric, label, value) in [
            ("http_up", "a", 1.0),
            ("http_up", "b", 1.0),
            ("http_status_code", "a", 204.0),
            ("http_tls", "a", 0.0),
            ("http_tls", "b", 1.0),
            ("http_body_bytes", "b", 11.0),
            ("http_last_duration_seconds", "a", 0.007),
            ("http_first_byte_seconds", "a", 0.007),
        ] {
            assert_eq!(report.value(metric, [label]), Some(value), "{metric}");
        }
        let durations = report.observations("http_probe_duration_seconds", ["a"]);
        assert_eq!(durations, Some(&[0.007][..]));
        assert_eq!(report.value("http_results_total", ["a", "good"]), Some(1.0));
        assert_eq!(report.check("a"), Some((Status::Pass, "204, 0 B, in 7 ms")));
        let sent = &host.requests()[0].headers;
        assert_eq!(
            sent,
            &[("authorization".to_owned(), "Bearer {{token}}".to_owned())]
        );
    }

    #[test]
    fn one_that_is_down_or_denied_hides_no_other() {
        let mut host = Host::new().config(TWO);
        host.http_fails("https://b/x", "the connection was refused");
        let mut probe = host.start::<Http>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        let (status, message) = report.check("a").unwrap();
        assert_eq!(status, Status::Fail);
        assert!(message.contains("`token` is not granted"), "{message}");
        assert_eq!(
            report.check("b"),
            Some((Status::Fail, "the connection was refused"))
        );
        assert_eq!(report.value("http_up", ["b"]), Some(0.0));
        assert_eq!(report.value("http_status_code", ["b"]), None);
        assert_eq!(
            report.value("http_results_total", ["a", "denied"]),
            Some(1.0)
        );

        host.http("https://b/x", 200, "all is well");
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.value("http_up", ["b"]), Some(1.0));
    }
}
