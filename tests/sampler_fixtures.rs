//! The samplers on trees of files that stand for machines: what is missing is absent, what is garbage is named.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use probity::model::{Change, Facts, Schema, Staged};
use probity::sampler::{Config, Machine, NAMES, Sampler, SamplerError, build};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A machine of two processors, one disk and one interface.
const MACHINE: [(&str, &str); 23] = [
    (
        "proc/stat",
        "cpu 100 0 50 800 50 0 0 0 0 0\ncpu0 50 0 25 400 25 0 0 0 0 0\ncpu1 50 0 25 400 25 0 0 0 0 0\n\
         intr 9 0\nctxt 99\nbtime 1700000000\nprocesses 7\nprocs_running 1\nprocs_blocked 0\n",
    ),
    ("proc/loadavg", "0.06 0.50 1.00 1/107 11443\n"),
    (
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nBuffers: 50 kB\nCached: 400 kB\n\
         SwapTotal: 200 kB\nSwapFree: 150 kB\n",
    ),
    (
        "proc/pressure/cpu",
        "some avg10=1.00 avg60=2.00 avg300=3.00 total=4000000\n",
    ),
    (
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    ),
    (
        "proc/pressure/io",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=2\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=2\n",
    ),
    (
        "proc/self/mountinfo",
        "27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n28 27 0:4 / /proc rw - proc proc rw\n\
         29 27 8:2 / /my\\040data ro - xfs /dev/sdb ro\n30 27 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    ),
    (
        "proc/diskstats",
        "8 0 sda 10 0 20 5 30 0 40 7 0 11 12\n8 1 sda1 1 0 2 0 3 0 4 0 0 1 1\n7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n",
    ),
    ("sys/block/sda/size", "1000\n"),
    (
        "proc/net/dev",
        "Inter-| Receive | Transmit\n face |bytes\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n",
    ),
    (
        "proc/self/stat",
        "42 (probity) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 7 0 100 1 1 1\n",
    ),
    ("proc/self/statm", "1000 500 400 1 0 1 0\n"),
    ("proc/self/fd/0", ""),
    ("proc/self/fd/1", ""),
    ("proc/sys/kernel/hostname", "fixture\n"),
    ("proc/self/schedstat", "100 50 3\n"),
    ("proc/self/cgroup", "0::/app/web\n"),
    ("sys/fs/cgroup/app/memory.max", "1048576\n"),
    ("sys/fs/cgroup/app/web/memory.max", "max\n"),
    ("sys/fs/cgroup/app/web/memory.current", "900000\n"),
    (
        "sys/fs/cgroup/app/web/memory.stat",
        "anon 100000\nfile 800000\nactive_file 50000\ninactive_file 750000\n",
    ),
    ("sys/fs/cgroup/app/web/cpu.max", "150000 100000\n"),
    (
        "sys/fs/cgroup/app/web/cpu.stat",
        "usage_usec 2500000\nnr_periods 1\nthrottled_usec 500000\n",
    ),
];

/// A folder with a machine's files, and a loop to be measured.
struct Fixture {
    root: TempDir,
    runtime: Runtime,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self {
            root: tempfile::tempdir().unwrap(),
            runtime: Builder::new_multi_thread()
                .worker_threads(1)
                .enable_time()
                .build()
                .unwrap(),
        };
        for (path, content) in MACHINE {
            fixture.write(path, content.as_bytes());
        }
        std::fs::create_dir(fixture.path("my data")).unwrap();
        fixture
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, content: &[u8]) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), content).unwrap();
    }

    fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }

    fn machine(&self) -> Machine {
        Machine {
            root: self.root.path().to_owned(),
            event_loop: self.runtime.handle().clone(),
            environment: BTreeMap::new(),
            started: Instant::now(),
        }
    }

    fn make(&self, name: &str) -> Result<Box<dyn Sampler>, SamplerError> {
        let makers = build(&Config::default(), &self.machine());
        makers
            .iter()
            .find(|maker| maker.name() == name)
            .unwrap()
            .make()
    }

    fn sampler(&self, name: &str) -> Box<dyn Sampler> {
        self.make(name).unwrap()
    }

    /// The facts of a first sample as JSON, without the kind.
    fn facts(&self, name: &str) -> serde_json::Value {
        let mut sampler = self.sampler(name);
        sampler.sample(Instant::now()).unwrap();
        json(sampler.take().0)
    }

    fn error(&self, name: &str) -> SamplerError {
        match self.make(name) {
            Ok(mut sampler) => sampler.sample(Instant::now()).unwrap_err(),
            Err(error) => error,
        }
    }
}

fn json(facts: Facts) -> serde_json::Value {
    match facts {
        Facts::Cpu(facts) => serde_json::to_value(facts),
        Facts::Memory(facts) => serde_json::to_value(facts),
        Facts::Pressure(facts) => serde_json::to_value(facts),
        Facts::Disk(facts) => serde_json::to_value(facts),
        Facts::Network(facts) => serde_json::to_value(facts),
        Facts::Process(facts) => serde_json::to_value(facts),
        Facts::Cgroup(facts) => serde_json::to_value(facts),
        Facts::Loop(facts) => serde_json::to_value(facts),
    }
    .unwrap()
}

