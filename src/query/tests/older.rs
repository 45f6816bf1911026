//! The past from before memory: what of it is read, and how it goes on.

use std::cell::RefCell;

use super::{START, STEP, at, matrix, past};
use crate::query::value::Line;
use crate::query::{Answer, Labels, Older, Past, Query, QueryError, Selector, Terms, Window};

/// From one sample before memory to the next: as long as a sample is a value there.
const FAR: i64 = 300_000;

/// Samples from before memory; those of a query are noted.
#[derive(Debug)]
struct Kept {
    lines: Vec<Line>,
    asked: RefCell<Vec<(i64, i64)>>,
}

impl Older for Kept {
    fn seam(&self) -> i64 {
        START
    }

    fn lookback(&self) -> i64 {
        2 * FAR
    }

    fn samples(&self, selector: &Selector, from: i64, until: i64) -> Result<Vec<Line>, QueryError> {
        self.asked.borrow_mut().push((from, until));
        let meant = self.lines.iter().filter(|(labels, _)| {
            selector.matches(labels.get("__name__"), |key| Some(labels.get(key)))
        });
        let asked = |(labels, samples): &Line| {
            let samples = samples.iter().copied();
            let samples = samples.filter(|(time, _)| (from..=until).contains(time));
            (labels.clone(), samples.collect())
        };
        Ok(meant.map(asked).collect())
    }
}

/// A counter that gained 300 each five minutes until a minute before memory, and one that memory does not have.
fn kept() -> Kept {
    let samples = (0..4).map(|back| {
        let time = START - 60_000 - back * FAR;
        (time, 1_000.0 - (back * 300) as f64)
    });
    let mut samples: Vec<(i64, f64)> = samples.collect();
    samples.reverse();
    let name = |name: &str| Labels::new(&name.into(), &[("a".into(), "b".into())]);
    Kept {
        lines: vec![(name("x"), samples.clone()), (name("gone"), samples)],
        asked: RefCell::default(),
    }
}

fn graph(kept: &Kept, query: &str, start: i64, end: i64, step: i64) -> String {
    let view = past(&[("x{a=b}", "1060+5x100")]);
    let window = Window { start, end, step };
    let query = Query::parse(query).unwrap();
    match query.over(Past::new(&view, Some(kept)), window, &Terms::default()) {
        Ok(Answer::Matrix(series)) => matrix(&series),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_graph_goes_on_across_the_seam_without_a_hole() {
    let told = graph(&kept(), "x", START - 2 * FAR, START + 60_000, FAR);
    assert_eq!(told, "x{a=\"b\"} -120:400 -60:700 0:1060");
}

#[test]
fn a_rate_counts_what_was_gained_on_both_sides() {
    // From 700 six minutes before memory until 1120 a minute after it began, of ten minutes.
    let told = graph(&kept(), "increase(x[10m])", at(12), at(12), STEP);
    let number: f64 = told.rsplit(':').next().unwrap().parse().unwrap();
    assert!((420.0..=600.0).contains(&number), "{told}");
    let told = graph(
        &kept(),
        "last_over_time(x[10m] offset 10m)",
        at(0),
        at(0),
        STEP,
    );
    assert_eq!(told, "x{a=\"b\"} 0:400");
}

#[test]
fn what_memory_does_not_have_ends_where_it_begins() {
    let told = graph(&kept(), "gone", START - 30_000, START + 30_000, 15_000);
    assert_eq!(told, "gone{a=\"b\"} -6:1000 -3:1000");
}

#[test]
fn only_what_is_older_than_memory_is_asked_for() {
    let kept = kept();
    graph(&kept, "x", at(61), at(90), STEP);
    graph(&kept, "rate(x[1m])", at(12), at(90), STEP);
    assert!(kept.asked.borrow().is_empty());
    graph(&kept, "rate(x[1m])", at(11), at(90), STEP);
    assert_eq!(*kept.asked.borrow(), [(at(-1) + 1, START - 1)]);
}
