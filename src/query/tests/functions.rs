//! Each function and aggregation against values worked out by hand.

use super::{ask, check, graph, past};

#[test]
fn a_rate_goes_on_to_the_ends_of_its_range() {
    let view = past(&[("c_total", "0+10x20"), ("far_total", "1000+10x20")]);
    check(
        &view,
        8,
        &[
            // Four samples over 15 s gain 30; the range of 20 s begins 5 s earlier.
            ("rate(c_total[20s])", "2"),
            ("increase(c_total[20s])", "40"),
            ("delta(c_total[20s])", "40"),
            ("irate(c_total[20s])", "2"),
            ("idelta(c_total[20s])", "10"),
            // One sample is none too many.
            ("rate(c_total[5s])", ""),
        ],
    );
    check(
        &view,
        1,
        &[
            // Two samples gain 10 in 5 s. The range began long before: a gauge is thought to have begun half a distance
            // before its first sample, a counter not below 0, and one that is far from 0 like a gauge.
            ("delta(c_total[20s])", "15"),
            ("increase(c_total[20s])", "10"),
            ("increase(far_total[20s])", "15"),
            ("rate(far_total[20s])", "0.75"),
        ],
    );
    assert_eq!(
        graph(&view, "rate(c_total[10s])", (1, 3), 1),
        "1:1 2:2 3:2",
        "nothing before 0"
    );
}

#[test]
fn a_counter_that_begins_anew_loses_nothing() {
    let view = past(&[("c_total", "0 10 20 5 15 25 25"), ("none", "1 nan nan 2")]);
    check(
        &view,
        5,
        &[
            // 10 to 20, 0 to 5, to 15, to 25: 35 in 20 s, and 5 s more.
            ("increase(c_total[25s])", "43.75"),
            ("delta(c_total[25s])", "18.75"),
            ("resets(c_total[30s])", "1"),
            ("changes(c_total[30s])", "5"),
        ],
    );
    check(
        &view,
        3,
        &[
            ("irate(c_total[20s])", "1"),
            ("idelta(c_total[20s])", "-15"),
            ("changes(none[20s])", "2"),
        ],
    );
    assert_eq!(ask(&view, "changes(c_total[10s])", 6), "0");
}

#[test]
fn a_gap_is_bridged_by_a_rate() {
    let view = past(&[("c_total", "0 10 20 _ _ 50 60")]);
    // 10 to 60 in 25 s and a mean distance of 25/3 s: the range's beginning 5 s earlier is near enough.
    assert_eq!(ask(&view, "rate(c_total[30s])", 6), "2");
}

#[test]
fn values_over_time() {
    let view = past(&[("x{a=b}", "4 2 2 _ 8"), ("line", "0+3x10")]);
    check(
        &view,
        4,
        &[
            ("avg_over_time(x[25s])", "{a=\"b\"} 4"),
            ("min_over_time(x[25s])", "{a=\"b\"} 2"),
            ("max_over_time(x[25s])", "{a=\"b\"} 8"),
            ("sum_over_time(x[25s])", "{a=\"b\"} 16"),
            ("count_over_time(x[25s])", "{a=\"b\"} 4"),
            ("stdvar_over_time(x[25s])", "{a=\"b\"} 6"),
            ("stddev_over_time(x[25s])", "{a=\"b\"} 2.449489742783178"),
            ("last_over_time(x[25s])", "x{a=\"b\"} 8"),
            ("first_over_time(x[25s])", "x{a=\"b\"} 4"),
            ("present_over_time(x[25s])", "{a=\"b\"} 1"),
            ("quantile_over_time(0.5, x[25s])", "{a=\"b\"} 3"),
            ("quantile_over_time(1, x[25s])", "{a=\"b\"} 8"),
            ("quantile_over_time(2, x[25s])", "{a=\"b\"} inf"),
            ("deriv(line[20s])", "0.6"),
            ("predict_linear(line[20s], 10)", "18"),
            ("absent_over_time(x[25s])", ""),
            (
                "absent_over_time(none{a=\"b\",c=~\"d\"}[25s])",
                "{a=\"b\"} 1",
            ),
            ("absent(none{a=\"b\",a=\"c\"})", "1"),
        ],
    );
}

