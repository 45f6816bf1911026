//! Which file systems are mounted and worth watching, from /proc/self/mountinfo. Format: proc_pid_mountinfo(5).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::kernel_file::KernelFile;
use super::scan::{Words, lines, text, unescape_octal};
use super::{Machine, Malformed, SamplerError};

/// File systems without a device of their own: made of memory, of the kernel's own state, or read-only images that
/// are always full. (node_exporter's list, and what came since.)
const PSEUDO: [&[u8]; 38] = [
    b"autofs",
    b"binder",
    b"binfmt_misc",
    b"bpf",
    b"cgroup",
    b"cgroup2",
    b"configfs",
    b"cramfs",
    b"debugfs",
    b"devpts",
    b"devtmpfs",
    b"efivarfs",
    b"erofs",
    b"fuse.gvfsd-fuse",
    b"fuse.lxcfs",
    b"fuse.portal",
    b"fuse.snapfuse",
    b"fusectl",
    b"hugetlbfs",
    b"iso9660",
    b"mqueue",
    b"nfsd",
    b"nsfs",
    b"overlay",
    b"pipefs",
    b"proc",
    b"pstore",
    b"ramfs",
    b"resctrl",
    b"rootfs",
    b"rpc_pipefs",
    b"securityfs",
    b"selinuxfs",
    b"smackfs",
    b"squashfs",
    b"sysfs",
    b"tmpfs",
    b"tracefs",
];
/// The longest label value there is; a mount point beyond it is left out.
const MAX_TEXT_BYTES: usize = 1024;

/// One mount as the table shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Major and minor number: what two mounts of one device share.
    pub(super) id: Vec<u8>,
    /// The folder of the file system that is mounted; `/` unless it is a bind mount or a subvolume.
    pub(super) root: Vec<u8>,
    /// Where it is mounted.
    pub(super) point: Vec<u8>,
    /// Whether the mount, or the file system itself, takes no writes.
    pub(super) read_only: bool,
    /// The kind of file system.
    pub(super) fstype: Vec<u8>,
    /// The device, or whatever the file system calls its source.
    pub(super) source: Vec<u8>,
}

/// The mount table, read again only when the kernel says that it changed.
pub(super) struct MountTable {
    /// /proc/self/mountinfo.
    file: KernelFile,
    /// The text that was last understood.
    known: Vec<u8>,
    /// Whether there is one.
    read: bool,
    /// Whether the kernel tells of changes.
    on_proc: bool,
}

impl MountTable {
    /// Opens /proc/self/mountinfo.
    pub(super) fn open(machine: &Machine) -> Result<Self, SamplerError> {
        let file = KernelFile::open(machine.proc("self/mountinfo"))?;
        let system = file.descriptor().map(rustix::fs::fstatfs);
        Ok(Self {
            on_proc: system.is_some_and(|system| {
                system.is_ok_and(|system| system.f_type == rustix::fs::PROC_SUPER_MAGIC)
            }),
            file,
            known: Vec::new(),
            read: false,
        })
    }

    /// Whether the table was there when last read.
    pub(super) fn exists(&self) -> bool {
        self.file.descriptor().is_some()
    }

    /// The error of a sampler that has nothing without this table.
    pub(super) fn absent(&self) -> SamplerError {
        self.file.absent()
    }

    /// All mounts, if they changed since the last call; nothing when they did not.
    pub(super) fn changed(&mut self) -> Result<Option<Vec<Mount>>, SamplerError> {
        if self.read && !self.is_touched() {
            return Ok(None);
        }
        // Set again once understood: a table that was not is read again, though it does not change.
        self.read = false;
        let known = &self.known;
        let parsed = self.file.parse(|text| {
            let same = *text == **known && !text.is_empty();
            (!same)
                .then(|| Ok((text.to_vec(), parse(text)?)))
                .transpose()
        })?;
        self.read = true;
        let Some(parsed) = parsed else {
            self.known.clear();
            return Ok(Some(Vec::new()));
        };
        Ok(parsed.map(|(text, mounts)| {
            self.known = text;
            mounts
        }))
    }

    /// Asks the kernel, which raises an exceptional condition on the table's descriptor at each change. Writing
    /// the table costs it 30 to 80 us, asking for a change less than one. A file that is not the kernel's never
    /// raises anything: it is read each time and compared.
    fn is_touched(&self) -> bool {
        let Some(file) = self.file.descriptor() else {
            return true;
        };
        let mut asked = [PollFd::new(file, PollFlags::PRI)];
        let answer = poll(
            &mut asked,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        );
        !self.on_proc || answer != Ok(0)
    }
}

/// The mounts worth watching: real file systems, each device once, in the table's order.
pub(super) fn real_mounts(mounts: Vec<Mount>, machine: &Machine) -> Vec<Mount> {
    let mut kept: Vec<Mount> = Vec::new();
    for mount in mounts {
        // A later mount at the same point hides the earlier one, whatever either is.
        kept.retain(|other| other.point != mount.point);
        if !is_real(&mount) || is_bound_file(&mount, machine) {
            continue;
        }
        match kept.iter_mut().find(|other| other.id == mount.id) {
            Some(other) if rank(&mount) < rank(other) => *other = mount,
            Some(_) => {}
            None => kept.push(mount),
        }
    }
    kept
}

/// Of several mounts of one device, the whole file system comes before a part, then the shortest path.
fn rank(mount: &Mount) -> (bool, usize) {
    (mount.root != b"/", mount.point.len())
}

fn is_real(mount: &Mount) -> bool {
    let fits = text(&mount.point).len().max(text(&mount.source).len()) <= MAX_TEXT_BYTES;
    // A container's root is an overlay, and all it has.
    let container_root = mount.fstype == b"overlay" && mount.point == b"/";
    fits && (container_root || !PSEUDO.contains(&mount.fstype.as_slice()))
}

/// Container runtimes mount single files such as /etc/hosts from the host's disk.
fn is_bound_file(mount: &Mount, machine: &Machine) -> bool {
    let path = machine.mounted(Path::new(std::ffi::OsStr::from_bytes(&mount.point)));
    mount.root != b"/" && path.is_file()
}

/// All mounts of the text.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Mount>, Malformed> {
    lines(text).map(|(line, text)| row(line, text)).collect()
}

fn row(line: usize, text: &[u8]) -> Result<Mount, Malformed> {
    let mut words = Words::new(line, text);
    let (_id, _parent) = (words.number()?, words.number()?);
    let id = words.word()?.to_vec();
    let root = unescape_octal(words.word()?);
    let point = unescape_octal(words.word()?);
    let options = words.word()?;
    // Any number of optional fields, then a lone dash.
    while words.word()? != b"-" {}
    let fstype = unescape_octal(words.word()?);
    // The source may be empty, and then two blanks follow each other: the one word left is the options'.
    let (source, super_options) = match (words.next(), words.next()) {
        (Some(source), Some(options)) => (source, options),
        (Some(options), None) => (&b""[..], options),
        _ => return Err(words.fault("a source and its options are expected")),
    };
    Ok(Mount {
        id,
        root,
        point,
        read_only: says_read_only(options) || says_read_only(super_options),
        fstype,
        source: unescape_octal(source),
    })
}

fn says_read_only(options: &[u8]) -> bool {
    options
        .split(|byte| *byte == b',')
        .any(|word| word == b"ro")
}

#[cfg(test)]
#[path = "mounts_tests.rs"]
mod tests;
