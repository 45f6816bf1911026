//! What is said of a fault.

use std::fs;

use probity::config::MAX_FILE_BYTES;

use crate::{Bench, assert_holds};

#[test]
fn a_fault_in_a_variable_or_flag_names_it() {
    for (name, value, parts) in [
        (
            "PROBITY__SERVER__LISTEN",
            "nonsense",
            &["`server.listen` is nonsense", "127.0.0.1:7762"][..],
        ),
        (
            "PROBITY__SERVER__MAX_CONNECTIONS",
            "0",
            &["is 0", "between 1 and 65536"],
        ),
        (
            "PROBITY__SERVER__MAX_CONNECTIONS",
            "many",
            &["is many", "whole number", "between 1 and 65536"],
        ),
        (
            "PROBITY__SERVER__LISTNE",
            "x",
            &["not a key", "did you mean `listen`?"],
        ),
        ("PROBITY__SERVER", "5", &["`server`", "a section"]),
        (
            "PROBITY__PROBE__0__NAME",
            "x",
            &["`probe.0.name`", "no section"],
        ),
        ("PROBITY__", "x", &["PROBITY__SECTION__KEY"]),
        (
            "PROBITY__HEALTH__EVENT_LOOP_LAG__FAIL",
            "1ms",
            &["event_loop_lag.warn", "50ms", "1ms"],
        ),
    ] {
        let refusal = Bench::new().variable(name, value).refusal();
        assert!(refusal.starts_with(&format!("{name}: ")), "{refusal}");
        assert_holds(&refusal, parts);
    }
    let refusal = Bench::with_file("server.listen = \"127.0.0.1:1\"")
        .flag("--listen", "server.listen", "0.0.0.0:1")
        .refusal();
    assert_holds(
        &refusal,
        &[
            "--listen: `server.listen` is 0.0.0.0:1",
            "loopback",
            "token_file",
        ],
    );
}