#[test]
fn functions_of_each_value() {
    let view = past(&[("x{a=b}", "-2.5"), ("y", "100"), ("z", "0")]);
    check(
        &view,
        0,
        &[
            ("abs(x)", "{a=\"b\"} 2.5"),
            ("ceil(x)", "{a=\"b\"} -2"),
            ("floor(x)", "{a=\"b\"} -3"),
            ("round(x)", "{a=\"b\"} -2"),
            ("round(y / 7, 0.1)", "14.3"),
            ("clamp(x, -1, 1)", "{a=\"b\"} -1"),
            ("clamp(x, 1, -1)", ""),
            ("clamp_min(x, 0)", "{a=\"b\"} 0"),
            ("clamp_max(y, 9)", "9"),
            ("sqrt(y)", "10"),
            ("sqrt(x)", "{a=\"b\"} NaN"),
            ("exp(z)", "1"),
            ("ln(exp(z))", "0"),
            ("ln(z)", "-inf"),
            ("log2(y - 36)", "6"),
            ("log10(y)", "2"),
            ("sgn(x)", "{a=\"b\"} -1"),
            ("sgn(z)", "0"),
            ("deg(vector(pi()))", "180"),
            ("scalar(y) + 1", "101"),
            ("scalar({__name__=~\"x|y\"})", "NaN"),
            ("vector(3)", "3"),
            ("-x", "{a=\"b\"} 2.5"),
            ("\"text\"", "text"),
            ("((2))", "2"),
        ],
    );
}

#[test]
fn labels_are_replaced_and_joined() {
    let view = past(&[("x{path=/a/b,n=1}", "1"), ("x{path=/a/c,n=2}", "2")]);
    check(
        &view,
        0,
        &[
            (
                "label_replace(x{n=\"1\"}, \"last\", \"$1-${2}\", \"path\", \"/(.*)/(.*)\")",
                "x{last=\"a-b\", n=\"1\", path=\"/a/b\"} 1",
            ),
            (
                "label_replace(x{n=\"1\"}, \"last\", \"$1\", \"path\", \"(a)\")",
                "x{n=\"1\", path=\"/a/b\"} 1",
            ),
            (
                "label_replace(x{n=\"1\"}, \"n\", \"\", \"\", \"\")",
                "x{path=\"/a/b\"} 1",
            ),
            (
                "label_join(x{n=\"1\"}, \"all\", \"+\", \"n\", \"none\", \"path\")",
                "x{all=\"1++/a/b\", n=\"1\", path=\"/a/b\"} 1",
            ),
            (
                "label_replace(label_replace(x, \"n\", \"\", \"\", \"\"), \"path\", \"\", \"\", \"\")",
                "Failed: two series of the result have the same labels, x{}",
            ),
            (
                "label_replace(x{n=\"1\"}, \"a\", \".\", \"\", \"\\\\d?\")",
                "x{a=\".\", n=\"1\", path=\"/a/b\"} 1",
            ),
            (
                "label_join(x{n=\"1\"}, \"a.b\", \"\", \"n\")",
                "x{a.b=\"1\", n=\"1\", path=\"/a/b\"} 1",
            ),
            (
                "label_join(x, \"a\", \"-\", \"n\", \"\")",
                "Malformed: `` is no name of a label (at character 30)",
            ),
            (
                "label_replace(x, \"\", \"\", \"\", \"\")",
                "Malformed: `` is no name of a label (at character 18)",
            ),
            (
                "label_replace(x, \"a\", \"\", \"\", \"(\")",
                "Malformed: `(` is no regular expression, or too large a one (at character 31)",
            ),
        ],
    );
}

