//! Which samples count at which time: lookback, staleness, offsets, fixed times, subqueries.

use super::{ask, at, check, graph, past};

#[test]
fn the_newest_sample_counts_until_it_is_too_old() {
    let view = past(&[("up{a=b}", "1 2 3")]);
    assert_eq!(ask(&view, "up", 1), "up{a=\"b\"} 2");
    assert_eq!(ask(&view, "up", 2 + 59), "up{a=\"b\"} 3");
    assert_eq!(ask(&view, "up", 2 + 60), "", "it is five minutes old");
    assert_eq!(ask(&view, "up", -1), "", "before the beginning");
    assert_eq!(
        graph(&view, "up", (-1, 4), 1),
        "up{a=\"b\"} 0:1 1:2 2:3 3:3 4:3"
    );
}

#[test]
fn a_series_that_is_absent_at_the_newest_tick_has_no_value() {
    let view = past(&[("up", "1 2 _ _ 5"), ("always", "0 0 0 0 0 0 0")]);
    assert_eq!(graph(&view, "up", (0, 6), 1), "up 0:1 1:2 4:5");
    check(
        &view,
        4,
        &[
            ("up[20s]", "up 1:2 4:5"),
            ("count_over_time(up[20s])", "2"),
            ("sum_over_time(up[5s])", "5"),
            ("count_over_time(up[5s] offset 5s)", ""),
            ("absent(up offset 5s)", "1"),
            ("absent(up)", ""),
        ],
    );
}

#[test]
fn a_range_is_open_on_the_left_and_closed_on_the_right() {
    let view = past(&[("x", "0+1x10")]);
    check(
        &view,
        4,
        &[
            ("x[10s]", "x 3:3 4:4"),
            ("x[10001ms]", "x 2:2 3:3 4:4"),
            ("x[5s] offset 5s", "x 3:3"),
            ("x[5s] offset -5s", "x 5:5"),
            ("x offset 10s", "x 2"),
            ("x offset -1m", "x 10"),
        ],
    );
}

#[test]
fn times_can_be_fixed() {
    let view = past(&[("x", "0+1x10")]);
    let fixed = format!("x @ {}", at(3) / 1000);
    assert_eq!(graph(&view, &fixed, (5, 6), 1), "x 5:3 6:3");
    assert_eq!(graph(&view, "x @ start()", (5, 7), 2), "x 5:5 7:5");
    assert_eq!(graph(&view, "x @ end() offset 5s", (5, 7), 2), "x 5:6 7:6");
    let sums = graph(&view, "sum_over_time(x[10s] @ end())", (5, 7), 1);
    assert_eq!(sums, "5:13 6:13 7:13");
}

#[test]
fn a_subquery_has_steps_of_its_own() {
    let view = past(&[("x", "0+1x40"), ("c_total", "0+5x40")]);
    // Multiples of ten seconds are even ticks.
    check(
        &view,
        13,
        &[
            ("max_over_time(x[30s:10s])", "12"),
            ("count_over_time(x[30s:10s])", "3"),
            ("sum_over_time((x * 2)[20s:5s])", "92"),
            ("x[20s:10s]", "x 10:10 12:12"),
            ("x[20s:10s] offset 10s", "x 8:8 10:10"),
            ("max_over_time(rate(c_total[20s])[30s:5s])", "1"),
        ],
    );
    assert_eq!(
        graph(&view, "sum_over_time(x[10s:5s])", (4, 8), 2),
        "4:7 6:11 8:15"
    );
}

#[test]
fn the_time_of_a_sample_and_of_a_step() {
    let view = past(&[("x", "7 _ 8"), ("y", "1 2 3 4")]);
    check(
        &view,
        3,
        &[
            ("time()", "1000015"),
            ("timestamp(y)", "1000015"),
            ("timestamp(y offset 10s)", "1000005"),
            ("timestamp(-y)", "1000015"),
            ("vector(time())", "1000015"),
        ],
    );
    assert_eq!(
        graph(&view, "timestamp(x)", (0, 2), 1),
        "0:1000000 2:1000010"
    );
    assert_eq!(graph(&view, "time()", (0, 1), 1), "0:1000000 1:1000005");
}

#[test]
fn names_and_labels_choose_series() {
    let view = past(&[
        ("a{code=200,method=get}", "1"),
        ("a{code=500,method=get}", "2"),
        ("a{code=500,method=put}", "3"),
        ("b{code=500}", "4"),
    ]);
    check(
        &view,
        0,
        &[
            ("a{code=\"200\"}", "a{code=\"200\", method=\"get\"} 1"),
            ("a{code!=\"500\"}", "a{code=\"200\", method=\"get\"} 1"),
            ("sum(a{code=~\"5..\"})", "5"),
            ("sum(a{code=~\"5\"})", ""),
            ("sum({code=\"500\"})", "9"),
            ("sum({__name__=~\"a|b\", method!~\"get\"})", "7"),
            (
                "sum(a{method=\"get\", code=\"200\" or method=\"put\"})",
                "4",
            ),
            ("b{method=\"\"}", "b{code=\"500\"} 4"),
        ],
    );
}
