//! What applications tell that they do: work under way, work by name, workers, pools, queues and sessions.

use super::Moment;
use super::activity::Fact;
use super::words::{NOTHING, count, percent, seconds};
use crate::model::{
    ActiveWork, ActivityFacts, EventOutcome, NameFacts, Percentiles, PoolFacts, QueueFacts,
    WorkFacts,
};

/// Rows of each table at most: the snapshot has more.
const MOST: usize = 20;

/// A piece of work under way.
#[derive(Debug)]
pub(super) struct Underway {
    pub(super) key: String,
    pub(super) sort: &'static str,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
    pub(super) worker: String,
    pub(super) elapsed: String,
    pub(super) expected: String,
}

/// Work of one name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) key: String,
    pub(super) sort: &'static str,
    pub(super) name: String,
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
    pub(super) ended: String,
    pub(super) failed: String,
    pub(super) error_rate: String,
    pub(super) p50: String,
    pub(super) p95: String,
    pub(super) p99: String,
    pub(super) in_flight: String,
}

/// A pool or a queue.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) cells: [String; 4],
}

/// All of it. What was never told of is empty.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) underway: Vec<Underway>,
    /// How many more there are under way.
    pub(super) more_underway: u64,
    pub(super) names: Vec<Named>,
    pub(super) more_names: usize,
    pub(super) facts: Vec<Fact>,
    pub(super) pools: Vec<Place>,
    pub(super) queues: Vec<Place>,
}

