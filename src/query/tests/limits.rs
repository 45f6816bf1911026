//! What a query may cost, and what is not carried out.

use std::time::Duration;

use super::{START, STEP, answer, ask, at, graph, past};
use crate::query::{Limits, Query, QueryFault, Terms, Window};

fn refusal(query: &str, limits: Limits) -> (QueryFault, String) {
    let view = past(&[("x{n=1}", "0+1x500"), ("x{n=2}", "0+1x500")]);
    let window = Window {
        start: START,
        end: at(500),
        step: STEP,
    };
    let terms = Terms {
        limits,
        ..Terms::default()
    };
    let error = Query::parse(query).unwrap().over(&view, window, &terms);
    let error = error.expect_err("it is too much");
    (error.fault, error.message)
}

/// A query, the limit that it breaks, and a word of the refusal.
type Costly = (&'static str, fn(&mut Limits), &'static str);

const COSTLY: [Costly; 13] = [
    ("x", |limits| limits.series = 1, "2 series"),
    ("x", |limits| limits.samples = 1_000, "1000 samples"),
    (
        "sum_over_time(x[1m])",
        |limits| limits.samples = 900,
        "900 samples",
    ),
    ("x", |limits| limits.values = 1_000, "1000 values"),
    ("x", |limits| limits.results = 1_001, "1001 values"),
    ("time()", |limits| limits.results = 500, "500 values"),
    ("1 + 1", |limits| limits.values = 1_000, "1000 values"),
    (
        "count_values(\"v\", x)",
        |limits| limits.values = 100_000,
        "values",
    ),
    ("sum_over_time(x[1h:100ms])", |_| {}, "steps"),
    (
        "label_join(x, \"m\", \"-\", \"n\", \"n\")",
        |limits| limits.labels = 100,
        "100 bytes of labels",
    ),
    (
        "label_replace(x, \"m\", \"$1-$1\", \"n\", \"(.*)\")",
        |limits| limits.labels = 100,
        "100 bytes of labels",
    ),
    (
        "count_values(\"v\", x)",
        |limits| limits.labels = 1_000,
        "1000 bytes of labels",
    ),
    ("x", |limits| limits.labels = 17, "17 bytes of labels"),
];

#[test]
fn what_a_query_costs_is_bounded() {
    for (query, change, word) in COSTLY {
        let mut limits = Limits::default();
        change(&mut limits);
        let (fault, message) = refusal(query, limits);
        assert!(message.contains(word), "{query}: {message}");
        assert_eq!(fault, QueryFault::TooMuch, "{query}");
    }
}

/// `label_join`, so many times within each other and with so many sources each.
fn joined(depth: usize, sources: usize) -> String {
    let sources = vec!["\"n\""; sources].join(",");
    (0..depth).fold("x".to_owned(), |inner, _| {
        format!("label_join({inner}, \"n\", \"\", {sources})")
    })
}

#[test]
fn no_label_is_multiplied_beyond_bounds() {
    let replaced = |depth: usize| {
        let groups = "$1".repeat(60);
        (0..depth).fold("x".to_owned(), |inner, _| {
            format!("label_replace({inner}, \"n\", \"{groups}\", \"n\", \"(.*)\")")
        })
    };
    let view = past(&[("x{n=1}", "1")]);
    for query in [joined(2, 60), replaced(2)] {
        let answer = ask(&view, &query, 0);
        assert!(answer.starts_with("x{n=\"1111111111"), "{answer}");
    }
    for depth in 3..=6 {
        for query in [joined(depth, 60), replaced(depth)] {
            let error = answer(&view, &query, 0).expect_err("the label is too long");
            assert_eq!(error.fault, QueryFault::TooMuch, "{depth}: {error}");
            // The first that is too long, of 60 to the power of three bytes at most: none beyond it is made.
            let length = error.message.split_whitespace();
            let length: usize = length.filter_map(|word| word.parse().ok()).next().unwrap();
            assert!(length <= 216_000, "{depth}: {error}");
        }
    }
}

