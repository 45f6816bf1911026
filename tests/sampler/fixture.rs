//! A folder that stands for a machine.

use std::collections::BTreeMap;
use std::time::Instant;

use probity::model::{Change, Facts, Schema, Staged};
use probity::sampler::{Config, Machine, Sampler, SamplerError, build};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A machine of two processors, one disk and one interface.
pub const MACHINE: [(&str, &str); 23] = [
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
pub struct Fixture {
    root: TempDir,
    runtime: Runtime,
}

impl Fixture {
    pub fn new() -> Self {
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

    pub fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    pub fn write(&self, path: &str, content: &[u8]) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), content).unwrap();
    }

    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }

    pub fn machine(&self) -> Machine {
        Machine {
            root: self.root.path().to_owned(),
            event_loop: self.runtime.handle().clone(),
            environment: BTreeMap::new(),
            systemctl: "systemctl".into(),
            pm2: "pm2".into(),
            pm2_home: None,
            started: Instant::now(),
        }
    }

    pub fn make(&self, name: &str) -> Result<Box<dyn Sampler>, SamplerError> {
        let makers = build(&Config::default(), &self.machine());
        makers
            .iter()
            .find(|maker| maker.name() == name)
            .unwrap()
            .make()
    }

    pub fn sampler(&self, name: &str) -> Box<dyn Sampler> {
        self.make(name).unwrap()
    }

    /// The facts of a first sample as JSON, without the kind.
    pub fn facts(&self, name: &str) -> serde_json::Value {
        let mut sampler = self.sampler(name);
        sampler.sample(Instant::now()).unwrap();
        json(sampler.take().0)
    }

    pub fn error(&self, name: &str) -> SamplerError {
        match self.make(name) {
            Ok(mut sampler) => sampler.sample(Instant::now()).unwrap_err(),
            Err(error) => error,
        }
    }
}

pub fn json(facts: Facts) -> serde_json::Value {
    match facts {
        Facts::Cpu(facts) => serde_json::to_value(facts),
        Facts::Memory(facts) => serde_json::to_value(facts),
        Facts::Pressure(facts) => serde_json::to_value(facts),
        Facts::Disk(facts) => serde_json::to_value(facts),
        Facts::Network(facts) => serde_json::to_value(facts),
        Facts::Process(facts) => serde_json::to_value(facts),
        Facts::Cgroup(facts) => serde_json::to_value(facts),
        Facts::Loop(facts) => serde_json::to_value(facts),
        Facts::Watched(facts) => serde_json::to_value(facts),
        Facts::Activity(_) => panic!("no sampler makes these"),
    }
    .unwrap()
}

/// The last value staged for a series, by name and label values.
pub fn value(staged: &Staged, name: &str, labels: &[&str]) -> Option<f64> {
    let slot = slot(&staged.schema, name, labels)?;
    let mut writes = staged.writes.iter().rev();
    let write = writes.find(|write| write.slot == slot && write.change != Change::Created)?;
    Some(write.value)
}

pub fn slot(schema: &Schema, name: &str, labels: &[&str]) -> Option<u32> {
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
