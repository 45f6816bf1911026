//! Mounted file systems by statvfs, and block devices.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};

use crate::model::{DiskFacts, Facts, MetricId, MountFacts, Recorder, SeriesId, Staged};

use super::disk_io::Devices;
use super::mounts::{Mount, MountTable, real_mounts};
use super::scan::text;
use super::series::{begin, bind, gauge, recorder, retire};
use super::{Machine, Sampler, SamplerError};

/// The gauges of a file system, in the order of [`Space::numbers`].
const GAUGES: [(&str, &str, &str); 6] = [
    (
        "node_filesystem_size_bytes",
        "bytes",
        "Size of the file system.",
    ),
    ("node_filesystem_free_bytes", "bytes", "Space not used."),
    (
        "node_filesystem_avail_bytes",
        "bytes",
        "Space an ordinary user can still write.",
    ),
    ("node_filesystem_files", "", "Inodes."),
    ("node_filesystem_files_free", "", "Inodes not used."),
    ("node_filesystem_readonly", "", "1 when it takes no writes."),
];
/// 1 when `statvfs` failed; node_exporter has it, and alerts are built on it.
const DEVICE_ERROR: (&str, &str, &str) = (
    "node_filesystem_device_error",
    "",
    "1 when the file system does not tell its size.",
);

/// Samples disks. Facts: [`DiskFacts`]. A dead network mount holds up `statvfs`, and with it this sampler alone.
pub struct DiskSampler {
    /// Where the mounts lie.
    machine: Machine,
    /// Tells which there are.
    table: MountTable,
    /// Those worth watching.
    systems: Vec<FileSystem>,
    /// The block devices.
    devices: Devices,
    /// One a gauge of a file system.
    metrics: [MetricId; GAUGES.len()],
    /// Of [`DEVICE_ERROR`].
    error_metric: MetricId,
    /// All series.
    recorder: Recorder,
}

/// One mounted file system.
struct FileSystem {
    /// Its line of the table.
    mount: Mount,
    /// Device, kind and mount point.
    labels: [String; 3],
    /// The mount point as this program reaches it.
    path: CString,
    /// What it told last; nothing when it did not answer.
    space: Option<Space>,
    /// One a gauge.
    series: [SeriesId; GAUGES.len()],
    /// Whether it failed to answer.
    error_series: SeriesId,
}

/// Sizes of one file system.
#[derive(Debug, Clone, Copy)]
struct Space {
    size: u64,
    free: u64,
    available: u64,
    inodes: u64,
    inodes_free: u64,
    read_only: bool,
}

impl DiskSampler {
    /// Opens the mount table and /proc/diskstats.
    ///
    /// # Errors
    /// A file that is there and cannot be opened.
    pub fn new(machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        let keys = ["device", "fstype", "mountpoint"];
        let mut metrics = Vec::with_capacity(GAUGES.len());
        for words in GAUGES {
            metrics.push(gauge(&mut recorder, words, &keys)?);
        }
        Ok(Self {
            machine: machine.clone(),
            table: MountTable::open(machine)?,
            systems: Vec::new(),
            devices: Devices::open(machine, &mut recorder)?,
            metrics: metrics.try_into().expect("there is one metric a gauge"),
            error_metric: gauge(&mut recorder, DEVICE_ERROR, &keys)?,
            recorder,
        })
    }

    /// Takes over a changed mount table: what stays keeps its series.
    fn follow_mounts(&mut self, mounts: Vec<Mount>) -> Result<(), SamplerError> {
        let mut before = std::mem::take(&mut self.systems);
        let mut fresh = Vec::new();
        for mount in real_mounts(mounts, &self.machine) {
            match before.iter().position(|known| known.mount == mount) {
                Some(index) => self.systems.push(before.swap_remove(index)),
                None => fresh.push(mount),
            }
        }
        // Retired first: a remount may bring the same labels back.
        for gone in before {
            let labels = gone.labels.each_ref().map(String::as_str);
            retire(&mut self.recorder, &self.metrics, &labels);
            retire(&mut self.recorder, &[self.error_metric], &labels);
        }
        for mount in fresh {
            let system = self.watch(mount)?;
            self.systems.extend(system);
        }
        Ok(())
    }

