//! Heartbeats: files that a job writes, damages and removes.

use std::fs;
use std::time::{Duration, SystemTime};

use super::until::often;

fn section(folder: &tempfile::TempDir, jobs: &str) -> String {
    let folder = folder.path().to_str().unwrap();
    let jobs = jobs.replace("FOLDER", folder);
    format!("grant.read = [\"{folder}\"]\nconfig.jobs = [{jobs}]")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_s_runs_are_counted_dated_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("last");
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::write(&file, "status=0\nduration=2.5\n").unwrap();
    fs::File::open(&file)
        .unwrap()
        .set_modified(hour_ago)
        .unwrap();
    let jobs = r#"{ name = "backup", file = "FOLDER/last", content = "fields", max_age = { warn = "30m" } },
        { name = "gone", file = "FOLDER/gone" }"#;
    let watching = often("heartbeat", &section(&folder, jobs)).await;
    let warning = "since the last success 1 h: warns from 30 min; it took 2.5 s";
    watching.until_check("backup", "warn", warning).await;
    watching
        .until_check("gone", "fail", "there is no such file")
        .await;
    let age = r#"heartbeat_age_seconds{job="backup"}"#;
    watching
        .until_value(age, |age| (3600.0..3700.0).contains(&age))
        .await;
    let runs = r#"heartbeat_runs_total{job="backup"}"#;
    watching.until_value(runs, |runs| runs == 0.0).await;

    fs::write(&file, "status=1\n").unwrap();
    watching
        .until_check("backup", "fail", "ended with status 1")
        .await;
    watching.until_value(runs, |runs| runs == 1.0).await;
    watching.until_value(age, |age| age >= 3600.0).await;
    fs::write(&file, "status=0\n").unwrap();
    watching
        .until_check("backup", "pass", "since the last success")
        .await;
    watching.until_value(runs, |runs| runs == 2.0).await;
    let failures = r#"heartbeat_failures_total{job="backup"}"#;
    assert_eq!(watching.of(failures).await, Some(1.0));
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_none_fail_their_check_and_hide_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("good"), "2026-01-01T00:00:00Z").unwrap();
    fs::write(path.join("large"), vec![b'1'; 10 << 20]).unwrap();
    fs::write(path.join("binary"), [0xff, 0, 0xfe]).unwrap();
    std::os::unix::fs::symlink("circle", path.join("circle")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", path.join("outside")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let jobs: Vec<String> = ["good", "large", "binary", "circle", "outside", "pipe"]
        .iter()
        .map(|name| {
            format!(
                r#"{{ name = "{name}", file = "FOLDER/{name}", content = "time", max_age = {{}} }}"#
            )
        })
        .collect();
    let watching = often("heartbeat", &section(&folder, &jobs.join(","))).await;
    for (job, words) in [
        ("large", "is longer than 4096 bytes"),
        ("binary", "is not text"),
        ("circle", "too many links"),
        ("outside", "is not granted"),
        ("pipe", "is not a file"),
    ] {
        watching.until_check(job, "fail", words).await;
        let up = format!(r#"heartbeat_up{{job="{job}"}}"#);
        watching.until_value(&up, |up| up == 0.0).await;
    }
    watching
        .until_check("good", "pass", "since the last success")
        .await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_job_it_lies_dormant() {
    let watching = often("heartbeat", "").await;
    let message = watching.until_dormant().await;
    assert!(message.contains("no job to watch"), "{message}");
    watching.stop().await;
}
