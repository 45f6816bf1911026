//! One process as /proc shows it. Format: proc_pid_stat(5).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{PROC_SUPER_MAGIC, fstatfs, stat as status_of};

use crate::model::WatchState;
use crate::sampler::Malformed;
use crate::sampler::kernel_file::is_absence;
use crate::sampler::scan::{Words, number};

/// The kernel's line has 52 numbers and a name of 64 bytes at most.
const LINE_BYTES: usize = 2048;
/// The longest command line that is searched, which is the kernel's own default for all arguments less a zero.
const COMMAND_LINE_BYTES: u64 = 128 << 10;

/// What /proc/PID/stat tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stat {
    /// What it does.
    pub(super) state: WatchState,
    /// Processor time used, user and kernel, in ticks.
    pub(super) cpu_ticks: u64,
    /// Threads.
    pub(super) threads: u64,
    /// When it started, in ticks after the machine's boot. With the id it makes the process' identity.
    pub(super) started_ticks: u64,
    /// Resident pages.
    pub(super) resident_pages: u64,
}

/// Reads files of /proc without holding them open, for there may be more watched processes than a program may have
/// descriptors. That a process id was given to another process meanwhile is told by the start time.
pub(super) struct Processes {
    /// The folder /proc.
    folder: PathBuf,
    /// Whether the kernel itself keeps it, and tells the number of descriptors as the size of a folder.
    on_proc: bool,
    /// The path of the file that is read.
    path: Vec<u8>,
    /// Its content.
    line: Box<[u8; LINE_BYTES]>,
}

impl Processes {
    pub(super) fn new(folder: PathBuf) -> Self {
        let kept = File::open(&folder).and_then(|file| Ok(fstatfs(file)?));
        Self {
            on_proc: kept.is_ok_and(|system| system.f_type == PROC_SUPER_MAGIC),
            folder,
            path: Vec::new(),
            line: Box::new([0; LINE_BYTES]),
        }
    }

    /// The process, dead or alive; nothing when there is none.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(super) fn stat(&mut self, pid: u32) -> Result<Option<Stat>, String> {
        let read = match self.read(pid, "stat") {
            Ok(line) => parse(line)
                .map(Some)
                .map_err(|fault| fault.reason.to_owned()),
            Err(reason) if is_absence(&reason) => Ok(None),
            Err(reason) => Err(reason.to_string()),
        };
        read.map_err(|reason| format!("cannot read /proc/{pid}/stat: {reason}"))
    }

    /// The process' command name; nothing when it cannot be told.
    pub(super) fn name(&mut self, pid: u32) -> Option<&[u8]> {
        let line = self.read(pid, "comm").ok()?;
        Some(line.strip_suffix(b"\n").unwrap_or(line))
    }

    /// Its arguments, each with a zero byte behind it. This may wait for the process' memory to be unlocked.
    pub(super) fn command_line(&mut self, pid: u32) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let file = File::open(self.place(pid, "cmdline"))?;
        file.take(COMMAND_LINE_BYTES).read_to_end(&mut text)?;
        Ok(text)
    }

    /// The number of its open descriptors; nothing when it is not for us to know. Since Linux 6.2 that is the folder's
    /// size, to be had of any process; before, the names in it are counted.
    pub(super) fn descriptors(&mut self, pid: u32) -> Option<u64> {
        let on_proc = self.on_proc;
        let folder = self.place(pid, "fd");
        let size = || u64::try_from(status_of(folder).ok()?.st_size).ok();
        if let Some(size) = size().filter(|size| on_proc && *size > 0) {
            return Some(size);
        }
        Some(std::fs::read_dir(folder).ok()?.count() as u64)
    }

    /// The ids of all processes, in the order in which the kernel lists them.
    pub(super) fn ids(&self) -> io::Result<impl Iterator<Item = u32> + use<>> {
        let names = std::fs::read_dir(&self.folder)?.filter_map(Result::ok);
        let id = |name: &OsStr| u32::try_from(number(name.as_bytes())?).ok();
        Ok(names.filter_map(move |entry| id(&entry.file_name())))
    }

    fn read(&mut self, pid: u32, name: &str) -> io::Result<&[u8]> {
        let mut file = File::open(self.place(pid, name))?;
        let mut length = 0;
        while length < LINE_BYTES {
            match file.read(&mut self.line[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(reason) if reason.kind() == io::ErrorKind::Interrupted => {}
                Err(reason) => return Err(reason),
            }
        }
        Ok(&self.line[..length])
    }

    fn place(&mut self, pid: u32, name: &str) -> &Path {
        self.path.clear();
        self.path
            .extend_from_slice(self.folder.as_os_str().as_bytes());
        write!(self.path, "/{pid}/{name}").expect("writing to a Vec cannot fail");
        Path::new(OsStr::from_bytes(&self.path))
    }
}

