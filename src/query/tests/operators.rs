//! Operators between numbers, vectors and both.

use super::{check, graph, past};

#[test]
fn arithmetic_between_numbers_and_vectors() {
    let view = past(&[("x{a=b}", "7"), ("y{a=b}", "2"), ("y{a=c}", "3")]);
    check(
        &view,
        0,
        &[
            ("1 + 2 * 3 ^ 2 - 8 / 4 % 3", "17"),
            ("2 ^ 3 ^ 2", "512"),
            ("-2 ^ 2", "-4"),
            ("-7 % 4", "-3"),
            ("1 / 0", "inf"),
            ("0 / 0", "NaN"),
            ("1 > bool 2", "0"),
            ("x + 1", "{a=\"b\"} 8"),
            ("10 - x", "{a=\"b\"} 3"),
            ("x > 5", "x{a=\"b\"} 7"),
            ("x < 5", ""),
            ("5 < x", "x{a=\"b\"} 7"),
            ("x == bool 7", "{a=\"b\"} 1"),
            ("x != bool 7", "{a=\"b\"} 0"),
            ("x / y", "{a=\"b\"} 3.5"),
            ("x > y", "x{a=\"b\"} 7"),
            ("y < x", "y{a=\"b\"} 2"),
            ("y >= bool x", "{a=\"b\"} 0"),
            ("vector(1) atan2 vector(0)", "1.5707963267948966"),
            ("x * none", ""),
        ],
    );
}

#[test]
fn series_match_by_labels() {
    let view = past(&[
        ("errors{code=500,m=get}", "24"),
        ("errors{code=404,m=get}", "30"),
        ("errors{code=500,m=put}", "3"),
        ("all{m=get}", "600"),
        ("all{m=put}", "300"),
        ("info{m=get,kind=read}", "1"),
        ("info{m=put,kind=write}", "1"),
    ]);
    check(
        &view,
        0,
        &[
            (
                "errors{code=\"500\"} / ignoring(code) all",
                "{m=\"get\"} 0.04\n{m=\"put\"} 0.01",
            ),
            (
                "errors{code=\"500\"} / on(m) all",
                "{m=\"get\"} 0.04\n{m=\"put\"} 0.01",
            ),
            (
                "errors / on(m) group_left all",
                "{code=\"404\", m=\"get\"} 0.05\n{code=\"500\", m=\"get\"} 0.04\n{code=\"500\", m=\"put\"} 0.01",
            ),
            (
                "all{m=\"put\"} / on(m) group_right errors",
                "{code=\"500\", m=\"put\"} 100",
            ),
            (
                "all * on(m) group_left(kind) info",
                "{kind=\"read\", m=\"get\"} 600\n{kind=\"write\", m=\"put\"} 300",
            ),
            (
                "errors > on(m) group_left all / 21",
                "errors{code=\"404\", m=\"get\"} 30",
            ),
            ("sum(errors) / sum(all)", "0.06333333333333334"),
        ],
    );
}

#[test]
fn series_that_do_not_match_one_to_one_are_told() {
    let view = past(&[
        ("x{a=1,b=1}", "1"),
        ("x{a=1,b=2}", "2"),
        ("y{a=1}", "3"),
        ("z{a=1,c=1}", "4"),
        ("z{a=1,c=2}", "5"),
    ]);
    let many_left = "Failed: several series on the left match one on the right, by {a=\"1\"}: say so with group_left, or match by more labels";
    let many_right = "Failed: several series on the right match by {a=\"1\"}: z{a=\"1\", c=\"1\"} and z{a=\"1\", c=\"2\"}; labels must tell the series of one side apart";
    check(
        &view,
        0,
        &[
            ("x / on(a) y", many_left),
            ("y / on(a) z", many_right),
            ("x / on(a) group_left z", many_right),
            (
                "x * on(a) group_left(b) label_replace(y, \"b\", \"9\", \"\", \"\")",
                "Failed: two series of the result have the same labels, {a=\"1\", b=\"9\"}",
            ),
            (
                "rate({__name__=~\"y|x\"}[1m]) or -{a=\"1\", __name__=~\"w|y\"}",
                "{a=\"1\"} -3",
            ),
        ],
    );
}

#[test]
fn a_match_may_be_another_series_at_each_step() {
    let view = past(&[
        ("x{a=1}", "1 1 1 1"),
        ("build{a=1,v=1}", "2 2 _ _"),
        ("build{a=1,v=2}", "_ _ 3 3"),
    ]);
    assert_eq!(
        graph(&view, "x * on(a) build", (0, 3), 1),
        "{a=\"1\"} 0:2 1:2 2:3 3:3"
    );
    assert_eq!(
        graph(&view, "x * on(a) group_left(v) build", (0, 3), 1),
        "{a=\"1\", v=\"1\"} 0:2 1:2\n{a=\"1\", v=\"2\"} 2:3 3:3"
    );
}

#[test]
fn sets() {
    let view = past(&[
        ("x{a=1}", "1 1 1"),
        ("x{a=2}", "2 2 2"),
        ("y{a=2}", "_ 9 _"),
        ("y{a=3}", "7 7 7"),
    ]);
    for (query, wanted) in [
        ("x and y", "x{a=\"2\"} 1:2"),
        ("x unless y", "x{a=\"1\"} 0:1 1:1 2:1\nx{a=\"2\"} 0:2 2:2"),
        (
            "x or y",
            "x{a=\"1\"} 0:1 1:1 2:1\nx{a=\"2\"} 0:2 1:2 2:2\ny{a=\"3\"} 0:7 1:7 2:7",
        ),
        ("x and on() y{a=\"2\"}", "x{a=\"1\"} 1:1\nx{a=\"2\"} 1:2"),
        ("none or vector(0)", "0:0 1:0 2:0"),
        ("x unless ignoring(a) y", ""),
    ] {
        assert_eq!(graph(&view, query, (0, 2), 1), wanted, "{query}");
    }
}

#[test]
fn where_one_side_is_empty_nothing_is_ambiguous() {
    let view = past(&[
        ("x{a=1}", "_ 7 7"),
        ("y{a=1,b=1}", "1 1 1"),
        ("y{a=1,b=2}", "2 _ 2"),
    ]);
    check(
        &view,
        0,
        &[
            ("x / on(a) y", ""),
            ("none * on(a) group_left y", ""),
            ("y * on(a) group_right none", ""),
        ],
    );
    let whole = "{a=\"1\"} 1:7";
    assert_eq!(graph(&view, "x / on(a) y", (0, 1), 1), whole);
    let told = graph(&view, "x / on(a) y", (0, 2), 1);
    assert!(told.starts_with("Failed: several series"), "{told}");
}
