//! Answers taken apart.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::selector::Selector;

const PLENTY: Bounds = Bounds {
    series: 1000,
    text: 1 << 20,
};
const AROUND: Around = Around {
    is_openmetrics: false,
    now: 1_767_225_600.0,
};

fn rules() -> Rules {
    Rules {
        target_label: "target".into(),
        ..Rules::default()
    }
}

fn taken(body: &str) -> Harvest {
    harvest(body.as_bytes(), &rules(), PLENTY, AROUND).unwrap()
}

fn names(harvest: &Harvest) -> Vec<String> {
    let shown = |kept: &Kept| {
        let labels = kept.labels.iter();
        let labels: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        format!("{}{{{}}} {}", kept.name, labels.join(","), kept.value)
    };
    harvest.kept.iter().map(shown).collect()
}

#[test]
fn an_answer_is_taken_with_what_it_says() {
    let body = "# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n\
        http_requests_total{code=\"200\",method=\"get\",empty=\"\"} 5\n\
        # TYPE d_seconds histogram\n# HELP d_seconds Durations.\n\
        d_seconds_bucket{le=\"1\"} 2\nd_seconds_bucket{le=\"+Inf\"} 3\nd_seconds_sum 1.5\nd_seconds_count 3\n\
        go:heap{le=\"x\",target=\"y\",probe=\"z\"} 1e3\n";
    let taken = taken(body);
    assert_eq!(
        names(&taken),
        [
            "http_requests_total{code=200,method=get} 5",
            "d_seconds_sum_total{} 1.5",
            "d_seconds_count_total{} 3",
            "go_heap{exported_le=x,exported_probe=z,exported_target=y} 1000",
        ]
    );
    assert_eq!(
        (taken.read, taken.dropped, taken.left_out.words().as_str()),
        (6, 0, "bucket 2")
    );
    let help: Vec<_> = taken.kept.iter().map(|kept| kept.help.as_deref()).collect();
    assert_eq!(
        help,
        [
            Some("Requests."),
            Some("Durations. (sum of observations)"),
            Some("Durations. (count of observations)"),
            Some(""),
        ]
    );
}

#[test]
fn rules_decide_what_is_kept_and_under_which_name() {
    let rules = Rules {
        keep: vec![Selector::parse("node_*").unwrap()],
        drop: vec![Selector::parse("{mode=\"idle\"}").unwrap()],
        rename: vec![crate::settings::Rename {
            prefix: "node_".into(),
            to: "machine_".into(),
        }],
        drop_labels: vec!["cpu".into()],
        buckets: true,
        ..rules()
    };
    let body = "# TYPE node_h histogram\nnode_cpu{cpu=\"0\",mode=\"user\"} 1\nnode_cpu{cpu=\"1\",mode=\"user\"} 2\n\
        node_cpu{cpu=\"0\",mode=\"idle\"} 3\ngo_x 4\nnode_h_bucket{le=\"1\"} 5\n";
    let taken = harvest(body.as_bytes(), &rules, PLENTY, AROUND).unwrap();
    assert_eq!(
        names(&taken),
        [
            "machine_cpu{mode=user} 1",
            "machine_h_bucket_total{exported_le=1} 5"
        ]
    );
    assert_eq!((taken.read, taken.dropped), (5, 2));
    assert_eq!(taken.left_out.words(), "duplicate 1");
}

#[test]
fn totals_have_a_beginning_where_one_is_given() {
    let body = "# TYPE a_total counter\na_total{x=\"1\"} 5\na_total{x=\"2\"} 6\n# TYPE a_created gauge\na_created{x=\"1\"} 1.7e9\n\
        # TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_created 1.6e9\n# TYPE t_created gauge\nt_created 3\n";
    let taken = taken(body);
    let created: Vec<_> = taken
        .kept
        .iter()
        .map(|kept| (kept.name.as_str(), kept.created))
        .collect();
    assert_eq!(
        created,
        [
            ("a_total", Some(1.7e9)),
            ("a_total", None),
            ("s", None),
            ("s_sum_total", Some(1.6e9)),
            ("t_created_value", None),
        ]
    );
}

