//! What holds whatever the past is and whatever is asked.

use proptest::prelude::*;

use super::{START, STEP, at};
use crate::history::View;
use crate::history::made::made;
use crate::query::{Answer, Query, QueryFault, Terms, Window};

/// Ticks of one series, some of them absent.
fn ticks() -> impl Strategy<Value = Vec<Option<f64>>> {
    prop::collection::vec(prop::option::weighted(0.8, -1e3..1e3f64), 1..60)
}

fn view_of(values: &[Option<f64>]) -> View {
    let labels = vec![("a".to_owned(), "b".to_owned())];
    made(START, STEP, &[("x".to_owned(), labels, values.to_vec())])
}

/// What a function over time should come to at a time, the slow way.
fn naive(name: &str, values: &[Option<f64>], time: i64, range: i64) -> Option<f64> {
    let within: Vec<f64> = (0..values.len())
        .filter(|tick| (time - range < at(*tick as i64)) && at(*tick as i64) <= time)
        .filter_map(|tick| values[tick])
        .collect();
    let (first, last) = (within.first()?, within.last()?);
    let sum: f64 = within.iter().sum();
    Some(match name {
        "sum_over_time" => sum,
        "avg_over_time" => sum / within.len() as f64,
        "min_over_time" => within.iter().copied().fold(f64::INFINITY, f64::min),
        "max_over_time" => within.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "count_over_time" => within.len() as f64,
        "first_over_time" => *first,
        _ => *last,
    })
}

const OVER_TIME: [&str; 7] = [
    "sum_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "first_over_time",
    "last_over_time",
];

proptest! {
    #[test]
    fn functions_over_time_are_those_of_the_samples_in_the_range(
        values in ticks(),
        from in -20_000..200_000i64,
        step in 1..60_000i64,
        range in 1..120_000i64,
    ) {
        let view = view_of(&values);
        let window = Window { start: START + from, end: START + from + step * 30, step };
        for name in OVER_TIME {
            let query = Query::parse(&format!("{name}(x[{range}ms])")).unwrap();
            let Ok(Answer::Matrix(series)) = query.over(&view, window, &Terms::default()) else {
                panic!("a matrix was expected");
            };
            let found = series.first().map_or(&[][..], |(_, values)| values.as_slice());
            let wanted: Vec<(i64, f64)> = window
                .times()
                .filter_map(|time| Some((time, naive(name, &values, time, range)?)))
                .collect();
            prop_assert_eq!(found.len(), wanted.len(), "{}", name);
            for (found, wanted) in std::iter::zip(found, &wanted) {
                prop_assert_eq!(found.0, wanted.0);
                prop_assert!((found.1 - wanted.1).abs() < 1e-6, "{}: {:?} and {:?}", name, found, wanted);
            }
        }
    }

    #[test]
    fn a_graph_has_what_each_of_its_steps_has(
        values in ticks(),
        query in expression(),
        step in 1..40_000i64,
    ) {
        let view = view_of(&values);
        // These two are other times in a graph.
        prop_assume!(!query.contains("start()") && !query.contains("end()"));
        let Ok(query) = Query::parse(&query) else { return Ok(()); };
        let window = Window { start: START, end: START + step * 10, step };
        let terms = Terms::default();
        let Ok(Answer::Matrix(series)) = query.over(&view, window, &terms) else { return Ok(()); };
        for time in window.times() {
            let mut graphed: Vec<String> = series
                .iter()
                .flat_map(|(labels, values)| values.iter().map(move |value| (labels, value)))
                .filter(|(_, (at, _))| *at == time)
                .map(|(labels, (_, value))| format!("{labels} {value}"))
                .collect();
            let mut alone: Vec<String> = match query.at(&view, time, &terms) {
                Ok(Answer::Vector(series)) => {
                    series.iter().map(|(labels, value)| format!("{labels} {value}")).collect()
                }
                Ok(Answer::Scalar(value)) => vec![format!("{{}} {value}")],
                other => panic!("{other:?}"),
            };
            graphed.sort();
            alone.sort();
            prop_assert_eq!(graphed, alone);
        }
    }

    #[test]
    fn no_text_and_no_time_is_the_end_of_the_program(
        query in prop_oneof![expression(), wild()],
        time in prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), START..START + 100_000, any::<i64>()],
        step in prop_oneof![Just(i64::MAX), 1..100_000i64],
        span in prop_oneof![Just(0), 0..1_000_000i64, any::<i64>()],
    ) {
        let view = view_of(&[Some(1.0), None, Some(3.0), Some(f64::NAN), Some(f64::INFINITY)]);
        if let Ok(query) = Query::parse(&query) {
            let terms = Terms::default();
            // Either is as good, as long as there is one.
            drop(query.at(&view, time, &terms));
            let window = Window { start: time, end: time.saturating_add(span), step };
            drop(query.over(&view, window, &terms));
        }
    }
}

