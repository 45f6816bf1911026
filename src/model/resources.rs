//! Facts about the machine and about this process. What cannot be read is `None`, which JSON shows as null.

use serde::Serialize;

/// Processors. Percentages are of all processors together, 0 to 100.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CpuFacts {
    /// Busy share since the sample before; nothing in the first sample.
    pub used_percent: Option<f64>,
    /// Busy share over the last minute.
    pub used_percent_1m: Option<f64>,
    /// Time in user code, nice included.
    pub user_percent: Option<f64>,
    /// Time in the kernel, interrupts included.
    pub system_percent: Option<f64>,
    /// Time waiting for disks.
    pub iowait_percent: Option<f64>,
    /// Time the hypervisor gave to others.
    pub steal_percent: Option<f64>,
    /// Busy share of each processor, 0 to 100.
    pub per_core_percent: Vec<f64>,
    /// Processors on line.
    pub cores: u32,
    /// Load averages of 1, 5 and 15 minutes.
    pub load_1m: Option<f64>,
    /// 5 minutes.
    pub load_5m: Option<f64>,
    /// 15 minutes.
    pub load_15m: Option<f64>,
    /// Threads able to run now.
    pub tasks_runnable: Option<u64>,
    /// Threads in all.
    pub tasks_total: Option<u64>,
}

/// Memory and swap, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MemoryFacts {
    /// All memory.
    pub total_bytes: u64,
    /// What a new program could use without swapping; free and cached on kernels that do not estimate it.
    pub available_bytes: u64,
    /// Total less available.
    pub used_bytes: u64,
    /// Not used for anything.
    pub free_bytes: u64,
    /// Page cache and buffers.
    pub cached_bytes: u64,
    /// Swap, all.
    pub swap_total_bytes: u64,
    /// Swap in use.
    pub swap_used_bytes: u64,
    /// Used share, 0 to 100.
    pub used_percent: Option<f64>,
}

/// One line of pressure stall information: shares of time (percent) that tasks stalled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// Average of 10 s.
    pub avg10_percent: f64,
    /// Average of 60 s.
    pub avg60_percent: f64,
    /// Average of 300 s.
    pub avg300_percent: f64,
    /// Total stalled time in seconds.
    pub total_seconds: f64,
}

/// Pressure stall information of the machine; `some` tasks stalled, or all (`full`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PressureFacts {
    /// Waiting for a processor.
    pub cpu_some: Option<Pressure>,
    /// Waiting for memory.
    pub memory_some: Option<Pressure>,
    /// All waiting for memory.
    pub memory_full: Option<Pressure>,
    /// Waiting for disks.
    pub io_some: Option<Pressure>,
    /// All waiting for disks.
    pub io_full: Option<Pressure>,
}

/// A mounted file system of a real device.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MountFacts {
    /// The device or source.
    pub device: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// The kind of file system.
    pub fstype: String,
    /// All of it; null when it does not answer.
    pub total_bytes: Option<u64>,
    /// What an ordinary user can still write.
    pub available_bytes: Option<u64>,
    /// Used share as `df` counts it, 0 to 100.
    pub used_percent: Option<f64>,
    /// Inodes in all.
    pub inodes_total: Option<u64>,
    /// Inodes free.
    pub inodes_free: Option<u64>,
    /// Mounted read-only.
    pub read_only: bool,
}

/// A block device's totals since boot.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BlockDeviceFacts {
    /// Its name, such as `sda`.
    pub device: String,
    /// Bytes read.
    pub read_bytes_total: u64,
    /// Bytes written.
    pub written_bytes_total: u64,
    /// Reads done.
    pub reads_total: u64,
    /// Writes done.
    pub writes_total: u64,
    /// Seconds with a request in flight.
    pub io_seconds_total: f64,
    /// Bytes read a second since the sample before.
    pub read_bytes_per_second: Option<f64>,
    /// Bytes written a second since the sample before.
    pub written_bytes_per_second: Option<f64>,
}

/// File systems and block devices.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DiskFacts {
    /// Real file systems, each once.
    pub mounts: Vec<MountFacts>,
    /// Whole disks, without partitions and loop devices.
    pub devices: Vec<BlockDeviceFacts>,
}