/// The last value staged for a series, by name and label values.
fn value(staged: &Staged, name: &str, labels: &[&str]) -> Option<f64> {
    let slot = slot(&staged.schema, name, labels)?;
    let mut writes = staged.writes.iter().rev();
    let write = writes.find(|write| write.slot == slot && write.change != Change::Created)?;
    Some(write.value)
}

fn slot(schema: &Schema, name: &str, labels: &[&str]) -> Option<u32> {
    let found = schema.series.iter().find(|series| {
        &*series.metric.name == name
            && series
                .labels
                .iter()
                .map(|label| &**label)
                .eq(labels.iter().copied())
    });
    found.map(|series| series.slot)
}

#[test]
fn a_whole_machine_is_sampled() {
    let fixture = Fixture::new();
    let cpu = fixture.facts("cpu");
    assert_eq!((&cpu["cores"], &cpu["load_1m"]), (&2.into(), &0.06.into()));
    assert_eq!(
        cpu["used_percent"],
        serde_json::Value::Null,
        "a first sample has no growth"
    );
    let memory = fixture.facts("memory");
    assert_eq!(
        (&memory["used_bytes"], &memory["used_percent"]),
        (&409_600.into(), &40.0.into())
    );
    assert_eq!(memory["swap_used_bytes"], 51_200);
    assert_eq!(fixture.facts("pressure")["cpu_some"]["total_seconds"], 4.0);
    let network = fixture.facts("network");
    assert_eq!(network["interfaces"][0]["transmit_dropped_total"], 4);
    let process = fixture.facts("process");
    assert_eq!(
        (&process["hostname"], &process["threads"]),
        (&"fixture".into(), &7.into())
    );
    assert_eq!(
        (&process["open_fds"], &process["supervisor"]["kind"]),
        (&2.into(), &"none".into())
    );
    let cgroup = fixture.facts("cgroup");
    assert_eq!(
        cgroup["memory_max_bytes"], 1_048_576,
        "the limit of the group above binds"
    );
    assert_eq!(
        (&cgroup["cpu_limit_cores"], &cgroup["pids_max"]),
        (&1.5.into(), &serde_json::Value::Null)
    );
    assert_eq!(cgroup["cpu_throttled_seconds_total"], 0.5);
    assert_eq!(
        (
            &cgroup["memory_current_bytes"],
            &cgroup["memory_working_set_bytes"]
        ),
        (&900_000.into(), &150_000.into())
    );
    assert_eq!(fixture.facts("event-loop")["workers"], 1);
}

#[test]
fn a_working_set_is_never_negative_and_null_when_half_of_it_is_unknown() {
    const CURRENT: &str = "sys/fs/cgroup/app/web/memory.current";
    const STAT: &str = "sys/fs/cgroup/app/web/memory.stat";
    let null = serde_json::Value::Null;
    let working_set = |change: &dyn Fn(&Fixture)| {
        let fixture = Fixture::new();
        change(&fixture);
        fixture.facts("cgroup")["memory_working_set_bytes"].clone()
    };
    // The files are read one after the other, so the cache may seem to be more than all.
    let all_cache = |fixture: &Fixture| fixture.write(STAT, b"inactive_file 900001\n");
    assert_eq!(working_set(&all_cache), 0);
    let other_keys = |fixture: &Fixture| fixture.write(STAT, b"anon 1\n");
    assert_eq!(working_set(&other_keys), null);
    assert_eq!(working_set(&|fixture| fixture.remove(STAT)), null);
    assert_eq!(working_set(&|fixture| fixture.remove(CURRENT)), null);
}

