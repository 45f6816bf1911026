//! Reading, beside the same questions asked of a list.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::model::{EventOutcome, KeptEvent, Tally};
use crate::store::Store;

/// Nothing here takes longer, unless it hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const KINDS: [&str; 4] = ["run.started", "run.finished", "step.message", "other.thing"];

pub(super) fn event(index: usize, time: i64) -> Event {
    // Each column with another period, so that all combinations meet.
    let some = |period: usize, name: &str| {
        let number = index / 2 % period;
        (number > 0).then(|| format!("{name}-{number}").into())
    };
    Event {
        id: format!("event-{index}").into(),
        kind: KINDS[index % KINDS.len()].into(),
        version: 1 + (index % 3) as u32,
        time,
        source: some(3, "source"),
        run: some(5, "run"),
        correlation: some(4, "correlation"),
        trace: (!(index / 2).is_multiple_of(3))
            .then(|| format!("00-{}-b7ad6b7169203331-01", trace(index / 2 % 3)).into()),
        outcome: EventOutcome::ALL.get(index % 7).copied(),
        data: format!("{{\"index\":{index}}}").into(),
    }
}

/// A trace id.
fn trace(number: usize) -> Box<str> {
    format!("{number:032x}").into()
}

/// Events of which many have the same time, and whose times are not in the order of their commits.
pub(super) fn events(count: usize) -> Vec<Event> {
    let time = |index: usize| (index * 37 % 50) as i64;
    (0..count).map(|index| event(index, time(index))).collect()
}

pub(super) fn store_with(folder: &tempfile::TempDir, events: &[Event]) -> Store {
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let mut appending = store.events().append(events.into(), |_| {}).unwrap();
        appending.within(PATIENCE).await.unwrap().unwrap();
    });
    store
}

pub(super) fn is_meant(filter: &EventFilter, event: &Event) -> bool {
    (filter.kinds.is_empty() || filter.kinds.contains(&event.kind))
        && (filter.run.is_none() || filter.run == event.run)
        && (filter.correlation.is_none() || filter.correlation == event.correlation)
        && filter.trace.as_deref().is_none_or(|wanted| {
            let own = event.trace.as_deref();
            own.is_some_and(|own| own.split('-').nth(1) == Some(wanted))
        })
        && (filter.source.is_none() || filter.source == event.source)
        && filter.from.is_none_or(|from| event.time >= from)
        && filter.until.is_none_or(|until| event.time < until)
        && (filter.outcomes.is_empty()
            || event
                .outcome
                .is_some_and(|outcome| filter.outcomes.contains(&outcome)))
}

/// Everything that is meant, page by page.
fn pages(
    reader: &mut EventReader,
    filter: &EventFilter,
    order: EventOrder,
    limit: usize,
) -> Vec<i64> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.page(filter, cursor, limit, order).unwrap();
        assert!(page.events.len() <= limit && !page.partial);
        all.extend(page.events.iter().map(|one| one.sequence));
        if page.next.is_none() {
            return all;
        }
        cursor = page.next;
    }
}

fn filters() -> impl Strategy<Value = EventFilter> {
    let text = |name: &'static str| {
        prop::option::weighted(
            0.3,
            (1..6usize).prop_map(move |number| format!("{name}-{number}").into()),
        )
    };
    let kinds = prop::collection::vec(
        prop::sample::select(
            &[
                "run.started",
                "run.finished",
                "step.message",
                "other.thing",
                "no.kind",
            ][..],
        )
        .prop_map(Arc::from),
        0..4,
    );
    let outcomes = prop::collection::vec(prop::sample::select(&EventOutcome::ALL[..]), 0..3);
    let time = || prop::option::weighted(0.3, 0..60i64);
    (
        kinds,
        text("run"),
        text("correlation"),
        prop::option::weighted(0.3, (1..4usize).prop_map(trace)),
        text("source"),
        time(),
        time(),
        outcomes,
    )
        .prop_map(
            |(kinds, run, correlation, trace, source, from, until, outcomes)| EventFilter {
                kinds,
                run,
                correlation,
                trace,
                source,
                from,
                until,
                outcomes,
            },
        )
}

#[test]
fn whatever_is_meant_is_found_in_order_page_by_page_and_after_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let events = events(400);
    let store = store_with(&folder, &events);
    let store = store.events();
    proptest!(ProptestConfig::with_cases(200), |(filter in filters(), limit in 1..60usize, newest: bool, from in 0..500i64)| {
        let mut reader = store.reader(PATIENCE).unwrap();
        let meant = (1..).zip(&events).filter(|(_, event)| is_meant(&filter, event));
        let mut places: Vec<(i64, i64)> = meant.map(|(sequence, event)| (event.time, sequence)).collect();
        let after: Vec<i64> = places.iter().map(|(_, sequence)| *sequence).filter(|one| *one > from).take(limit).collect();
        places.sort_unstable();
        let order = if newest {
            places.reverse();
            EventOrder::NewestFirst
        } else {
            EventOrder::OldestFirst
        };
        let wanted: Vec<i64> = places.into_iter().map(|(_, sequence)| sequence).collect();
        prop_assert_eq!(pages(&mut reader, &filter, order, limit), wanted);

        let found = reader.after(from, &filter, limit).unwrap();
        let sequences: Vec<i64> = found.events.iter().map(|one| one.sequence).collect();
        prop_assert_eq!(&sequences, &after);
        let end = if after.len() == limit { after[limit - 1] } else { from.max(400) };
        prop_assert_eq!((found.reached, found.newest, found.gap), (end, 400, false));
    });
}