/// The sorts of work, with their names for people.
fn sorts(facts: &ActivityFacts) -> [(&'static str, Option<&WorkFacts>); 3] {
    [
        ("operation", Some(&facts.operations)),
        ("request", facts.requests.as_ref()),
        ("run", facts.runs.as_ref()),
    ]
}

/// What applications do.
pub(super) fn shown(at: &Moment<'_>) -> Shown {
    let Some(dated) = &at.snapshot.facts.activity else {
        return Shown::default();
    };
    let facts = &*dated.facts;
    let (underway, more_underway) = underway(facts);
    let (names, more_names) = names(facts);
    let pools = facts.pools.iter().flatten().take(MOST).enumerate();
    let queues = facts.queues.iter().take(MOST).enumerate();
    Shown {
        underway,
        more_underway,
        names,
        more_names,
        facts: numbers(facts),
        pools: pools.map(|(index, one)| pool(index, one)).collect(),
        queues: queues.map(|(index, one)| queue(index, one)).collect(),
    }
}

/// What is overdue first, and then the oldest.
fn underway(facts: &ActivityFacts) -> (Vec<Underway>, u64) {
    let sorts = sorts(facts).into_iter();
    let known = sorts.filter_map(|(sort, work)| Some((sort, work?)));
    let all: u64 = known.clone().map(|(_, work)| work.in_flight).sum();
    let late = known.clone().flat_map(|(sort, work)| {
        let late = work.overdue_work.iter();
        late.map(move |one| (sort, one))
    });
    let rest = known.flat_map(|(sort, work)| {
        let others = work.active.iter().filter(|one| !one.is_overdue());
        others.map(move |one| (sort, one))
    });
    let mut rows: Vec<(&'static str, &ActiveWork)> = late.chain(rest).collect();
    rows.sort_by_key(|(_, one)| (!one.is_overdue(), std::cmp::Reverse(one.elapsed)));
    rows.truncate(MOST);
    let more = all.saturating_sub(rows.len() as u64);
    let row = |(index, (sort, one)): (usize, (&'static str, &ActiveWork))| {
        let (tone, state) = match one.is_overdue() {
            true => ("warn", "overdue"),
            false => ("pass", "under way"),
        };
        Underway {
            key: format!("uw{index}"),
            sort,
            name: one.name.to_string(),
            id: one.id.to_string(),
            tone,
            state,
            worker: one.worker.as_deref().unwrap_or(NOTHING).to_owned(),
            elapsed: seconds(one.elapsed.as_secs_f64()),
            expected: match one.expected {
                Some(expected) => seconds(expected.as_secs_f64()),
                None => NOTHING.to_owned(),
            },
        }
    };
    (rows.into_iter().enumerate().map(row).collect(), more)
}

/// Names whose error rate is too high first, and then those with the most work.
fn names(facts: &ActivityFacts) -> (Vec<Named>, usize) {
    let sorts = sorts(facts).into_iter();
    let mut rows: Vec<(&'static str, &NameFacts)> = sorts
        .flat_map(|(sort, work)| {
            let names = work.into_iter().flat_map(|work| &work.names);
            names.map(move |name| (sort, &**name))
        })
        .collect();
    rows.sort_by_key(|(_, one)| (!is_above(one), std::cmp::Reverse(ended(one))));
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    let rows = rows.into_iter().enumerate();
    let rows = rows.map(|(index, (sort, one))| named(index, sort, one));
    (rows.collect(), more)
}

fn is_above(one: &NameFacts) -> bool {
    one.error_rate.is_some_and(|rate| rate.above)
}

fn ended(one: &NameFacts) -> u64 {
    one.outcomes.iter().sum()
}

fn named(index: usize, sort: &'static str, one: &NameFacts) -> Named {
    let (tone, state) = match (is_above(one), one.error_rate) {
        (true, _) => ("warn", "errors"),
        (false, Some(_)) => ("pass", "well"),
        (false, None) => ("idle", "idle"),
    };
    let outcomes = EventOutcome::ALL.into_iter().zip(one.outcomes);
    let failed = outcomes.filter(|(outcome, _)| outcome.is_error());
    let rate = one.error_rate;
    Named {
        key: format!("n{index}"),
        sort,
        name: one.name.to_string(),
        tone,
        state,
        ended: count(ended(one)),
        failed: count(failed.map(|(_, count)| count).sum()),
        error_rate: rate.map_or_else(|| NOTHING.to_owned(), |rate| percent(rate.rate * 100.0)),
        p50: quantile(&one.durations, |of| of.p50),
        p95: quantile(&one.durations, |of| of.p95),
        p99: quantile(&one.durations, |of| of.p99),
        in_flight: count(one.in_flight),
    }
}

fn quantile(of: &Percentiles, which: fn(&Percentiles) -> std::time::Duration) -> String {
    match of.count {
        0 => NOTHING.to_owned(),
        _ => seconds(which(of).as_secs_f64()),
    }
}

/// Numbers without a table of their own.
fn numbers(facts: &ActivityFacts) -> Vec<Fact> {
    let mut list = Vec::new();
    if facts.events > 0 {
        list.push(("Events", count(facts.events)));
    }
    if let Some(workers) = &facts.workers {
        list.push(("Workers", count(workers.total)));
        list.push(("of them busy", count(workers.busy)));
        list.push(("crashed", count(workers.crashes)));
        for pool in &workers.pools {
            // The shares of several pools are in the snapshot.
            if let (1, Some(share)) = (workers.pools.len(), pool.utilization) {
                list.push(("utilisation", percent(share * 100.0)));
            }
        }
    }
    if let Some(sessions) = &facts.sessions {
        list.push(("Sessions open", count(sessions.open)));
        list.push(("created", count(sessions.created)));
        list.push(("cleaned up", count(sessions.cleaned_up)));
        list.push(("lasted (p50)", quantile(&sessions.lifetimes, |of| of.p50)));
    }
    let facts = list.into_iter().enumerate();
    facts
        .map(|(index, (label, value))| Fact {
            key: format!("x{index}"),
            label,
            value,
        })
        .collect()
}

fn known(value: Option<u64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), count)
}

fn pool(index: usize, one: &PoolFacts) -> Place {
    Place {
        key: format!("pl{index}"),
        name: one.name.to_string(),
        cells: [
            known(one.size),
            known(one.in_use),
            known(one.waiting),
            count(one.saturations),
        ],
    }
}

fn queue(index: usize, one: &QueueFacts) -> Place {
    Place {
        key: format!("q{index}"),
        name: one.name.to_string(),
        cells: [
            known(one.depth),
            count(one.taken),
            quantile(&one.waits, |of| of.p50),
            quantile(&one.waits, |of| of.p95),
        ],
    }
}