#[test]
fn labels_of_all_series_together_are_bounded() {
    let names: Vec<String> = (0..2_000).map(|n| format!("x{{n=1,i={n}}}")).collect();
    let series: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let view = past(&series);
    let error = answer(&view, &joined(2, 250), 0).expect_err("it is 125 MB");
    assert_eq!(error.fault, QueryFault::TooMuch, "{error}");
    assert!(error.message.contains("bytes of labels"), "{error}");
    // Shared labels take their room once in memory, but each time in an answer.
    let long = joined(2, 200).replace("(x", "(vector(1)").replacen(
        "vector(1)",
        "label_replace(vector(1), \"n\", \"1\", \"\", \"\")",
        1,
    );
    let shared = format!("x * on() group_left(n) {long}");
    assert!(answer(&view, &format!("count({shared})"), 0).is_ok());
    let error = answer(&view, &shared, 0).expect_err("it is 80 MB");
    assert_eq!(error.fault, QueryFault::TooMuch, "{error}");
}

#[test]
fn the_time_before_a_query_is_carried_out_counts() {
    let view = past(&[("x", "1")]);
    let terms = Terms::default();
    let late = Terms {
        begun: terms.begun.checked_sub(terms.limits.time).unwrap(),
        ..terms
    };
    let query = Query::parse("1").unwrap();
    let error = query.at(&view, START, &late).expect_err("it is late");
    assert_eq!(error.fault, QueryFault::TooSlow);
}

#[test]
fn a_query_ends_when_its_time_is_over() {
    let limits = Limits {
        time: Duration::ZERO,
        ..Limits::default()
    };
    for query in [
        "sum_over_time(x[1h])",
        "x + x + x + x + x + x + x + x + x + x + x",
        "topk(1, x) or sort(x)",
    ] {
        // Small queries end before the first look at the clock.
        let query = [query; 12].join(" or ");
        let (fault, message) = refusal(&query, limits.clone());
        assert_eq!(fault, QueryFault::TooSlow, "{query}: {message}");
    }
}

#[test]
fn no_graph_has_more_steps_than_a_screen() {
    let view = past(&[("x", "0+1x3")]);
    assert!(graph(&view, "x", (0, 10_999), 1).starts_with("x 0:0 1:1"));
    assert_eq!(
        graph(&view, "x", (0, 11_001), 1),
        "TooMuch: the query has 11002 steps: at most 11001; take a longer step or a shorter time"
    );
    let window = Window {
        start: i64::MIN,
        end: i64::MAX,
        step: 1,
    };
    let query = Query::parse("x").unwrap();
    assert!(query.over(&view, window, &Terms::default()).is_err());
}

#[test]
fn what_is_not_carried_out_is_refused_by_its_name() {
    let view = past(&[]);
    for (query, name) in [
        (
            "double_exponential_smoothing(x[5m], 0.5, 0.5)",
            "the function `double_exponential_smoothing`",
        ),
        ("1 + sum(days_in_month(x))", "the function `days_in_month`"),
        (
            "histogram_fraction(0, 1, x)",
            "the function `histogram_fraction`",
        ),
        ("limitk(2, x)", "the aggregation `limitk`"),
        ("x + fill(0) y", "the modifier `fill`"),
    ] {
        let error = answer(&view, query, 0).expect_err("it is not carried out");
        assert_eq!(error.fault, QueryFault::Unsupported, "{query}: {error}");
        assert_eq!(error.message, format!("{name} is not supported here"));
    }
    for query in ["x[5m]", "\"text\""] {
        assert!(
            graph(&view, query, (0, 1), 1).starts_with("Malformed"),
            "{query}"
        );
    }
}

#[test]
fn numbers_where_vectors_belong_are_told() {
    let view = past(&[]);
    for query in [
        "ln(0)",
        "exp(NaN)",
        "rate(5)",
        "sum(1)",
        "topk(x, y)",
        "x and 1",
        "scalar(1)",
        "no_such(x)",
        "count_values(\"\", x)",
    ] {
        let error = answer(&view, query, 0).expect_err("it has no meaning");
        assert_eq!(error.fault, QueryFault::Malformed, "{query}: {error}");
    }
}
