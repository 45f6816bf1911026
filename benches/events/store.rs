//! The store's part: how many events a second are taken, each acknowledged when it is on disk, beside what SQLite does with the same
//! rows; and what questions about them cost.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity::model::{Event, EventOutcome, Tally};
use probity::store::{
    AppendError, EventBounds, EventCursor, EventFilter, EventOrder, EventStore, Store,
};
use rusqlite::{Connection, params};
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(60);
/// So many runs are under way at once, and each has so many steps.
const RUNS: usize = 100;
const STEPS: usize = 1_000;
const KINDS: [&str; 6] = [
    "step.thought",
    "step.tool_call",
    "step.message",
    "operation.started",
    "operation.finished",
    "request.finished",
];
/// The first event's time.
const BEGIN: i64 = 1_700_000_000_000_000;

pub fn run_of(index: usize) -> String {
    format!(
        "01910c5e-7d1a-7000-8000-{:012}",
        index / (RUNS * STEPS) * RUNS + index % RUNS
    )
}

/// An event as an agent tells it, some 150 bytes of data; ids that sort by time, as clients make them.
fn event(index: usize) -> Event {
    let kind = KINDS[index % KINDS.len()];
    let begins = index % (RUNS * STEPS) < RUNS;
    let ends = index % (RUNS * STEPS) >= RUNS * (STEPS - 1);
    let kind = if begins {
        "run.started"
    } else if ends {
        "run.finished"
    } else {
        kind
    };
    let finished = kind.ends_with("finished");
    Event {
        id: format!(
            "01910c5e-{:04x}-7{:03x}-8000-{:012x}",
            index >> 16 & 0xffff,
            index >> 4 & 0xfff,
            index
        )
        .into(),
        kind: kind.into(),
        version: 1,
        time: BEGIN + index as i64 * 13,
        source: Some("agent".into()),
        run: Some(run_of(index).into()),
        correlation: index
            .is_multiple_of(4)
            .then(|| format!("{:032x}", index / 40).into()),
        trace: index
            .is_multiple_of(4)
            .then(|| format!("00-{index:032x}-{index:016x}-01").into()),
        outcome: finished.then(|| EventOutcome::ALL[usize::from(index % 20 == 5)]),
        data: format!(
            "{{\"name\":\"index the documents\",\"number\":{index},\"message\":\"{}\"}}",
            "x".repeat(60 + index % 80)
        )
        .into(),
    }
}

fn events(from: usize, count: usize) -> Arc<[Event]> {
    (from..from + count).map(event).collect()
}

