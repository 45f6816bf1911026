//! What changes between two samples.

use std::time::{Duration, Instant};

use crate::fixture::{Fixture, json, slot, value};

#[test]
fn shares_come_from_growth_and_never_are_negative() {
    let fixture = Fixture::new();
    let mut sampler = fixture.sampler("cpu");
    let start = Instant::now();
    sampler.sample(start).unwrap();
    fixture.write(
        "proc/stat",
        b"cpu 130 0 60 840 45 0 0 20\ncpu0 80 0 35 400 25 0 0 0\ncpu1 50 0 25 440 20 0 0 20\n",
    );
    sampler.sample(start + Duration::from_secs(1)).unwrap();
    let (facts, staged) = sampler.take();
    let cpu = json(facts);
    assert_eq!(
        (&cpu["used_percent"], &cpu["used_percent_1m"]),
        (&60.0.into(), &60.0.into())
    );
    assert_eq!(
        (&cpu["steal_percent"], &cpu["iowait_percent"]),
        (&20.0.into(), &0.0.into())
    );
    assert_eq!(cpu["per_core_percent"][0], 100.0);
    assert_eq!(
        value(&staged, "node_cpu_seconds_total", &["0", "user"]),
        Some(0.8)
    );
    assert_eq!(
        value(&staged, "node_cpu_seconds_total", &["1", "iowait"]),
        Some(0.25),
        "no step back"
    );
}

#[test]
fn the_minute_average_forgets_what_is_older() {
    let fixture = Fixture::new();
    let mut sampler = fixture.sampler("cpu");
    let start = Instant::now();
    let stat = |busy: u64, idle: u64| format!("cpu {busy} 0 0 {idle} 0 0 0 0\n");
    for second in 0..=180u64 {
        // Busy for the first two minutes, idle for the third but for its last quarter.
        let busy = 100 * second.min(120) + 100 * second.saturating_sub(165);
        let idle = 100 * second - busy;
        fixture.write("proc/stat", stat(busy, idle).as_bytes());
        sampler.sample(start + Duration::from_secs(second)).unwrap();
    }
    assert_eq!(json(sampler.take().0)["used_percent_1m"], 25.0);
}

#[test]
fn devices_that_come_and_go_change_the_series() {
    let fixture = Fixture::new();
    let start = Instant::now();
    let mut network = fixture.sampler("network");
    let device =
        |name: &str, bytes: u64| format!("{name}: {bytes} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
    let received = "node_network_receive_bytes_total";
    for (second, text, eth0, veth) in [
        (0, device("eth0", 1000), Some(1000.0), None),
        (
            1,
            device("veth", 5) + &device("eth0", 3000),
            Some(3000.0),
            Some(5.0),
        ),
        (2, device("veth", 6), None, Some(6.0)),
        (
            3,
            device("eth0", 10) + &device("veth", 7),
            Some(10.0),
            Some(7.0),
        ),
    ] {
        fixture.write("proc/net/dev", format!("head\nhead\n{text}").as_bytes());
        network.sample(start + Duration::from_secs(second)).unwrap();
        let (facts, staged) = network.take();
        assert_eq!(value(&staged, received, &["eth0"]), eth0, "second {second}");
        assert_eq!(value(&staged, received, &["veth"]), veth, "second {second}");
        if second == 1 {
            let rates = json(facts);
            assert_eq!(rates["interfaces"][1]["receive_bytes_per_second"], 2000.0);
        }
    }
}

#[test]
fn mounts_and_disks_that_come_and_go_change_the_series() {
    let fixture = Fixture::new();
    let mut disk = fixture.sampler("disk");
    let size = "node_filesystem_size_bytes";
    let data = ["/dev/sdb", "xfs", "/my data"];
    disk.sample(Instant::now()).unwrap();
    assert!(value(&disk.take().1, size, &data).is_some());
    fixture.write(
        "proc/self/mountinfo",
        b"27 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
    );
    fixture.write("proc/diskstats", b"");
    disk.sample(Instant::now()).unwrap();
    let staged = disk.take().1;
    assert_eq!(slot(&staged.schema, size, &data), None, "unmounted");
    assert_eq!(
        slot(&staged.schema, "node_disk_read_bytes_total", &["sda"]),
        None,
        "pulled"
    );
    assert!(
        value(&staged, size, &["/dev/sda1", "ext4", "/"]).is_some(),
        "the other stays"
    );
}

#[test]
fn a_mount_that_does_not_answer_is_null_and_says_so() {
    let fixture = Fixture::new();
    fixture.remove("my data");
    let mut disk = fixture.sampler("disk");
    disk.sample(Instant::now()).unwrap();
    let (facts, staged) = disk.take();
    let mount = &json(facts)["mounts"][1];
    assert_eq!(
        (&mount["total_bytes"], &mount["read_only"]),
        (&serde_json::Value::Null, &true.into())
    );
    let labels = ["/dev/sdb", "xfs", "/my data"];
    assert_eq!(
        value(&staged, "node_filesystem_device_error", &labels),
        Some(1.0)
    );
    assert_eq!(value(&staged, "node_filesystem_size_bytes", &labels), None);
}