#[rustfmt::skip]
const LEAVES: &[&str] = &[
    "x", "x{a=\"b\"}", "none", "{a!=\"\"}", "1", "0", "-2.5", "Inf", "NaN", "time()", "vector(2)", "x[15s]", "x[1m] offset 5s", "x offset -10s", "x @ 1000010", "x @ end()", "\"s\"", "x[1m:7s]",
];

/// Expressions with A, B and C in the places of others.
#[rustfmt::skip]
const TEMPLATES: &[&str] = &[
    "(A)", "-A", "A + B", "A / B", "A > bool B", "A == B", "A ^ B", "A % B", "A and B", "A or B", "A unless B", "A * on(a) B", "A - ignoring(a) group_left(c) B", "A < on() group_right B", "rate(A[20s])", "rate(A)", "irate(A)", "delta(A)", "deriv(A)", "sum_over_time(A)", "changes(A)", "stddev_over_time(A)", "quantile_over_time(B, A)", "predict_linear(A, B)", "absent(A)", "absent_over_time(A)", "avg_over_time((A)[30s:10s])", "(A)[30s:]", "sum(A)", "avg by (a) (A)", "topk(B, A)", "quantile(B, A)", "count_values(\"v\", A)", "count without (a) (A)", "stdvar(A)", "histogram_quantile(B, A)", "clamp(A, B, C)", "round(A, B)", "abs(A)", "ln(A)", "sort(A)", "scalar(A)", "vector(A)", "timestamp(A)", "label_replace(A, \"a\", \"$1\", \"a\", \"(.*)\")", "label_join(A, \"c\", \"-\", \"a\", \"a\")", "A @ start()", "A offset 20s", "bottomk(1, A) + B",
];

/// Texts that are mostly expressions: templates filled with each other.
fn expression() -> impl Strategy<Value = String> {
    let leaves = prop::sample::select(LEAVES).prop_map(str::to_owned);
    leaves.prop_recursive(4, 24, 3, |inner| {
        let templates = prop::sample::select(TEMPLATES);
        (templates, inner.clone(), inner.clone(), inner).prop_map(|(template, a, b, c)| {
            // Capitals stand in templates alone, but for numbers that are none.
            let parts = template.chars().map(|letter| match letter {
                'A' => a.clone(),
                'B' => b.clone(),
                'C' => c.clone(),
                other => other.to_string(),
            });
            parts.collect()
        })
    })
}

/// Texts that are mostly nonsense, with what is hard on numbers and times.
fn wild() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "x",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "5m",
        "1e400",
        "-1",
        "9999999999y",
        "0",
        "0s",
        "1.5",
        "@",
        "offset",
        "sum",
        "by",
        "on",
        "rate",
        "+",
        "-",
        "*",
        "=~",
        "\"(\"",
        "\"a\"",
        ",",
        ":",
        "start()",
        "nan",
        "inf",
        "bool",
        "and",
        "0x1F",
        "é",
        "1e-7",
        "18446744073709551616",
        "-9223372036854775808",
        "[1e30]",
        "offset -1e30",
    ]);
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.join(" "))
}

#[test]
fn deep_expressions_are_walked_or_refused_without_overflow() {
    let view = view_of(&[Some(1.0), Some(2.0)]);
    for (nested, depth) in [
        ("(DEEP)", 126),
        ("-DEEP", 127),
        ("sum(DEEP)", 127),
        ("x + DEEP", 127),
        ("x + (DEEP)", 63),
        ("abs(-DEEP)", 63),
        ("avg_over_time(DEEP[5m:1m])", 63),
    ] {
        let deep =
            |depth| (0..depth).fold("x".to_owned(), |inner, _| nested.replace("DEEP", &inner));
        let query = Query::parse(&deep(depth)).unwrap();
        // A test's thread has the same stack as one for blocking work.
        query.at(&view, START, &Terms::default()).unwrap();
        let error = Query::parse(&deep(depth * 2)).unwrap_err();
        assert_eq!(error.fault, QueryFault::TooMuch, "{nested}");
    }
}