/// One network interface's totals since it came up.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InterfaceFacts {
    /// Its name, such as `eth0`.
    pub device: String,
    /// Bytes received.
    pub receive_bytes_total: u64,
    /// Bytes sent.
    pub transmit_bytes_total: u64,
    /// Packets received.
    pub receive_packets_total: u64,
    /// Packets sent.
    pub transmit_packets_total: u64,
    /// Receive errors.
    pub receive_errors_total: u64,
    /// Send errors.
    pub transmit_errors_total: u64,
    /// Received packets dropped.
    pub receive_dropped_total: u64,
    /// Packets to send dropped.
    pub transmit_dropped_total: u64,
    /// Bytes received a second since the sample before.
    pub receive_bytes_per_second: Option<f64>,
    /// Bytes sent a second since the sample before.
    pub transmit_bytes_per_second: Option<f64>,
}

/// Network interfaces of this process' network namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NetworkFacts {
    /// All interfaces.
    pub interfaces: Vec<InterfaceFacts>,
}

/// Who started this process and keeps it running.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SupervisorFacts {
    /// `systemd`, `pm2`, `docker`, `containerd`, `kubernetes`, `launchd` or `none`.
    pub kind: &'static str,
    /// Unit, process or container name, where it can be read.
    pub name: Option<String>,
    /// The supervisor's own word for this process' state when it started, where it can be read.
    pub status: Option<String>,
    /// How often it restarted this process, where it says so.
    pub restarts: Option<u64>,
}

/// This process.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProcessFacts {
    /// Process id.
    pub pid: u32,
    /// The program's version.
    pub version: &'static str,
    /// What it was built for and how, such as `x86_64-linux release`.
    pub build: &'static str,
    /// The machine's name.
    pub hostname: Option<String>,
    /// When it started, Unix seconds.
    pub start_time_seconds: Option<f64>,
    /// Since then.
    pub uptime_seconds: f64,
    /// Processor time used, user and kernel.
    pub cpu_seconds_total: Option<f64>,
    /// Share of one processor since the sample before, 100 for one whole core.
    pub cpu_percent: Option<f64>,
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Resident memory that belongs to this process alone (anonymous pages).
    pub private_bytes: Option<u64>,
    /// Address space.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// How many it may open.
    pub max_fds: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Starts before this one, where the supervisor says so.
    pub restarts: Option<u64>,
    /// Who keeps it running.
    pub supervisor: SupervisorFacts,
}

/// This process' control group (version 2). Null: no limit, or not readable.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CgroupFacts {
    /// The group's path.
    pub path: Option<String>,
    /// Memory limit.
    pub memory_max_bytes: Option<u64>,
    /// Memory in use, page cache included.
    pub memory_current_bytes: Option<u64>,
    /// Memory in use without the file pages that were not used lately, as the kubelet counts a working set. The kernel
    /// takes those pages back before it kills.
    pub memory_working_set_bytes: Option<u64>,
    /// Times the kernel killed for memory.
    pub oom_kills_total: Option<u64>,
    /// Processors allowed, as quota over period.
    pub cpu_limit_cores: Option<f64>,
    /// Processor time used.
    pub cpu_usage_seconds_total: Option<f64>,
    /// Time throttled by the quota.
    pub cpu_throttled_seconds_total: Option<f64>,
    /// Task limit.
    pub pids_max: Option<u64>,
    /// Tasks now.
    pub pids_current: Option<u64>,
}

impl CgroupFacts {
    /// The memory limit, in bytes, where it is below the machine's memory: one that is not limits nothing.
    pub fn binding_memory_limit(&self, machine: Option<&MemoryFacts>) -> Option<u64> {
        let total = machine.map_or(u64::MAX, |machine| machine.total_bytes);
        self.memory_max_bytes
            .filter(|limit| *limit > 0 && *limit < total)
    }
}

/// Percentiles of a delay in seconds, over the last interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LagFacts {
    /// The delay now: of the last ping, or of the one still out.
    pub current_seconds: f64,
    /// Median.
    pub p50_seconds: f64,
    /// 99th percentile.
    pub p99_seconds: f64,
    /// The longest.
    pub max_seconds: f64,
}

/// The event loop that schedules and serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LoopFacts {
    /// From handing over a task to its first poll.
    pub lag: LagFacts,
    /// How late timers fire.
    pub timer_drift: LagFacts,
    /// Time that the thread of the loop that waited most, or the main thread, waited for a processor, a second of wall
    /// time (run-queue delay).
    pub run_queue_delay_ratio: Option<f64>,
    /// Worker threads.
    pub workers: u32,
    /// Share of time the workers were busy, 0 to 1.
    pub busy_ratio: Option<f64>,
    /// Tasks alive.
    pub tasks_alive: u64,
    /// Tasks waiting in the shared queue.
    pub queue_depth: u64,
}
