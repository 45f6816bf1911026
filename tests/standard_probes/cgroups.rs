//! Control groups as the kernel shows them, made of files: units and containers that come, go, and run out of memory.

use std::fs;
use std::path::Path;

use super::until::often;

/// One group with every file that is read.
fn group(folder: &Path, name: &str, memory: u64, kills: u64) {
    let group = folder.join(name);
    fs::create_dir_all(&group).unwrap();
    let events = format!("low 0\nhigh 0\nmax 9\noom {kills}\noom_kill {kills}\noom_group_kill 0\n");
    let pressure = "some avg10=0.00 avg60=2.50 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    let cpu = "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 1\nthrottled_usec 500000\n";
    for (file, content) in [
        ("cgroup.events", "populated 1\nfrozen 0\n"),
        ("cpu.stat", cpu),
        ("memory.current", &memory.to_string()),
        ("memory.max", "1000\n"),
        ("memory.stat", "anon 100\nfile 800\ninactive_file 300\n"),
        ("memory.events", &events),
        ("pids.current", "7\n"),
        ("pids.max", "100\n"),
        (
            "io.stat",
            "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=3 wios=4\n",
        ),
        ("cpu.pressure", pressure),
        ("memory.pressure", pressure),
        ("io.pressure", pressure),
    ] {
        fs::write(group.join(file), content).unwrap();
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("cgroup.controllers"),
        "cpu io memory pids\n",
    )
    .unwrap();
    folder
}

fn docker() -> String {
    format!("system.slice/docker-{}.scope", "0123456789abcdef".repeat(4))
}

fn section(folder: &tempfile::TempDir, keys: &str) -> String {
    let path = folder.path().to_str().unwrap();
    format!(
        "grant.read = [\"{path}\"]\n[probe.config]\nfolder = \"{path}\"\ndiscover_every = 0\n{keys}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn units_and_containers_come_and_go_with_their_series() {
    let folder = folder();
    let path = folder.path();
    group(path, "system.slice/nginx.service", 1250, 0);
    group(path, &docker(), 700, 0);
    let keys = "expect = [\"nginx.service\", \"docker-*\"]";
    let watching = often("cgroups", &section(&folder, keys)).await;
    let nginx = r#"unit="nginx.service",container="""#;
    for (series, value) in [
        (
            format!(r#"cgroups_cpu_seconds_total{{{nginx},mode="user"}}"#),
            2.0,
        ),
        (
            format!("cgroups_memory_working_set_bytes{{{nginx}}}"),
            950.0,
        ),
        (format!("cgroups_pids_limit{{{nginx}}}"), 100.0),
        (
            format!(r#"cgroups_io_bytes_total{{{nginx},direction="write"}}"#),
            22.0,
        ),
        (
            format!(r#"cgroups_pressure_ratio{{{nginx},resource="io"}}"#),
            0.025,
        ),
        (
            r#"cgroups_memory_bytes{unit="",container="docker-0123456789ab"}"#.to_owned(),
            700.0,
        ),
    ] {
        watching
            .until_value(&series, |found| (found - value).abs() < 1e-9)
            .await;
    }
    watching
        .until_check("memory", "warn", "nginx.service 95 %: warns from 90 %")
        .await;
    watching.until_check("expected", "pass", "all 2 run").await;
    watching.until_check("oom-kills", "pass", "none").await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_and_groups_that_went_are_told() {
    let folder = folder();
    let path = folder.path();
    let docker = docker();
    group(path, "system.slice/nginx.service", 1250, 0);
    group(path, &docker, 700, 0);
    let keys = "expect = [\"nginx.service\", \"docker-*\"]";
    let watching = often("cgroups", &section(&folder, keys)).await;
    watching.until_check("expected", "pass", "all 2 run").await;
    watching.until_check("oom-kills", "pass", "none").await;
    group(path, "system.slice/nginx.service", 1, 2);
    watching
        .until_check("oom-kills", "warn", "in nginx.service 2: warns from 1")
        .await;
    fs::remove_dir_all(path.join(&docker)).unwrap();
    watching
        .until_check("expected", "fail", "not running: docker-*")
        .await;
    let gone = r#"cgroups_cpu_seconds_total{unit="",container="docker-0123456789ab",mode="user"}"#;
    assert_eq!(watching.of(gone).await, None, "its totals went with it");
    fs::write(
        path.join("system.slice/nginx.service/cgroup.events"),
        "populated 0\n",
    )
    .unwrap();
    watching
        .until_check("expected", "fail", "not running: nginx.service, docker-*")
        .await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_groups_than_fit_are_cut_and_told_within_the_limits_of_a_probe() {
    let folder = folder();
    for number in 0..300 {
        group(
            folder.path(),
            &format!("system.slice/u{number:03}.service"),
            1,
            0,
        );
    }
    let watching = often("cgroups", &section(&folder, "")).await;
    let words = "50 of 300 looked at; more than max_groups = 50: raise it, with limits.series";
    watching.until_check("groups", "warn", words).await;
    watching
        .until_value("cgroups_groups", |count| count == 300.0)
        .await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_one_lies_dormant() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("memory")).unwrap();
    let watching = often("cgroups", &section(&folder, "")).await;
    let message = watching.until_dormant().await;
    assert!(message.contains("has cgroup v1"), "{message}");
    watching.stop().await;
}