fn parse(line: &[u8]) -> Result<Stat, Malformed> {
    // The program's name stands in parentheses and may hold blanks and parentheses of its own.
    let behind = line.iter().rposition(|byte| *byte == b')');
    let behind = behind.ok_or_else(|| Malformed::new(1, "a name in parentheses is expected"))?;
    let mut words = Words::new(1, &line[behind + 1..]);
    // Behind the name comes field 3, the state.
    let state = words.word()?.first().copied();
    let mut field = |skip: usize| words.nth(skip).and_then(number);
    let (user, system) = (field(10), field(0));
    let (threads, started) = (field(4), field(1));
    let resident = field(1);
    match (user, system, threads, started, resident) {
        (Some(user), Some(system), Some(threads), Some(started_ticks), Some(resident_pages)) => {
            Ok(Stat {
                state: state_of(state),
                cpu_ticks: user.saturating_add(system),
                threads,
                started_ticks,
                resident_pages,
            })
        }
        _ => Err(Malformed::new(
            1,
            "numbers are expected as fields 14, 15, 20, 22 and 24",
        )),
    }
}

fn state_of(letter: Option<u8>) -> WatchState {
    match letter {
        Some(b'R') => WatchState::Running,
        Some(b'S' | b'I') => WatchState::Sleeping,
        Some(b'D') => WatchState::Blocked,
        Some(b'T' | b't') => WatchState::Stopped,
        Some(b'Z' | b'X' | b'x') => WatchState::Zombie,
        _ => WatchState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const LINE: &[u8] =
        b"7 (a (b) c) D 1 7 7 0 -1 4194560 99 0 0 0 30 12 5 6 20 0 4 0 168792 3133440 359 1\n";

    #[test]
    fn a_line_is_read_behind_an_odd_name() {
        let stat = parse(LINE).unwrap();
        let wanted = Stat {
            state: WatchState::Blocked,
            cpu_ticks: 42,
            threads: 4,
            started_ticks: 168_792,
            resident_pages: 359,
        };
        assert_eq!(stat, wanted);
    }

    #[test]
    fn this_process_is_found_and_none_is_nothing() {
        let mut processes = Processes::new("/proc".into());
        let own = std::process::id();
        let stat = processes.stat(own).unwrap().unwrap();
        assert!(stat.threads > 0 && stat.resident_pages > 0, "{stat:?}");
        assert!(processes.descriptors(own).unwrap() > 0);
        assert!(processes.ids().unwrap().any(|pid| pid == own));
        assert!(!processes.command_line(own).unwrap().is_empty());
        assert_eq!(processes.stat(u32::MAX), Ok(None));
        assert_eq!(processes.name(u32::MAX), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, place in 0..LINE.len()) {
            let _refused = parse(&bytes);
            let mut text = LINE.to_vec();
            text.truncate(place);
            text.append(&mut bytes);
            let _damaged = parse(&text);
        }
    }
}