    /// Binds the series of a new mount; nothing for a path that no system call takes.
    fn watch(&mut self, mount: Mount) -> Result<Option<FileSystem>, SamplerError> {
        let point = Path::new(std::ffi::OsStr::from_bytes(&mount.point));
        let path = self.machine.mounted(point);
        let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
            return Ok(None);
        };
        let labels = [&mount.source, &mount.fstype, &mount.point].map(|label| text(label));
        let names = labels.each_ref().map(String::as_str);
        let [error_series] = bind(&mut self.recorder, &[self.error_metric], &names)?;
        Ok(Some(FileSystem {
            series: bind(&mut self.recorder, &self.metrics, &names)?,
            error_series,
            mount,
            labels,
            path,
            space: None,
        }))
    }

    fn record(&mut self) -> Result<(), SamplerError> {
        for system in &self.systems {
            let failed = f64::from(u8::from(system.space.is_none()));
            self.recorder.set(system.error_series, failed)?;
            for (series, value) in system
                .series
                .iter()
                .zip(system.space.iter().flat_map(Space::numbers))
            {
                self.recorder.set(*series, value)?;
            }
        }
        Ok(())
    }
}

impl Sampler for DiskSampler {
    fn name(&self) -> &'static str {
        "disk"
    }

    /// A dead network mount holds `statvfs` up.
    fn may_block(&self) -> bool {
        true
    }

    fn sample(&mut self, now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.recorder);
        if let Some(mounts) = self.table.changed()? {
            self.follow_mounts(mounts)?;
        }
        for system in &mut self.systems {
            system.space = statvfs(system.path.as_c_str()).ok().map(Space::from);
        }
        let devices = self.devices.sample(&mut self.recorder, now)?;
        if !devices && !self.table.exists() {
            return Err(self.table.absent());
        }
        self.record()
    }

    fn take(&mut self) -> (Facts, Staged) {
        let facts = DiskFacts {
            mounts: self.systems.iter().map(FileSystem::facts).collect(),
            devices: self.devices.facts(),
        };
        (Facts::Disk(Box::new(facts)), self.recorder.commit())
    }
}

impl FileSystem {
    fn facts(&self) -> MountFacts {
        let [device, fstype, mountpoint] = self.labels.clone();
        let space = self.space;
        MountFacts {
            device,
            mountpoint,
            fstype,
            total_bytes: space.map(|space| space.size),
            available_bytes: space.map(|space| space.available),
            used_percent: space.and_then(Space::used_percent),
            inodes_total: space.map(|space| space.inodes),
            inodes_free: space.map(|space| space.inodes_free),
            read_only: space.map_or(self.mount.read_only, |space| space.read_only),
        }
    }
}

impl Space {
    fn numbers(&self) -> [f64; GAUGES.len()] {
        [
            self.size as f64,
            self.free as f64,
            self.available as f64,
            self.inodes as f64,
            self.inodes_free as f64,
            f64::from(u8::from(self.read_only)),
        ]
    }

    /// As `df` counts it: space kept for root is neither used nor free.
    fn used_percent(self) -> Option<f64> {
        let used = self.size.saturating_sub(self.free);
        let reachable = used.saturating_add(self.available);
        (reachable > 0).then(|| 100.0 * used as f64 / reachable as f64)
    }
}

impl From<StatVfs> for Space {
    fn from(stat: StatVfs) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Self {
            size: bytes(stat.f_blocks),
            free: bytes(stat.f_bfree),
            available: bytes(stat.f_bavail),
            inodes: stat.f_files,
            inodes_free: stat.f_ffree,
            read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_space_is_counted_as_df_does() {
        let space = |size, free, available| Space {
            size,
            free,
            available,
            inodes: 0,
            inodes_free: 0,
            read_only: false,
        };
        assert_eq!(space(100, 25, 25).used_percent(), Some(75.0));
        assert_eq!(
            space(100, 25, 0).used_percent(),
            Some(100.0),
            "the rest is root's"
        );
        assert_eq!(space(0, 0, 0).used_percent(), None);
    }
}