#[test]
fn an_event_comes_back_as_it_was_by_its_id_and_in_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = events(40);
    events[3].id = "018f4c5e-7d1a-7000-8000-000000000001".into();
    // As text this is another id than the one before.
    events[4].id = "018F4C5E-7D1A-7000-8000-000000000001".into();
    let store = store_with(&folder, &events);
    let mut reader = store.events().reader(PATIENCE).unwrap();
    for (sequence, event) in (1..).zip(&events) {
        let event = event.clone();
        let id = event.id.clone();
        assert_eq!(
            reader.event(&id).unwrap(),
            Some(KeptEvent { sequence, event })
        );
    }
    assert_eq!(reader.event("nobody").unwrap(), None);

    let mut of_run: Vec<_> = (1..)
        .zip(&events)
        .filter(|(_, event)| event.run.as_deref() == Some("run-2"))
        .collect();
    of_run.sort_by_key(|(sequence, event)| (event.time, *sequence));
    let all = reader.run("run-2", of_run.len()).unwrap();
    assert!(!all.cut);
    assert!(
        all.events
            .iter()
            .map(|one| (one.sequence, &one.event))
            .eq(of_run.iter().copied())
    );
    let some = reader.run("run-2", 3).unwrap();
    let (first, end) = some.events.split_at(3);
    assert!(some.cut && first == &all.events[..3]);
    assert!(end.iter().all(|one| &*one.event.kind == "run.finished"));
    assert_eq!(reader.run("nobody", 3).unwrap().events, []);
}

#[test]
fn runs_are_told_by_their_beginning_and_their_newest_end() {
    let folder = tempfile::tempdir().unwrap();
    let told = |index: usize, kind: &str, run: &str, time| Event {
        kind: kind.into(),
        run: Some(run.into()),
        ..event(index, time)
    };
    let events = [
        told(0, "run.started", "a", 10),
        told(1, "run.started", "b", 20),
        told(2, "step.message", "b", 25),
        told(3, "run.finished", "a", 30),
        told(4, "run.finished", "a", 40),
        told(5, "run.started", "c", 20),
        told(6, "run.finished", "c", 50),
    ];
    let store = store_with(&folder, &events);
    let mut reader = store.events().reader(PATIENCE).unwrap();
    let mut told = |cursor, limit| -> Vec<(i64, Option<i64>)> {
        let page = reader.runs(cursor, limit).unwrap();
        let pair = |one: RunEntry| (one.started.sequence, one.finished.map(|one| one.sequence));
        page.runs.into_iter().map(pair).collect()
    };
    assert_eq!(told(None, 2), [(6, Some(7)), (2, None)]);
    let cursor = EventCursor {
        time: 20,
        sequence: 2,
    };
    assert_eq!(told(Some(cursor), 2), [(1, Some(5))]);
    // The end of one that is cut is there all the same, once.
    let mut run = |run: &str, most| -> (Vec<i64>, bool) {
        let found = reader.run(run, most).unwrap();
        let events = found.events.iter();
        (events.map(|one| one.sequence).collect(), found.cut)
    };
    assert_eq!(run("a", 1), (vec![1, 5], true));
    assert_eq!(run("a", 2), (vec![1, 4, 5], true));
    assert_eq!(run("a", 3), (vec![1, 4, 5], false));
    assert_eq!(run("b", 1), (vec![2], true));
}

#[test]
fn each_beginning_of_a_run_has_its_own_end() {
    let told = |index: usize, kind: &str, time| Event {
        kind: kind.into(),
        run: Some("a".into()),
        ..event(index, time)
    };
    let events = [
        told(0, "run.started", 10),
        told(1, "run.finished", 20),
        told(2, "run.finished", 30),
        told(3, "run.started", 30),
        told(4, "step.message", 35),
        // By another clock: it is the end of the second.
        told(5, "run.finished", 29),
        told(6, "run.started", 50),
        told(7, "run.finished", 60),
    ];
    for (count, third) in [(7, None), (8, Some(8))] {
        let folder = tempfile::tempdir().unwrap();
        let store = store_with(&folder, &events[..count]);
        let mut reader = store.events().reader(PATIENCE).unwrap();
        let runs = reader.runs(None, 9).unwrap().runs;
        let pair = |one: RunEntry| (one.started.sequence, one.finished.map(|one| one.sequence));
        let pairs: Vec<_> = runs.into_iter().map(pair).collect();
        assert_eq!(pairs, [(7, third), (4, Some(6)), (1, Some(3))]);
    }
}

