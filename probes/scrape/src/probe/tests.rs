//! The probe on a made-up host.
#![allow(clippy::unwrap_used)]

use probity_sdk::testing::{Host, Report};

use super::*;

const URL: &str = "http://a/metrics";
const OTHER: &str = "http://b/metrics";

fn host(more: &str) -> Host {
    Host::new().config(&format!(
        r#"{{"targets":[{{"name":"a","url":"{URL}"{more}}},{{"name":"b","url":"{OTHER}"}}]}}"#
    ))
}

/// Runs with these bodies, in turn for both targets; nothing is a target that is down.
fn run(host: &mut Host, probe: &mut Scrape, bodies: [Option<&str>; 2]) -> Report {
    for (url, body) in [URL, OTHER].into_iter().zip(bodies) {
        match body {
            Some(body) => host.http(url, 200, body),
            None => host.http_fails(url, "the connection was refused"),
        };
    }
    host.collect(probe).unwrap()
}

#[test]
fn both_endpoints_are_given_out() {
    let mut host = host("");
    let mut probe = host.start::<Scrape>().unwrap();
    let body = "# TYPE r_total counter\nr_total{code=\"200\"} 5\n# TYPE t gauge\nt 1.5\nbuild_info{version=\"1\"} 1\n";
    let report = run(
        &mut host,
        &mut probe,
        [Some(body), Some("r_total{code=\"500\"} 7\n")],
    );
    for (metric, labels, value) in [
        ("r_total", ["a", "200"], 5.0),
        ("r_total", ["b", "500"], 7.0),
        ("build_info", ["a", "1"], 1.0),
    ] {
        assert_eq!(
            report.value(metric, labels),
            Some(value),
            "{metric} {labels:?}"
        );
    }
    for (metric, value) in [
        ("t", 1.5),
        ("scrape_up", 1.0),
        ("scrape_samples_read", 3.0),
        ("scrape_samples_kept", 3.0),
        ("scrape_samples_dropped", 0.0),
        ("scrape_body_bytes", body.len() as f64),
    ] {
        assert_eq!(report.value(metric, ["a"]), Some(value), "{metric}");
    }
    assert_eq!(
        report.check("a"),
        Some((Status::Pass, "3 of 3 samples, 92 B in 0 s"))
    );
    assert_eq!(report.details("a"), Some(r#"{"left_out":{}}"#));
    let accept = &host.requests()[0].headers;
    assert_eq!(accept[0].0, "accept");
}

#[test]
fn what_is_gone_is_retired_and_what_is_down_is_not() {
    let mut host = host("");
    let mut probe = host.start::<Scrape>().unwrap();
    let both = "a_total{x=\"1\"} 1\na_total{x=\"2\"} 2\n";
    run(&mut host, &mut probe, [Some(both), Some(both)]);
    let report = run(&mut host, &mut probe, [Some("a_total{x=\"2\"} 3\n"), None]);
    assert_eq!(report.value("a_total", ["a", "1"]), None);
    assert_eq!(report.value("a_total", ["a", "2"]), Some(3.0));
    assert_eq!(
        report.value("a_total", ["b", "1"]),
        Some(1.0),
        "a total stays while it is not known to be gone"
    );
    assert_eq!(
        report.check("b"),
        Some((Status::Fail, "the connection was refused"))
    );
    assert_eq!(report.value("scrape_up", ["b"]), Some(0.0));
    let report = run(
        &mut host,
        &mut probe,
        [Some(both), Some("a_total{x=\"1\"} 9\n")],
    );
    assert_eq!(report.value("a_total", ["a", "1"]), Some(1.0));
    assert_eq!(report.value("a_total", ["b", "1"]), Some(9.0));
    assert_eq!(report.value("a_total", ["b", "2"]), None);
}

#[test]
fn a_label_that_comes_later_is_left_out_with_its_series() {
    let mut host = host("");
    let mut probe = host.start::<Scrape>().unwrap();
    run(
        &mut host,
        &mut probe,
        [Some("g{x=\"1\"} 1\n"), Some("g{y=\"1\"} 2\n")],
    );
    let later = "g{x=\"1\"} 3\ng{x=\"1\",z=\"1\"} 4\n# TYPE g_total counter\n";
    let report = run(&mut host, &mut probe, [Some(later), Some("g{y=\"1\"} 5\n")]);
    assert_eq!(report.value("g", ["a", "1", ""]), Some(3.0));
    assert_eq!(report.value("g", ["b", "", "1"]), Some(5.0));
    assert_eq!(report.value("scrape_left_out", ["a", "labels"]), Some(1.0));
    let (status, message) = report.check("a").unwrap();
    assert_eq!(status, Status::Warn);
    assert_eq!(
        message,
        "1 of 2 samples, 1 left out (labels 1), 51 B in 0 s, such as `g{x=\"1\",z=\"1\"} 4`; `drop` it if that is right"
    );
}

#[test]
fn of_ever_new_labels_only_the_first_are_learned() {
    let mut host = host("");
    let mut probe = host.start::<Scrape>().unwrap();
    let many: String = (0..400)
        .map(|place| format!("g{{x{place}=\"1\"}} 1\n"))
        .collect();
    let report = run(&mut host, &mut probe, [Some(&many), Some("h 5\n")]);
    // A real host refuses the metric as a whole.
    assert_eq!(report.value("scrape_samples_kept", ["a"]), Some(64.0));
    assert_eq!(
        report.value("scrape_left_out", ["a", "labels"]),
        Some(336.0)
    );
    assert_eq!(report.value("h", ["b"]), Some(5.0));
}

#[test]
fn a_name_means_one_thing() {
    let mut host = host("");
    let mut probe = host.start::<Scrape>().unwrap();
    let counter = "# TYPE x counter\nx 1\n";
    let report = run(
        &mut host,
        &mut probe,
        [
            Some(counter),
            Some("# TYPE x_total gauge\nx_total 1\nx_total_value 2\n"),
        ],
    );
    assert_eq!(report.value("x_total", ["a"]), Some(1.0));
    assert_eq!(report.value("x_total_value", ["b"]), Some(1.0));
    assert_eq!(
        report.value("scrape_left_out", ["b", "duplicate"]),
        Some(1.0)
    );
    let report = run(
        &mut host,
        &mut probe,
        [
            Some(counter),
            Some("# TYPE x_total_value counter\nx_total_value 2\n"),
        ],
    );
    assert_eq!(report.value("x_total_value_total", ["b"]), Some(2.0));
    let report = run(
        &mut host,
        &mut probe,
        [Some("build_info 1\n"), Some("build_info 2\n")],
    );
    assert_eq!(report.value("build_info", ["a"]), Some(1.0));
    assert_eq!(report.value("build_info_value", ["b"]), Some(2.0));
}

#[test]
fn what_is_too_much_is_cut_loudly_and_names_are_not_used_up() {
    let mut host = host(r#","max_series":3"#);
    let mut probe = host.start::<Scrape>().unwrap();
    let many = |from: u32| -> String {
        (from..from + 5)
            .map(|name| format!("n{name} 1\n"))
            .collect()
    };
    let report = run(&mut host, &mut probe, [Some(&many(0)), Some("m 1\n")]);
    assert_eq!(
        report.value("scrape_left_out", ["a", "max_series"]),
        Some(2.0)
    );
    let (status, message) = report.check("a").unwrap();
    assert_eq!(status, Status::Warn);
    assert!(
        message.ends_with("cut at 3 series: keep fewer (`keep`, `drop`), or raise `max_series`"),
        "{message}"
    );
    // The host keeps every name that it was ever told.
    let report = run(&mut host, &mut probe, [Some(&many(10)), Some("m 2\n")]);
    assert_eq!(report.value("scrape_samples_kept", ["a"]), Some(0.0));
    assert_eq!(
        report.value("scrape_left_out", ["a", "max_series"]),
        Some(5.0)
    );
    assert_eq!(report.value("m", ["b"]), Some(2.0));
}

#[test]
fn an_answer_that_is_none_hides_no_other() {
    let mut host = host(r#","body_at_most":20"#);
    let mut probe = host.start::<Scrape>().unwrap();
    for (status, body, told) in [
        (500, "a 1\n", "500, not 200"),
        (
            200,
            "a 1\nb 1\nc 1\nd 1\ne 1\nf 1\n",
            "the answer has more than 20 B (`body_at_most`)",
        ),
        (
            200,
            "<html>",
            "it is not Prometheus' text format: a line is `<html>`",
        ),
    ] {
        host.http(URL, status, body).http(OTHER, 200, "a 1\n");
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.check("a"), Some((Status::Fail, told)));
        assert_eq!(report.value("a", ["b"]), Some(1.0));
    }
    host.http_with_headers(
        URL,
        200,
        &[(
            "content-type",
            "application/openmetrics-text; version=1.0.0",
        )],
        "a 1\n",
    );
    let report = host.collect(&mut probe).unwrap();
    let told = "it is OpenMetrics without `# EOF`: it is not whole";
    assert_eq!(report.check("a"), Some((Status::Fail, told)));
    let report = run(&mut host, &mut probe, [Some(""), Some("a 1\n")]);
    assert_eq!(
        report.check("a"),
        Some((
            Status::Warn,
            "0 of 0 samples, 0 B in 0 s, there are no samples in it"
        ))
    );
}

#[test]
fn without_a_target_it_lies_dormant_and_without_any_grant_it_is_denied() {
    let failure = Host::new().start::<Scrape>().err().unwrap();
    assert_eq!(failure.code(), "not-applicable");
    let mut host = host("");
    let mut probe = host.start::<Scrape>().unwrap();
    assert_eq!(host.collect(&mut probe).unwrap_err().code(), "denied");
    host.http(URL, 200, "a 1\n");
    let report = host.collect(&mut probe).unwrap();
    assert_eq!(report.check("b").unwrap().0, Status::Fail);
    assert_eq!(report.value("a", ["a"]), Some(1.0));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    for (more, told) in [
        (
            r#","max_series":966"#,
            "`targets` must not have a `max_series`",
        ),
        (
            r#","body_at_most":"30MiB""#,
            "`targets` must have no more than 16MiB",
        ),
    ] {
        let failure = host(more).start::<Scrape>().err().unwrap();
        assert_eq!(failure.code(), "bad-config");
        assert!(failure.message().starts_with(told), "{failure}");
    }
}
