//! The built-in samplers: processors, memory, pressure, disks, network, this process, its control group, the event
//! loop, and the processes that an operator wants watched. Owns every reading of /proc and /sys.
//!
//! A sampler reads the kernel's files through descriptors kept open into buffers of its own, and allocates nothing
//! in the steady state. What a machine does not have is absent, never an error; what it has in a form nobody
//! expects is an error that names the file. This room never decides when to run, and with two exceptions never
//! starts anything: the lag of an event loop can only be seen from outside of it, so [`EventLoopSampler`] owns an
//! OS thread and two tasks, and stops them when it is dropped; and looking for processes and asking supervisors may
//! take long, so [`WatchedSampler`] owns a thread that does, and ends with it.

mod config;

mod error;
mod machine;

mod cpu;
mod cpu_times;
mod memory;
mod pressure;

mod disk;
mod disk_io;
mod mounts;

mod network;

mod descriptors;
mod process;
mod supervisor;
mod threads;

mod cgroup;

mod event_loop;
mod lag;
mod run_queue;

mod watched;

mod kernel_file;
mod roster;
mod scan;
mod series;

use std::sync::Arc;
use std::time::Instant;

use crate::model::{Facts, Staged};

pub use cgroup::CgroupSampler;
pub use config::*;
pub use cpu::CpuSampler;
pub use disk::DiskSampler;
pub use error::{Malformed, SamplerError};
pub use event_loop::EventLoopSampler;
pub use machine::Machine;
pub use memory::MemorySampler;
pub use network::NetworkSampler;
pub use pressure::PressureSampler;
pub use process::ProcessSampler;
pub use watched::{MOST_WATCHES, WATCHED, WatchConfig, WatchedSampler};

/// One built-in source.
pub trait Sampler: Send {
    /// Its name, one of [`NAMES`], or [`WATCHED`].
    fn name(&self) -> &'static str;

    /// Whether [`Sampler::sample`] may wait for something outside of this machine's memory; then it needs a thread
    /// that may block. The kernel makes up /proc and cgroup files on the spot.
    fn may_block(&self) -> bool {
        false
    }

    /// Reads the kernel's files and stages the series. Allocates nothing unless something appeared, vanished or
    /// outgrew its buffer. What an earlier run staged and nobody took is thrown away.
    ///
    /// # Errors
    /// [`SamplerError::Absent`] when this machine has nothing to observe; otherwise which file could not be read or
    /// understood, and why. After an error there is nothing to take.
    fn sample(&mut self, now: Instant) -> Result<(), SamplerError>;

    /// What the last good [`Sampler::sample`] read, once.
    fn take(&mut self) -> (Facts, Staged);
}

/// Makes one sampler, again and again: after a panic the scheduler asks for a new one.
#[derive(Clone)]
pub struct Maker {
    name: &'static str,
    machine: Machine,
    make: Make,
}

/// Makes a sampler of this machine.
type Make = Arc<dyn Fn(&Machine) -> Result<Box<dyn Sampler>, SamplerError> + Send + Sync>;

impl Maker {
    /// The sampler's name, one of [`NAMES`], or [`WATCHED`].
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Opens the sampler's files. May block: the process sampler asks `systemctl` once, for two seconds at most, and the one
    /// of watched processes waits half a second at most for its first look.
    ///
    /// # Errors
    /// A file that exists and cannot be opened, or a thread that cannot be started.
    pub fn make(&self) -> Result<Box<dyn Sampler>, SamplerError> {
        (self.make)(&self.machine)
    }
}

/// The makers of all samplers that `config` leaves on, in the order of [`NAMES`].
pub fn build(config: &Config, machine: &Machine) -> Vec<Maker> {
    let off = |name: &str| config.disabled.iter().any(|disabled| disabled == name);
    NAMES
        .into_iter()
        .filter(|name| !off(name))
        .map(|name| Maker {
            name,
            machine: machine.clone(),
            make: Arc::new(maker_of(name)),
        })
        .collect()
}

/// The maker of the sampler of watched processes; nothing when there are none to watch.
pub fn watched(watches: &[WatchConfig], machine: &Machine) -> Option<Maker> {
    let watches: Arc<[WatchConfig]> = watches.into();
    let is_wanted = !watches.is_empty();
    is_wanted.then(|| Maker {
        name: WATCHED,
        machine: machine.clone(),
        make: Arc::new(move |machine| Ok(Box::new(WatchedSampler::new(&watches, machine)?))),
    })
}

fn maker_of(name: &'static str) -> fn(&Machine) -> Result<Box<dyn Sampler>, SamplerError> {
    match name {
        "cpu" => |machine| Ok(Box::new(CpuSampler::new(machine)?)),
        "memory" => |machine| Ok(Box::new(MemorySampler::new(machine)?)),
        "pressure" => |machine| Ok(Box::new(PressureSampler::new(machine)?)),
        "disk" => |machine| Ok(Box::new(DiskSampler::new(machine)?)),
        "network" => |machine| Ok(Box::new(NetworkSampler::new(machine)?)),
        "process" => |machine| Ok(Box::new(ProcessSampler::new(machine)?)),
        "cgroup" => |machine| Ok(Box::new(CgroupSampler::new(machine)?)),
        "event-loop" => |machine| Ok(Box::new(EventLoopSampler::new(machine)?)),
        _ => unreachable!("NAMES lists no other sampler"),
    }
}