pub fn line(name: &str, times: &mut [Duration], more: &str) {
    times.sort_unstable();
    let at =
        |share: usize| times[(times.len() * share / 1000).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!(
        "  {name:<46}{:>9.2}{:>9.2}{:>9.2}   {more}",
        at(500),
        at(990),
        at(1000)
    );
}

/// The same rows in the same table with the same settings, by nobody but SQLite. Gives rows a second.
fn raw(folder: &Path, runtime: &Runtime, rows: usize) -> f64 {
    let store = Store::open(folder, &mut Tally::default()).unwrap();
    runtime.block_on(store.close());
    let mut connection = Connection::open(folder.join("probity.db")).unwrap();
    connection
        .pragma_update(None, "synchronous", "full")
        .unwrap();
    let batches: Vec<_> = (0..rows / 1_000)
        .map(|batch| events(batch * 1_000, 1_000))
        .collect();
    let mut times = Vec::new();
    let mut sequence = 0;
    let begun = Instant::now();
    for batch in &batches {
        let begun = Instant::now();
        let transaction = connection.transaction().unwrap();
        let mut put = transaction
            .prepare_cached(
                "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )
            .unwrap();
        for event in &**batch {
            sequence += 1;
            let id = uuid::Uuid::try_parse(&event.id).unwrap().into_bytes();
            let outcome = event
                .outcome
                .map(|one| i64::from(one != EventOutcome::Success));
            let kind = event.kind.len() as i64;
            put.execute(params![
                sequence,
                id,
                kind,
                event.version,
                event.time,
                event.source,
                event.run,
                event.correlation,
                event.trace,
                outcome,
                event.data
            ])
            .unwrap();
        }
        drop(put);
        transaction.commit().unwrap();
        times.push(begun.elapsed());
    }
    let rate = rows as f64 / begun.elapsed().as_secs_f64();
    line(
        "SQLite alone, 1,000 a transaction",
        &mut times,
        &format!("{rate:.0} events/s"),
    );
    rate
}

/// Several tasks that each wait for their acknowledgement before they go on.
fn append(folder: &Path, runtime: &Runtime, tasks: usize, size: usize, rows: usize, raw: f64) {
    let store = Store::open(folder, &mut Tally::default()).unwrap();
    let each = rows / tasks / size;
    let batches: Vec<Vec<_>> = (0..tasks)
        .map(|task| {
            (0..each)
                .map(|batch| events((batch * tasks + task) * size, size))
                .collect()
        })
        .collect();
    let begun = Instant::now();
    let mut times = runtime.block_on(async {
        let tasks: Vec<_> = batches
            .into_iter()
            .map(|batches| tokio::spawn(send(store.events(), batches)))
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        times
    });
    let rate = (tasks * each * size) as f64 / begun.elapsed().as_secs_f64();
    let more = format!(
        "{rate:.0} events/s, {:.0} % of SQLite alone",
        rate / raw * 100.0
    );
    line(
        &format!("{tasks} tasks, batches of {size}"),
        &mut times,
        &more,
    );
    runtime.block_on(store.close());
}

async fn send(store: EventStore, batches: Vec<Arc<[Event]>>) -> Vec<Duration> {
    let mut times = Vec::new();
    for batch in batches {
        let begun = Instant::now();
        let mut appending = store.append(batch, |_| {}).unwrap();
        let answer: Result<_, AppendError> = appending.within(PATIENCE).await.unwrap();
        answer.unwrap();
        times.push(begun.elapsed());
    }
    times
}

fn fill(store: &EventStore, runtime: &Runtime, rows: usize) {
    let begun = Instant::now();
    runtime.block_on(async {
        let mut under_way = std::collections::VecDeque::new();
        for batch in 0..rows / 1_000 {
            under_way.push_back(store.append(events(batch * 1_000, 1_000), |_| {}).unwrap());
            if under_way.len() > 8 {
                let mut oldest = under_way.pop_front().unwrap();
                oldest.within(PATIENCE).await.unwrap().unwrap();
            }
        }
        for mut one in under_way {
            one.within(PATIENCE).await.unwrap().unwrap();
        }
    });
    let rate = rows as f64 / begun.elapsed().as_secs_f64();
    let size = std::fs::metadata(store.file()).unwrap().len() as f64;
    let told = store.reader(PATIENCE).unwrap().totals().unwrap().bytes as f64;
    println!(
        "\n{rows} events in the database: {rate:.0} events/s, {:.0} bytes each, by the estimate {:.0}\n  milliseconds{:>43}{:>9}{:>9}",
        size / rows as f64,
        told / rows as f64,
        "median",
        "p99",
        "most"
    );
}

fn ask(name: &str, target: &str, rounds: usize, mut question: impl FnMut(usize)) {
    let mut times: Vec<_> = (0..rounds)
        .map(|round| {
            let begun = Instant::now();
            question(round);
            begun.elapsed()
        })
        .collect();
    line(name, &mut times, target);
}

fn questions(store: &EventStore, rows: usize) {
    let reader = || store.reader(PATIENCE).unwrap();
    let runs = rows / (RUNS * STEPS) * RUNS;
    let spread = |round: usize| round * 7_919 % runs;
    ask("a run of 1,000 steps", "target: under 10", 200, |round| {
        let run = run_of(spread(round) / RUNS * RUNS * STEPS + spread(round) % RUNS);
        let found = reader().run(&run, 10_000).unwrap();
        assert_eq!(found.events.len(), STEPS, "{run}");
    });
    pages(store, rows);
    ask("100 runs", "", 200, |_| {
        assert_eq!(reader().runs(None, 100).unwrap().runs.len(), 100)
    });
    ask("1,000 in order of commits", "", 200, |round| {
        let from = ((round * 7_919) % (rows - 1_000)) as i64;
        let found = reader()
            .after(from, &EventFilter::default(), 1_000)
            .unwrap();
        assert_eq!(found.events.len(), 1_000);
    });
    ask("one by its id", "", 200, |round| {
        assert!(
            reader()
                .event(&event(round * 7_919 % rows).id)
                .unwrap()
                .is_some()
        );
    });
}

/// Pages of a hundred by what they are about.
fn pages(store: &EventStore, rows: usize) {
    let reader = || store.reader(PATIENCE).unwrap();
    let page = |filter: EventFilter, cursor| {
        let found = reader()
            .page(&filter, cursor, 100, EventOrder::NewestFirst)
            .unwrap();
        assert_eq!(found.events.len(), 100, "{filter:?}");
    };
    let somewhere = |round: usize| {
        let index = (round + 1) * 7_919 % (rows - 100_000) + 100_000;
        Some(EventCursor {
            time: BEGIN + index as i64 * 13,
            sequence: 0,
        })
    };
    ask("the newest 100", "", 200, |_| {
        page(EventFilter::default(), None)
    });
    ask("100 from anywhere", "", 200, |round| {
        page(EventFilter::default(), somewhere(round))
    });
    let kinds = EventFilter {
        kinds: vec![
            "step.message".into(),
            "step.thought".into(),
            "request.finished".into(),
        ],
        ..EventFilter::default()
    };
    ask("100 of three kinds from anywhere", "", 200, |round| {
        page(kinds.clone(), somewhere(round))
    });
    let failed = EventFilter {
        outcomes: vec![EventOutcome::Failure],
        ..EventFilter::default()
    };
    ask("100 that failed, from anywhere", "", 200, |round| {
        page(failed.clone(), somewhere(round))
    });
}

/// Lets nine tenths go as the program does, while somebody appends.
fn let_go(store: &EventStore, runtime: &Runtime, rows: usize) {
    let totals = store.reader(PATIENCE).unwrap().totals().unwrap();
    let bounds = EventBounds {
        oldest: i64::MIN,
        bytes: totals.bytes / 10,
        at_once: 500,
    };
    let size = || std::fs::metadata(store.file()).unwrap().len() >> 20;
    let before = size();
    let begun = Instant::now();
    let (mut changes, mut beside) = runtime.block_on(async {
        let pruned = store.clone();
        let pruning = tokio::spawn(async move {
            let mut times = Vec::new();
            loop {
                let begun = Instant::now();
                let mut pruning = pruned.prune(bounds).unwrap();
                let pruned = pruning.within(PATIENCE).await.unwrap().unwrap();
                times.push(begun.elapsed());
                if !pruned.more {
                    return times;
                }
            }
        });
        let mut beside = Vec::new();
        let mut next = rows;
        while !pruning.is_finished() {
            beside.extend(send(store.clone(), vec![events(next, 10)]).await);
            next += 10;
        }
        (pruning.await.unwrap(), beside)
    });
    let rate = rows as f64 * 0.9 / begun.elapsed().as_secs_f64();
    println!(
        "\nletting nine tenths of them go{:>27}{:>9}{:>9}",
        "median", "p99", "most"
    );
    let more = format!(
        "{rate:.0} events/s; the file: {before} MiB, then {} MiB",
        size()
    );
    line("a change of 500", &mut changes, &more);
    line("appending 10 beside it", &mut beside, "");
}

/// The rate of SQLite alone with a thousand events a transaction, and that of durable appending beside it. Gives the first, in events
/// a second.
pub fn durable() -> f64 {
    let runtime = Runtime::new().unwrap();
    let folder = || tempfile::tempdir().unwrap();
    println!(
        "\nmilliseconds until acknowledged{:>26}{:>9}{:>9}",
        "median", "p99", "most"
    );
    let rate = raw(folder().path(), &runtime, 300_000);
    for (tasks, size, rows) in [
        (1, 1, 2_000),
        (64, 1, 60_000),
        (1, 100, 100_000),
        (16, 100, 300_000),
        (4, 1_000, 300_000),
        (16, 1_000, 500_000),
    ] {
        append(folder().path(), &runtime, tasks, size, rows, rate);
    }
    rate
}

/// What questions cost where there are so many events, and letting them go.
pub fn asked(rows: usize) {
    let rows = rows.next_multiple_of(RUNS * STEPS).max(2 * RUNS * STEPS);
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    fill(&store.events(), &runtime, rows);
    questions(&store.events(), rows);
    let_go(&store.events(), &runtime, rows);
    runtime.block_on(store.close());
}