#[test]
fn disks_are_whole_disks_and_mounts_real_file_systems() {
    let fixture = Fixture::new();
    let disk = fixture.facts("disk");
    let list = |name: &str, key: &str| -> Vec<String> {
        let entries = disk[name].as_array().unwrap().iter();
        entries
            .map(|entry| entry[key].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(list("devices", "device"), ["sda"]);
    assert_eq!(list("mounts", "mountpoint"), ["/", "/my data"]);
    assert!(disk["mounts"][1]["total_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn what_the_machine_does_not_have_is_null() {
    let fixture = Fixture::new();
    for path in [
        "proc/pressure",
        "sys/fs/cgroup",
        "proc/self/cgroup",
        "proc/loadavg",
        "proc/self/fd",
        "proc/self/stat",
        "proc/self/schedstat",
    ] {
        fixture.remove(path);
    }
    let null = serde_json::Value::Null;
    let pressure = fixture.facts("pressure");
    assert!(
        pressure
            .as_object()
            .unwrap()
            .values()
            .all(|value| *value == null)
    );
    let cgroup = fixture.facts("cgroup");
    assert!(
        cgroup
            .as_object()
            .unwrap()
            .values()
            .all(|value| *value == null)
    );
    assert_eq!(fixture.facts("cpu")["load_1m"], null);
    let process = fixture.facts("process");
    assert_eq!((&process["open_fds"], &process["threads"]), (&null, &null));
    assert_eq!(fixture.facts("event-loop")["run_queue_delay_ratio"], null);
}

#[test]
fn a_sampler_without_its_file_has_nothing_to_observe() {
    for (name, path) in [
        ("cpu", "proc/stat"),
        ("memory", "proc/meminfo"),
        ("network", "proc/net/dev"),
    ] {
        let fixture = Fixture::new();
        fixture.remove(path);
        let error = fixture.error(name);
        assert!(
            error.is_absence() && error.to_string().contains(path),
            "{name}: {error}"
        );
        assert_eq!(error.to_failure().code, "sampler.absent");
    }
    let fixture = Fixture::new();
    fixture.remove("proc/self/mountinfo");
    assert_eq!(fixture.facts("disk")["devices"][0]["device"], "sda");
    fixture.remove("proc/diskstats");
    assert!(fixture.error("disk").is_absence());
}

#[test]
fn garbage_is_an_error_that_names_file_line_and_reason() {
    for (name, path) in [
        ("cpu", "proc/stat"),
        ("cpu", "proc/loadavg"),
        ("memory", "proc/meminfo"),
        ("pressure", "proc/pressure/io"),
        ("disk", "proc/self/mountinfo"),
        ("disk", "proc/diskstats"),
        ("network", "proc/net/dev"),
        ("process", "proc/self/stat"),
        ("process", "proc/self/statm"),
        ("cgroup", "sys/fs/cgroup/app/web/cpu.max"),
        ("event-loop", "proc/self/schedstat"),
    ] {
        let fixture = Fixture::new();
        fixture.write(path, b"\xff\0 what\nis this: 1 2\nx: 1\n");
        let error = fixture.error(name);
        let text = error.to_string();
        assert!(
            matches!(error, SamplerError::Malformed { .. }),
            "{name}: {text}"
        );
        assert!(
            text.contains(path) && text.contains("line "),
            "{name}: {text}"
        );
        assert_eq!(error.to_failure().code, "sampler.malformed");
    }
}

#[test]
fn a_folder_in_a_files_place_is_an_error_that_names_it() {
    let fixture = Fixture::new();
    fixture.remove("proc/meminfo");
    std::fs::create_dir(fixture.path("proc/meminfo")).unwrap();
    let error = fixture.error("memory");
    assert!(matches!(error, SamplerError::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("proc/meminfo"), "{error}");
}

#[test]
fn a_sampler_recovers_once_its_file_is_good_again() {
    let fixture = Fixture::new();
    let mut sampler = fixture.sampler("memory");
    let good = std::fs::read(fixture.path("proc/meminfo")).unwrap();
    fixture.write("proc/meminfo", b"garbage");
    sampler.sample(Instant::now()).unwrap_err();
    fixture.write("proc/meminfo", &good);
    sampler.sample(Instant::now()).unwrap();
    sampler.sample(Instant::now()).unwrap();
    let staged = sampler.take().1;
    assert_eq!(
        staged.writes.len(),
        7,
        "one run's writes, though two ran and one was taken"
    );
}

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

#[test]
fn samplers_that_are_disabled_are_not_built() {
    let fixture = Fixture::new();
    let names = |config: &Config| -> Vec<&str> {
        build(config, &fixture.machine())
            .iter()
            .map(|maker| maker.name())
            .collect()
    };
    assert_eq!(names(&Config::default()), NAMES);
    let config = Config {
        disabled: vec!["disk".into(), "event-loop".into()],
        ..Config::default()
    };
    assert_eq!(
        names(&config),
        ["cpu", "memory", "pressure", "network", "process", "cgroup"]
    );
}

#[test]
fn each_sampler_says_its_name_and_works_on_this_machine() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let machine = Machine::local(runtime.handle().clone());
    for maker in build(&Config::default(), &machine) {
        let mut sampler = maker.make().unwrap();
        assert_eq!(sampler.name(), maker.name());
        if Path::new("/proc/meminfo").exists() {
            sampler.sample(Instant::now()).unwrap();
            sampler.take();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_content_of_any_file_panics(file in 0..MACHINE.len(), bytes: Vec<u8>, keep: bool) {
        let fixture = Fixture::new();
        let (path, good) = MACHINE[file];
        let mut content = if keep { good.as_bytes()[..good.len() / 2].to_vec() } else { Vec::new() };
        content.extend(bytes);
        fixture.write(path, &content);
        for name in NAMES {
            // A refusal is fine; only a panic is not. Twice, for what the second sample compares with the first.
            if let Ok(mut sampler) = fixture.make(name) {
                for _ in 0..2 {
                    if sampler.sample(Instant::now()).is_ok() {
                        sampler.take();
                    }
                }
            }
        }
    }
}