#[test]
fn aggregations() {
    let view = past(&[
        ("x{g=a,n=1}", "1"),
        ("x{g=a,n=2}", "3"),
        ("x{g=b,n=3}", "8"),
    ]);
    check(
        &view,
        0,
        &[
            ("sum(x)", "12"),
            ("sum by (g) (x)", "{g=\"a\"} 4\n{g=\"b\"} 8"),
            ("sum without (n) (x)", "{g=\"a\"} 4\n{g=\"b\"} 8"),
            ("sum by (__name__) (x)", "x 12"),
            ("avg(x)", "4"),
            ("min(x)", "1"),
            ("max by (none) (x)", "8"),
            ("count(x)", "3"),
            ("group(x)", "1"),
            ("stdvar by (g) (x)", "{g=\"a\"} 1\n{g=\"b\"} 0"),
            ("stddev(x{g=\"a\"})", "1"),
            ("quantile(0.5, x)", "3"),
            ("quantile(0.25, x)", "2"),
            ("topk(1, x)", "x{g=\"b\", n=\"3\"} 8"),
            ("topk(2, x)", "x{g=\"b\", n=\"3\"} 8\nx{g=\"a\", n=\"2\"} 3"),
            ("topk(0, x)", ""),
            (
                "bottomk by (g) (1, x)",
                "x{g=\"a\", n=\"1\"} 1\nx{g=\"b\", n=\"3\"} 8",
            ),
            (
                "count_values(\"v\", x > bool 2)",
                "{v=\"0\"} 1\n{v=\"1\"} 2",
            ),
            ("sum(none)", ""),
        ],
    );
    assert_eq!(
        ask(&view, "sort_desc(x)", 0).lines().next(),
        Some("x{g=\"b\", n=\"3\"} 8")
    );
    assert_eq!(
        ask(&view, "sort(x)", 0).lines().last(),
        Some("x{g=\"b\", n=\"3\"} 8")
    );
}

#[test]
fn the_outermost_are_others_at_each_step() {
    let view = past(&[
        ("x{n=1}", "1 5 1"),
        ("x{n=2}", "2 2 2"),
        ("x{n=3}", "nan 9 _"),
    ]);
    assert_eq!(
        graph(&view, "topk(1, x)", (0, 2), 1),
        "x{n=\"2\"} 0:2 2:2\nx{n=\"3\"} 1:9"
    );
    assert_eq!(
        graph(&view, "bottomk(1, x)", (0, 2), 1),
        "x{n=\"1\"} 0:1 2:1\nx{n=\"2\"} 1:2"
    );
}

#[test]
fn quantiles_of_histograms() {
    let view = past(&[
        ("h_bucket{le=0.1,p=a}", "0 5"),
        ("h_bucket{le=0.5,p=a}", "0 15"),
        ("h_bucket{le=+Inf,p=a}", "0 20"),
        ("one_bucket{le=+Inf}", "0 3"),
        ("none_bucket{le=1}", "0 0"),
        ("none_bucket{le=+Inf}", "0 0"),
        ("open_bucket{le=1}", "0 3"),
        ("below_bucket{le=-1}", "0 3"),
        ("below_bucket{le=+Inf}", "0 4"),
        // A count that falls is taken for the one before it.
        ("falls_bucket{le=1}", "0 4"),
        ("falls_bucket{le=2}", "0 3"),
        ("falls_bucket{le=4}", "0 8"),
        ("falls_bucket{le=+Inf}", "0 8"),
    ]);
    check(
        &view,
        1,
        &[
            // The tenth of twenty: half way from 0.1 to 0.5.
            (
                "histogram_quantile(0.5, h_bucket)",
                "{p=\"a\"} 0.30000000000000004",
            ),
            ("histogram_quantile(0.125, h_bucket)", "{p=\"a\"} 0.05"),
            ("histogram_quantile(0.9, h_bucket)", "{p=\"a\"} 0.5"),
            (
                "histogram_quantile(0.5, sum by (le) (h_bucket))",
                "0.30000000000000004",
            ),
            ("histogram_quantile(-1, h_bucket)", "{p=\"a\"} -inf"),
            ("histogram_quantile(2, h_bucket)", "{p=\"a\"} inf"),
            ("histogram_quantile(0.5, one_bucket)", "NaN"),
            ("histogram_quantile(0.5, none_bucket)", "NaN"),
            ("histogram_quantile(0.5, open_bucket)", "NaN"),
            ("histogram_quantile(0.5, below_bucket)", "-1"),
            ("histogram_quantile(0.75, falls_bucket)", "3"),
            (
                "histogram_quantile(0.5, rate(h_bucket[1m]))",
                "{p=\"a\"} 0.3",
            ),
            ("histogram_quantile(0.5, vector(1))", ""),
        ],
    );
}