#[test]
fn how_much_there_is_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(&folder, &[]);
    let totals = || store.events().reader(PATIENCE).unwrap().totals().unwrap();
    assert_eq!(totals(), EventTotals::default());
    drop(store);
    let other = tempfile::tempdir().unwrap();
    let store = store_with(&other, &events(30)[7..]);
    let totals = store.events().reader(PATIENCE).unwrap().totals().unwrap();
    assert_eq!(
        (totals.rows, totals.newest, totals.oldest),
        (23, 23, Some(1))
    );
    assert!(totals.bytes > 23 * 100);
}

#[test]
fn every_filter_is_served_by_the_index_that_is_meant_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(&folder, &events(40));
    let connection = Connection::open(store.events().file()).unwrap();
    let one = |change: &dyn Fn(&mut EventFilter)| {
        let mut filter = EventFilter::default();
        change(&mut filter);
        filter
    };
    let kind =
        |filter: &mut EventFilter| filter.kinds = vec!["run.started".into(), "other.thing".into()];
    let run = |filter: &mut EventFilter| filter.run = Some("run-1".into());
    let correlation = |filter: &mut EventFilter| filter.correlation = Some("correlation-1".into());
    let of_trace = |filter: &mut EventFilter| filter.trace = Some(trace(1));
    let failed = |filter: &mut EventFilter| {
        filter.outcomes = vec![EventOutcome::Failure, EventOutcome::Timeout]
    };
    let well = |filter: &mut EventFilter| filter.outcomes = vec![EventOutcome::Success];
    let source = |filter: &mut EventFilter| filter.source = Some("source-1".into());
    let by_run = ("event_by_run", "run=? AND ");
    let by_correlation = ("event_by_correlation", "correlation=? AND ");
    let by_trace = ("event_by_trace", "<expr>=? AND ");
    let by_kind = ("event_by_kind", "kind=? AND outcome=? AND ");
    let by_outcome = ("event_by_outcome", "outcome=? AND ");
    let by_time = ("event_by_time", "");
    type Change<'a> = &'a dyn Fn(&mut EventFilter);
    let cases: [(&[Change<'_>], (&str, &str), usize); 15] = [
        (&[], by_time, 1),
        (&[&source], by_time, 1),
        (&[&run], by_run, 1),
        (&[&run, &kind, &failed, &source], by_run, 1),
        (&[&run, &correlation], by_run, 1),
        (&[&correlation], by_correlation, 1),
        (&[&correlation, &kind], by_correlation, 1),
        (&[&correlation, &of_trace], by_correlation, 1),
        (&[&of_trace], by_trace, 1),
        (&[&of_trace, &kind, &source], by_trace, 1),
        (&[&kind], by_kind, 2 * 5),
        (&[&kind, &failed], by_kind, 2 * 2),
        (&[&kind, &source], by_kind, 2 * 5),
        (&[&failed], by_outcome, 2),
        (&[&well], by_kind, 4),
    ];
    for (changes, (index, equal), walks) in cases {
        let filter = one(&|filter| changes.iter().for_each(|change| change(filter)));
        for order in [EventOrder::NewestFirst, EventOrder::OldestFirst] {
            let plans = walk::plans(&connection, &filter, order);
            assert_eq!(plans.len(), walks, "{filter:?}");
            for plan in plans {
                let wanted = format!("{index} ({equal}time>? AND time<?)");
                let [only] = &plan[..] else {
                    panic!("{filter:?}: {plan:?}");
                };
                // One search within the index, and nothing to be sorted.
                assert!(
                    only.starts_with("SEARCH event USING ") && only.ends_with(&wanted),
                    "{filter:?}: {only}"
                );
            }
        }
    }
}

#[test]
fn a_question_that_takes_too_long_ends_and_the_next_one_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(&folder, &events(3_000)).events();
    let filter = EventFilter {
        source: Some("nobody".into()),
        ..EventFilter::default()
    };
    let mut reader = store.reader(Duration::ZERO).unwrap();
    let page = reader.page(&filter, None, 10, EventOrder::NewestFirst);
    assert!(matches!(page, Err(StoreError::Slow(_))), "{page:?}");
    drop(reader);
    let mut reader = store.reader(PATIENCE).unwrap();
    let page = reader.page(&filter, None, 10, EventOrder::NewestFirst);
    assert_eq!(page.unwrap().events, []);
}

#[test]
fn readers_are_few_and_who_finds_none_is_told_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(&folder, &events(3)).events();
    let mut readers: Vec<_> = (0..4).map(|_| store.reader(PATIENCE).unwrap()).collect();
    assert!(matches!(
        store.reader(Duration::ZERO),
        Err(StoreError::Slow(_))
    ));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.reader(PATIENCE).unwrap().totals());
        readers.pop();
        assert_eq!(waiting.join().unwrap().unwrap().rows, 3);
    });
}
