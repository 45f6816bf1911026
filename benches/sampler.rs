//! A cold tick of all samplers beside sysinfo reading the same set, in one run.
//!
//! Cold means once in 250 ms, as samplers really run: in a tight loop caches flatter both by five to ten times, and
//! sysinfo skips what it read less than 200 ms ago. So the loop is our own, and the median of its ticks is reported.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use probity::sampler::{Config, Machine, Sampler, build};
use sysinfo::{Disks, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

const PAUSE: Duration = Duration::from_millis(250);
const TICKS: usize = 60;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let makers = build(
        &Config::default(),
        &Machine::local(runtime.handle().clone()),
    );
    let mut ours = Ours::new(makers.iter().map(|maker| maker.make().unwrap()).collect());
    let mut other = Other::new();
    let mut theirs = Vec::with_capacity(TICKS);
    for _ in 0..TICKS {
        std::thread::sleep(PAUSE / 2);
        ours.tick();
        std::thread::sleep(PAUSE / 2);
        theirs.push(timed(|| other.refresh()));
    }
    for (sampler, times) in ours.samplers.iter().zip(&mut ours.each) {
        println!("  {:<12} {:>8.1} us", sampler.name(), median(times));
    }
    let (whole, theirs) = (median(&mut ours.whole), median(&mut theirs));
    println!("sample, all    {whole:>8.1} us (median of {TICKS} cold ticks)");
    println!("take, all      {:>8.1} us", median(&mut ours.taking));
    println!("sysinfo        {theirs:>8.1} us");
    println!("ratio          {:>8.2} (sysinfo / ours)", theirs / whole);
}

/// Our samplers with the times of their ticks.
struct Ours {
    samplers: Vec<Box<dyn Sampler>>,
    each: Vec<Vec<Duration>>,
    whole: Vec<Duration>,
    taking: Vec<Duration>,
}

impl Ours {
    fn new(samplers: Vec<Box<dyn Sampler>>) -> Self {
        Self {
            each: vec![Vec::with_capacity(TICKS); samplers.len()],
            samplers,
            whole: Vec::with_capacity(TICKS),
            taking: Vec::with_capacity(TICKS),
        }
    }

    fn tick(&mut self) {
        let start = Instant::now();
        for (sampler, times) in self.samplers.iter_mut().zip(&mut self.each) {
            times.push(timed(|| sampler.sample(Instant::now()).unwrap()));
        }
        self.whole.push(start.elapsed());
        self.taking.push(timed(|| {
            for sampler in &mut self.samplers {
                black_box(sampler.take());
            }
        }));
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What sysinfo reads of the same set; it knows neither pressure, disk totals nor loop lag.
struct Other {
    system: System,
    disks: Disks,
    networks: Networks,
    own: [Pid; 1],
}

impl Other {
    fn new() -> Self {
        Self {
            system: System::new().unwrap(),
            disks: Disks::new_with_refreshed_list().unwrap(),
            networks: Networks::new_with_refreshed_list().unwrap(),
            own: [Pid::from_u32(std::process::id())],
        }
    }

    fn refresh(&mut self) {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::Some(&self.own), false, kind);
        self.disks.refresh(true);
        self.networks.refresh(true);
        black_box(System::load_average().unwrap());
        black_box(self.system.cgroup_limits());
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
