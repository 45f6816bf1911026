//! The built-in samplers: processors, memory, pressure, disks, network, this process, its control group, and the
//! event loop. Owns every reading of /proc and /sys.
//!
//! A sampler reads the kernel's files through descriptors kept open into buffers of its own, and allocates nothing
//! in the steady state. What a machine does not have is absent, never an error; what it has in a form nobody
//! expects is an error that names the file. This room never decides when to run, and with one exception never
//! starts anything: the lag of an event loop can only be seen from outside of it, so [`EventLoopSampler`] owns an
//! OS thread and two tasks, and stops them when it is dropped.

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

mod kernel_file;
mod roster;
mod scan;
mod series;

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

/// One built-in source.
pub trait Sampler: Send {
    /// Its name, one of [`NAMES`].
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
    make: fn(&Machine) -> Result<Box<dyn Sampler>, SamplerError>,
}

impl Maker {
    /// The sampler's name, one of [`NAMES`].
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Opens the sampler's files. May block: the process sampler asks `systemctl` once, for two seconds at most.
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
            make: maker_of(name),
        })
        .collect()
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