#[expect(clippy::too_many_lines, reason = "a table, a row a case")]
#[test]
fn a_fault_in_a_file_shows_line_column_key_value_rule_and_suggestion() {
    for (text, parts) in [
        (
            "[server]\nmax_connections = 0\n",
            &[
                "/here/probity.toml:2:19: `server.max_connections` is 0",
                "between 1 and 65536",
                "2 | max_connections = 0",
                "^",
            ][..],
        ),
        (
            "[server]\nlistne = 1",
            &[":2:1: ", "`server.listne`", "did you mean `listen`?"],
        ),
        ("[sevrer]", &[":1:2: `sevrer`", "did you mean `server`?"]),
        (
            "listen = \"x\"",
            &[":1:1: `listen`", "belongs into the section [server]"],
        ),
        (
            "[server]\nmax_body = \"1 parsec\"",
            &[":2:12", "64MiB", "between 1KiB and 64MiB"],
        ),
        (
            "[sampler]\ninterval = \"1ms\"",
            &[":2:12", "between 100ms and 1h"],
        ),
        (
            "[sampler]\ninterval = 5",
            &[":2:12", "such as \"250ms\"", "between 100ms and 1h"],
        ),
        (
            "[sampler]\ndisabled = [\"cpu\", \"gpu\"]",
            &[
                ":2:20: `sampler.disabled[1]` is \"gpu\"",
                "must be one of cpu",
            ],
        ),
        (
            "[health]\ndisk_used_percent = { warn = nan, fail = 97 }",
            &[":2:30", "between 1 and 100"],
        ),
        (
            "[health]\ndisk_used_percent = { warn = 5 }",
            &["`health.disk_used_percent`", "lacks the key `fail`"],
        ),
        (
            "[log]\nformat = \"jsno\"",
            &[":2:10", "auto, human, json", "did you mean `json`?"],
        ),
        ("[log]\nlevel = \"inof\"", &[":2:9", "did you mean `info`?"]),
        (
            "[[probe]]\nname = \"a\"\n[[probe]]\nname = \"a\"",
            &[":4:8: `probe[1].name` is \"a\"", "probe[0]"],
        ),
        (
            "[[probe]]\ninterval = \"5s\"",
            &[":1:1", "`probe[0]`", "lacks the key `name`"],
        ),
        (
            "[[watch]]\nname = \"a\"\nunit = \"x\"\n[[watch]]\nname = \"a\"\nunit = \"y\"",
            &[":5:8: `watch[1].name` is \"a\"", "watch[0]"],
        ),
        (
            "[[watch]]\nname = \"a/b\"\npid = 1",
            &[":2:8: `watch[0].name` is \"a/b\"", "letters, digits"],
        ),
        (
            "[[watch]]\nname = \"a\"",
            &[
                ":1:1: `watch[0].pid`",
                "one of pid, pid_file, process, unit and pm2",
            ],
        ),
        (
            "[[watch]]\nname = \"a\"\nunit = \"x\"\nprocess = \"y\"",
            &[
                ":3:8: `watch[0].unit`",
                "must not be given beside `process`",
            ],
        ),
        (
            "[[watch]]\nname = \"a\"\nunit = \"x\"\narguments = \"y\"",
            &[
                ":4:13: `watch[0].arguments` is \"y\"",
                "goes with `process`",
            ],
        ),
        (
            "[[watch]]\nname = \"a\"\nunit = \"-M x\"",
            &[":3:8: `watch[0].unit`", "a unit's name"],
        ),
        (
            "[[watch]]\nname = \"a\"\npid_file = \"run/a.pid\"",
            &[":3:12: `watch[0].pid_file`", "absolute"],
        ),
        (
            "[[watch]]\nname = \"a\"\npid = 0",
            &[":3:7: `watch[0].pid` is 0", "between 1 and 4194304"],
        ),
        (
            "[[watch]]\nname = \"a\"\nprocess = \"/usr/sbin/nginx\"",
            &[":3:11: `watch[0].process`", "without a folder"],
        ),
        (
            "[[watch]]\nname = \"a\"\nproces = \"nginx\"",
            &[":3:1: `watch[0].proces`", "did you mean `process`?"],
        ),
        (
            "server = 1979-05-27",
            &["`server` is 1979-05-27", "a section"],
        ),
        (
            "[[probe]]\nname = \"a\"\ngrant.read = [\"tmp\"]",
            &[":3:15", "`probe[0].grant.read[0]`", "absolute"],
        ),
        ("[server\nlisten = 1", &[":1:8: is not TOML"]),
        ("a = \"\u{1b}[31m\"", &[":1:"]),
    ] {
        let refusal = Bench::with_file(text).refusal();
        assert_holds(&refusal, parts);
        assert!(!refusal.contains('\u{1b}'), "{refusal}");
    }
}

#[test]
fn all_faults_are_told_at_once_and_none_that_only_follows_from_another() {
    let text = "[server]\nlisten = \"0.0.0.0:1\"\ntoken_fiel = \"x\"\nmax_connections = \"x\"\nmax_body = 0\n\
        [health]\nready = [1, \"startup\", \"nothing\"]\nevent_loop_lag = { warn = 5, fail = \"1ms\" }\n\
        [[probe]]\ninterval = 3\n[[probe]]\nname = \"b/c\"\ninterval = \"1ms\"\n";
    let error = Bench::with_file(text).load().unwrap_err();
    let told: Vec<_> = error
        .faults()
        .iter()
        .map(|fault| fault.key.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "server.token_fiel",
            "server.max_connections",
            "server.max_body",
            "health.ready[0]",
            "health.ready[2]",
            "health.event_loop_lag.warn",
            "probe[0]",
            "probe[0].interval",
            "probe[1].name",
            "probe[1].interval",
        ],
        "{error}"
    );
}