#[test]
fn openmetrics_has_an_end_and_seconds() {
    let around = Around {
        is_openmetrics: true,
        ..AROUND
    };
    let body = "# TYPE a counter\n# UNIT a seconds\na_total 1 1767225590.5 # {t=\"x\"} 1\na_created 1.7e9\n\
        # TYPE i info\ni_info{v=\"1\"} 1\n# TYPE st stateset\nst{st=\"on\"} 1\nold 1 1767225000\n";
    let read = |end: &str| harvest(format!("{body}{end}").as_bytes(), &rules(), PLENTY, around);
    let taken = read("# EOF\nnot 1 more\n").unwrap();
    assert_eq!(
        names(&taken),
        ["a_total{} 1", "i_info{v=1} 1", "st{st=on} 1"]
    );
    assert_eq!(taken.kept[0].created, Some(1.7e9));
    assert_eq!(taken.left_out.words(), "old 1");
    assert_eq!(
        read("").unwrap_err(),
        "it is OpenMetrics without `# EOF`: it is not whole"
    );
}

#[test]
fn what_cannot_be_given_out_is_counted() {
    let long = "x".repeat(1025);
    let many: Vec<String> = (0..20).map(|place| format!("l{place}=\"1\"")).collect();
    let many = many.join(",");
    let name = "n".repeat(129);
    for (body, reason) in [
        ("a 1\na 2\n", Reason::Duplicate),
        ("a 1\na{b=\"\\x\"} 1\n", Reason::Syntax),
        ("a_total NaN\n", Reason::Value),
        ("a_total -1\n", Reason::Value),
        ("probity_up 1\n", Reason::Name),
        ("scrape_up 1\n", Reason::Name),
        (&format!("{name} 1\n"), Reason::Name),
        (&format!("a{{b=\"{long}\"}} 1\n"), Reason::Labels),
        (&format!("a{{{many}}} 1\n"), Reason::Labels),
        ("a{exported_le=\"1\",le=\"2\"} 1\n", Reason::Labels),
        ("# TYPE a histogram\na 1\n", Reason::Type),
        ("a 1 1767225000000\n", Reason::Old),
    ] {
        let taken = taken(body);
        assert_eq!(taken.left_out.count(reason), 1, "{body}");
        assert_eq!(taken.left_out.total(), 1, "{body}");
    }
    assert_eq!(
        taken("a NaN\nb -1\nc +Inf\n").kept.len(),
        3,
        "gauges may be anything"
    );
}

#[test]
fn a_hundred_thousand_series_are_cut() {
    let body: String = (0..100_000)
        .map(|place| format!("a{{b=\"{place}\"}} 1\n"))
        .collect();
    let bounds = Bounds {
        series: 100,
        ..PLENTY
    };
    let taken = harvest(body.as_bytes(), &rules(), bounds, AROUND).unwrap();
    assert_eq!(
        (taken.kept.len(), taken.left_out.count(Reason::Series)),
        (100, 99_900)
    );
    let bounds = Bounds {
        text: 2000,
        ..PLENTY
    };
    let taken = harvest(body.as_bytes(), &rules(), bounds, AROUND).unwrap();
    assert!(taken.kept.len() < 10 && taken.left_out.count(Reason::Text) > 99_000);
}

#[test]
fn something_else_is_told() {
    for (body, told) in [
        (
            "<html>\n",
            "it is not Prometheus' text format: a line is `<html>`",
        ),
        (
            "\n{\"a\":1}",
            "it is not Prometheus' text format: a line is `{\"a\":1}`",
        ),
    ] {
        assert_eq!(
            harvest(body.as_bytes(), &rules(), PLENTY, AROUND).unwrap_err(),
            told
        );
    }
    assert_eq!(taken("").read, 0);
    assert!(harvest(b"\xff\xfe", &rules(), PLENTY, AROUND).is_err());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = harvest(&body, &rules(), PLENTY, AROUND);
    }

    #[test]
    fn every_sample_is_accounted_for(lines in prop::collection::vec("(# TYPE )?[abc](_total|_sum|_created|_info)?(\\{l=\"[xy]?\"\\})? (counter|histogram|gauge|[0-9]|NaN|-1)", 0..40)) {
        let body = lines.join("\n");
        if let Ok(taken) = harvest(body.as_bytes(), &rules(), PLENTY, AROUND) {
            let syntax = taken.left_out.count(Reason::Syntax);
            let accounted = taken.kept.len() + taken.dropped + taken.left_out.total() - syntax;
            // What says when a total began is no series of its own.
            prop_assert!(accounted <= taken.read);
            let created = lines.iter().filter(|line| line.contains("_created")).count();
            prop_assert!(accounted + created >= taken.read);
        }
    }
}
