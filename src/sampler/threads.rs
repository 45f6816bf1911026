//! How many threads this process has.

use std::fs::File;

use rustix::fs::fstat;

use super::kernel_file::KernelFile;
use super::scan::{Words, number};
use super::{Machine, Malformed, SamplerError};

/// A folder without subfolders has two links: its own name and its `.`.
const OWN_LINKS: u64 = 2;

/// What /proc/self/stat tells. Format: proc_pid_stat(5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stat {
    /// Threads.
    pub(super) threads: u64,
    /// When the process started, in ticks after the machine's boot.
    pub(super) started_ticks: u64,
}

/// The number of threads by the cheapest way that this kernel has.
pub(super) struct Threads {
    /// /proc/self/stat.
    stat_file: KernelFile,
    /// /proc/self/task, where the kernel counts each thread as a link of it: 1 us instead of 15.
    folder: Option<File>,
}

impl Threads {
    /// Opens /proc/self/stat and reads it once; the folder is trusted if it agrees.
    ///
    /// # Errors
    /// The file is there and cannot be opened or understood.
    pub(super) fn open(machine: &Machine) -> Result<(Self, Option<Stat>), SamplerError> {
        let mut stat_file = KernelFile::open(machine.proc("self/stat"))?;
        let stat = stat_file.parse(parse_stat)?;
        let folder = File::open(machine.proc("self/task")).ok();
        let told = stat.map(|stat| stat.threads);
        let folder = folder.filter(|folder| told.is_some() && links(folder) == told);
        Ok((Self { stat_file, folder }, stat))
    }

    /// The number of threads, or nothing where /proc does not tell.
    ///
    /// # Errors
    /// The file is there and cannot be read or understood.
    pub(super) fn count(&mut self) -> Result<Option<u64>, SamplerError> {
        match self.folder.as_ref().and_then(links) {
            Some(threads) => Ok(Some(threads)),
            None => Ok(self.stat_file.parse(parse_stat)?.map(|stat| stat.threads)),
        }
    }
}

/// The threads that the kernel counts into the folder's links.
fn links(folder: &File) -> Option<u64> {
    let links = fstat(folder).ok()?.st_nlink;
    #[allow(clippy::useless_conversion, reason = "it is narrower on some machines")]
    u64::from(links)
        .checked_sub(OWN_LINKS)
        .filter(|threads| *threads > 0)
}

fn parse_stat(text: &[u8]) -> Result<Stat, Malformed> {
    // The program's name stands in parentheses and may hold blanks and parentheses of its own.
    let behind = text.iter().rposition(|byte| *byte == b')');
    let behind = behind.ok_or_else(|| Malformed::new(1, "a name in parentheses is expected"))?;
    let mut words = Words::new(1, &text[behind + 1..]);
    // Behind the name comes field 3, the state; threads are field 20 and the start is field 22.
    let threads = words.nth(17).and_then(number);
    let started = words.nth(1).and_then(number);
    match (threads, started) {
        (Some(threads), Some(started_ticks)) => Ok(Stat {
            threads,
            started_ticks,
        }),
        _ => Err(words.fault("threads and start time are expected as fields 20 and 22")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const STAT: &[u8] = b"11442 (a (b) c) R 11431 11431 9262 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 7 0 168792 3133440 359 1\n";

    #[test]
    fn threads_and_start_are_found_behind_an_odd_name() {
        let stat = parse_stat(STAT).unwrap();
        assert_eq!((stat.threads, stat.started_ticks), (7, 168_792));
    }

    #[test]
    fn both_ways_of_counting_agree_on_this_process() {
        // Other tests start and end threads in between: asked until both saw the same moment.
        let mut file = KernelFile::open("/proc/self/stat".into()).unwrap();
        let folder = File::open("/proc/self/task").unwrap();
        let agreed = (0..1000).any(|_| {
            let told = file.parse(parse_stat).unwrap().unwrap();
            links(&folder) == Some(told.threads)
        });
        assert!(agreed);
    }

    #[test]
    fn what_is_no_stat_is_refused() {
        for (text, reason) in [
            (&b""[..], "a name in parentheses is expected"),
            (
                b"1 (a) R 1 2",
                "threads and start time are expected as fields 20 and 22",
            ),
        ] {
            assert_eq!(parse_stat(text), Err(Malformed::new(1, reason)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, place in 0..STAT.len()) {
            let _refused = parse_stat(&bytes);
            let mut text = STAT.to_vec();
            text.truncate(place);
            text.append(&mut bytes);
            let _damaged = parse_stat(&text);
        }
    }
}
