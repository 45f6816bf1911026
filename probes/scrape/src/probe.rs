//! What the host calls.

use probity_sdk::http::{self, Exchange, Request};
use probity_sdk::prelude::*;
use probity_sdk::{secrets, show};

use crate::judge::judge;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::{Around, Bounds, Harvest, Rules, Settings, Target, harvest};

/// The text format first: it is what every endpoint has been written for.
const ACCEPT: &str =
    "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.1";

struct Scrape {
    watched: Vec<Watched>,
    registry: Registry,
    metrics: Metrics,
}

/// An endpoint with its check.
struct Watched {
    target: Target,
    rules: Rules,
    bounds: Bounds,
    /// The most that is read of its answer, in bytes.
    body: usize,
    check: Check,
}

probity_sdk::probe!(Scrape);

impl Probe for Scrape {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        if settings.targets.0.is_empty() {
            return Err(Failure::not_applicable(
                "nothing to scrape: add `config.targets = [{ name = \"node\", url = \"http://127.0.0.1:9100/metrics\" }]` to this probe's section, and grant the origin",
            ));
        }
        let text = settings.text();
        let series = settings.series().map_err(Failure::bad_config)?;
        let bodies = settings.bodies().map_err(Failure::bad_config)?;
        let label = settings.target_label;
        let targets = settings.targets.0.into_iter().zip(series).zip(bodies);
        let watched = targets.map(|((target, series), body)| {
            let title = format!("Metrics at {}", target.url);
            Ok(Watched {
                check: Check::define(target.name.as_str(), &title)?,
                rules: target.rules(&label),
                bounds: Bounds { series, text },
                body,
                target,
            })
        });
        let watched: Vec<Watched> = watched.collect::<Result<_>>()?;
        let names = watched
            .iter()
            .map(|one| (one.target.name.0.clone(), one.bounds.series));
        Ok(Self {
            registry: Registry::new(&label, names),
            metrics: Metrics::define()?,
            watched,
        })
    }

    fn collect(&mut self) -> Result<()> {
        let exchanges = http::send_all(self.watched.iter().map(request));
        let read = |(watched, exchange): (&Watched, &Exchange)| read(watched, exchange);
        let mut harvests: Vec<Result<Harvest>> =
            self.watched.iter().zip(&exchanges).map(read).collect();
        self.registry.write(&mut harvests)?;
        let mut denied = Vec::new();
        for ((watched, exchange), harvest) in self.watched.iter().zip(&exchanges).zip(harvests) {
            self.report(watched, exchange, &harvest)?;
            denied.extend(harvest.err().filter(Failure::is_denied));
        }
        match denied.pop() {
            // Nothing at all can be observed, which is the run's own failure.
            Some(failure) if denied.len() + 1 == self.watched.len() => Err(failure),
            _ => Ok(()),
        }
    }
}

impl Scrape {
    fn report(
        &self,
        watched: &Watched,
        exchange: &Exchange,
        harvest: &Result<Harvest>,
    ) -> Result<()> {
        let name = watched.target.name.as_str();
        self.metrics.show_up(name, harvest.is_ok())?;
        let harvest = match harvest {
            Ok(harvest) => harvest,
            Err(failure) => {
                watched.check.fail(&failure.message());
                return Ok(());
            }
        };
        let body = exchange.answer.as_ref().map(|response| response.body.len());
        let (bytes, took) = (body.unwrap_or_default(), exchange.took);
        self.metrics.show(name, harvest, bytes, took)?;
        let judgement = judge(&watched.target, harvest, bytes, took, watched.bounds.series);
        let details = harvest.left_out.json();
        watched
            .check
            .report_details(judgement.status, &judgement.message, details)
    }
}

fn request(watched: &Watched) -> Result<Request> {
    let target = &watched.target;
    Request::get(&secrets::fill(&target.url)?)
        .timeout(target.timeout.duration())
        .at_most(watched.body)
        .header("accept", ACCEPT)
        .with(&target.headers)
}

fn read(watched: &Watched, exchange: &Exchange) -> Result<Harvest> {
    let response = match &exchange.answer {
        Ok(response) => response,
        Err(failure) if failure.is_denied() => {
            return Err(Failure::denied(failure.message().into_owned()));
        }
        Err(failure) => return Err(Failure::unavailable(failure.message().into_owned())),
    };
    if response.status != 200 {
        return Err(Failure::unavailable(format!(
            "{}, not 200",
            response.status
        )));
    }
    if response.is_cut {
        // Half an answer would say that the other half is gone.
        return Err(Failure::unavailable(format!(
            "the answer has more than {} (`body_at_most`)",
            show::bytes(watched.body as f64)
        )));
    }
    let content_type = response.header("content-type").unwrap_or_default();
    let around = Around {
        is_openmetrics: content_type.contains("application/openmetrics-text"),
        now: run::now(),
    };
    harvest(&response.body, &watched.rules, watched.bounds, around).map_err(Failure::unavailable)
}

#[cfg(test)]
mod tests;
