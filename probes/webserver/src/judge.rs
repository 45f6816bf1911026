//! The verdict on one web server.

use probity_sdk::config::{Count, Quantity};
use probity_sdk::{Status, show};

use crate::{Kind, Page, Target};

/// A verdict and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub status: Status,
    /// What the server does, and what is wrong with it.
    pub message: String,
}

/// Judges what a page says. `dropped`: the connections that were dropped since the run before, where that is known.
pub fn judge(target: &Target, kind: Kind, page: &Page, dropped: Option<f64>) -> Judgement {
    let mut said = vec![(Status::Pass, at_work(kind, page))];
    let capacity = target.capacity.map(|capacity| f64::from(capacity.0));
    if let Some(ratio) = page.busy_ratio(capacity) {
        let (status, words) = target.max_busy.explain(ratio);
        said.push((status, format!("in use {words}")));
    }
    if let Some(dropped) = dropped.filter(|dropped| *dropped > 0.0) {
        let (status, words) = target.max_dropped.explain(dropped);
        let why = "it has no room for more (`worker_connections`)";
        said.push((status, format!("dropped since the last run {words}: {why}")));
    }
    let worst = said.iter().map(|(status, _)| *status).max();
    let words: Vec<String> = said.into_iter().map(|(_, words)| words).collect();
    Judgement {
        status: worst.unwrap_or(Status::Pass),
        message: words.join(", "),
    }
}

fn at_work(kind: Kind, page: &Page) -> String {
    match (kind, page.connections("active")) {
        (Kind::Apache, _) => {
            let busy = page.busy.unwrap_or_default();
            let all = busy + page.idle.unwrap_or_default();
            format!("{} of {} workers busy", Count::show(busy), Count::show(all))
        }
        (Kind::Nginx, active) => {
            let waiting = page.connections("waiting").unwrap_or_default();
            let active = show::number(active.unwrap_or_default());
            format!(
                "{active} connections, {} of them waiting",
                show::number(waiting)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::config;

    use super::*;
    use crate::Settings;

    fn said(more: &str, page: &str, dropped: Option<f64>) -> (Status, String) {
        let json = format!(r#"{{"targets":[{{"name":"a","url":"http://a"{more}}}]}}"#);
        let settings: Settings = config::parse(&json).unwrap();
        let (kind, page) = Page::read(page, None).unwrap();
        let judgement = judge(&settings.targets.0[0], kind, &page, dropped);
        (judgement.status, judgement.message)
    }

    #[test]
    fn what_is_in_use_and_dropped_is_judged() {
        let nginx = include_str!("../fixtures/nginx");
        let apache = include_str!("../fixtures/apache");
        for (more, page, dropped, status, message) in [
            (
                "",
                nginx,
                None,
                Status::Pass,
                "291 connections, 106 of them waiting",
            ),
            (
                "",
                nginx,
                Some(0.0),
                Status::Pass,
                "291 connections, 106 of them waiting",
            ),
            (
                "",
                nginx,
                Some(3.0),
                Status::Warn,
                "291 connections, 106 of them waiting, dropped since the last run 3: warns from 1: it has no room for more (`worker_connections`)",
            ),
            (
                r#","capacity":300"#,
                nginx,
                None,
                Status::Fail,
                "291 connections, 106 of them waiting, in use 97 %: fails from 95 %",
            ),
            (
                "",
                apache,
                None,
                Status::Pass,
                "3 of 50 workers busy, in use 6 %",
            ),
            (
                r#","max_busy":{"warn":0.05}"#,
                apache,
                None,
                Status::Warn,
                "3 of 50 workers busy, in use 6 %: warns from 5 %",
            ),
        ] {
            assert_eq!(said(more, page, dropped), (status, message.into()));
        }
    }
}
