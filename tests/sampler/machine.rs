//! What a machine has, and what another has not.

use std::time::Instant;

use probity::sampler::{Config, Machine, NAMES, build};
use tokio::runtime::Builder;

use crate::fixture::Fixture;

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
        sampler.sample(Instant::now()).unwrap();
        let (_, staged) = sampler.take();
        let quiet = ["pressure", "cgroup"].contains(&maker.name());
        assert!(quiet || !staged.writes.is_empty(), "{}", maker.name());
    }
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