#[test]
fn what_would_fail_only_when_it_runs_is_a_fault_at_once() {
    for (text, parts) in [
        (
            "[[probe]]\nname = \"memory\"\n",
            &["`probe[0].name` is \"memory\"", "built in"][..],
        ),
        ("[[probe]]\nname = \"probity\"\n", &["built in"]),
        ("[[probe]]\nname = \"watched\"\n", &["built in"]),
        (
            "[server]\nallowed_hosts = [\"http://x\"]\n",
            &["`server.allowed_hosts[0]`", "a host name"],
        ),
        (
            "[health]\nready = [\"watched/wbe\"]\n",
            &[
                ":2:10: `health.ready[0]` is \"watched/wbe\"",
                "[[watch]]'s",
                "there is none",
            ],
        ),
        (
            "[health]\nready = [\"watched/web\", \"watched/typo\"]\n\
                [[watch]]\nname = \"web\"\npid = 1\n[[watch]]\nname = \"db\"\npid = 2\n",
            &["`health.ready[1]`", "there are watched/web, watched/db"],
        ),
        ("[health]\nready = [\"sockets/\"]\n", &["PROBE/CHECK"]),
        ("[health]\nready = [\"/check\"]\n", &["PROBE/CHECK"]),
        ("[health]\nready = [\"a/b/c\"]\n", &["PROBE/CHECK"]),
        (
            "[health]\nready = [\"x/y\", \"startup\", \"x/y\"]\n",
            &["`health.ready[2]`", "must be given once"],
        ),
    ] {
        assert_holds(&Bench::with_file(text).refusal(), parts);
    }
    let text = "[server]\nallowed_hosts = [\"x:80\"]\n[health]\nready = [\"a-b/c.d_e\"]\n\
        [[probe]]\nname = \"memory-2\"\n";
    assert!(Bench::with_file(text).load().is_ok());
}

#[test]
fn the_number_of_watches_is_bounded() {
    let watches = |count: u32| -> String {
        let one = |index| format!("[[watch]]\nname = \"w{index}\"\npid = 1\n");
        (0..count).map(one).collect()
    };
    let text = format!("[health]\nready = [\"watched/w255\"]\n{}", watches(256));
    assert!(Bench::with_file(text).load().is_ok());
    let error = Bench::with_file(watches(300)).load().unwrap_err();
    let [fault] = error.faults() else {
        panic!("one is enough: {error}");
    };
    assert_eq!(fault.key, "watch[256].name");
    assert_holds(
        &error.to_string(),
        &[":770:8", "300 watches are more than 256"],
    );
    let text = format!("[health]\nready = [\"watched/x\"]\n{}", watches(30));
    let refusal = Bench::with_file(text).refusal();
    assert_holds(&refusal, &["watched/w0, ", ", watched/w19 and 10 more"]);
}

#[test]
fn the_number_of_faults_told_is_bounded() {
    let text: String = (0..5000).map(|index| format!("key{index} = 1\n")).collect();
    let error = Bench::with_file(text).load().unwrap_err();
    assert_eq!(error.faults().len(), 50);
}

#[test]
fn a_file_that_is_none_is_refused_by_its_name() {
    for (content, parts) in [
        (
            &b"[server]\n\xffx"[..],
            &["/here/probity.toml:2:1: is not UTF-8"][..],
        ),
        (
            &vec![b'#'; MAX_FILE_BYTES as usize + 1],
            &["larger than 1 MiB"],
        ),
        (b"\0\0\0", &["is not TOML"]),
    ] {
        assert_holds(&Bench::with_file(content).refusal(), parts);
    }
    let bench = Bench::new();
    fs::create_dir_all(bench.folder.path().join("here/probity.toml")).unwrap();
    assert_holds(&bench.refusal(), &["/here/probity.toml: is a folder"]);
    let mut bench = Bench::new();
    bench.sources.file = Some(bench.folder.path().join("nowhere.toml"));
    assert_holds(
        &bench.refusal(),
        &["/nowhere.toml: cannot be read", "--config"],
    );
    let bench = Bench::new().variable("PROBITY_CONFIG", "/nonexistent/x.toml");
    assert_holds(&bench.refusal(), &["PROBITY_CONFIG names this file"]);
}
