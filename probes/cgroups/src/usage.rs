//! What a group's files say. A file that is not there belongs to a controller that the group does not have.

use probity_sdk::files::{self, FileError, Refused};
use probity_sdk::lines::{decimal, number, words};

/// One group's use and limits. Times are in seconds, sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Whether there is a process in it or below it.
    pub is_populated: bool,
    /// Processor time in programs and in the kernel.
    pub cpu: [Option<f64>; 2],
    /// Time for which it waited for its quota of processor time to be filled up.
    pub throttled: Option<f64>,
    /// Periods of that quota, and those in which it was used up.
    pub periods: Option<[u64; 2]>,
    /// Memory, page cache included.
    pub memory: Option<u64>,
    /// Page cache that was not used lately, which the kernel gives back first.
    pub inactive_file: Option<u64>,
    /// Memory that belongs to no file.
    pub anonymous: Option<u64>,
    /// The most that it may have.
    pub memory_limit: Option<u64>,
    /// Processes killed for want of memory.
    pub oom_kills: Option<u64>,
    /// Processes and threads, and how many there may be.
    pub pids: Option<u64>,
    /// How many there may be.
    pub pids_limit: Option<u64>,
    /// Bytes read and written, then how often, on all disks together.
    pub io: Option<[u64; 4]>,
    /// Share of the last minute in which some process waited for a processor, for memory, for disks.
    pub pressure: [Option<f64>; 3],
}

impl Usage {
    /// Reads the group in `folder`; nothing when there is no such group any more.
    ///
    /// # Errors
    /// A file of it that is there and cannot be read.
    pub fn read(folder: &str) -> Result<Option<Self>, FileError> {
        let mut usage = Self::default();
        if !usage.populated(folder)? {
            return Ok(None);
        }
        let read = usage
            .processor(folder)
            .and_then(|()| usage.memory(folder))
            .and_then(|()| usage.others(folder));
        match read {
            // A group that goes while it is read answers with an error that says nothing.
            Err(_) if is_gone(folder) => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(Some(usage)),
        }
    }

    /// Whether a group has a process in it; false when it is not there.
    ///
    /// # Errors
    /// That this cannot be read.
    pub fn is_alive(folder: &str) -> Result<bool, FileError> {
        let mut usage = Self::default();
        Ok(usage.populated(folder)? && usage.is_populated)
    }

    fn populated(&mut self, folder: &str) -> Result<bool, FileError> {
        each_pair(folder, "cgroup.events", &mut |key, value| {
            if key == b"populated" {
                self.is_populated = value == 1;
            }
        })
    }

    fn processor(&mut self, folder: &str) -> Result<(), FileError> {
        let mut periods = [None; 2];
        let seconds = |microseconds: u64| microseconds as f64 / 1e6;
        each_pair(folder, "cpu.stat", &mut |key, value| match key {
            b"user_usec" => self.cpu[0] = Some(seconds(value)),
            b"system_usec" => self.cpu[1] = Some(seconds(value)),
            b"throttled_usec" => self.throttled = Some(seconds(value)),
            b"nr_periods" => periods[0] = Some(value),
            b"nr_throttled" => periods[1] = Some(value),
            _ => {}
        })?;
        if let [Some(all), Some(used_up)] = periods {
            self.periods = Some([all, used_up]);
        }
        self.pressure[0] = pressure(folder, "cpu.pressure")?;
        Ok(())
    }

    fn memory(&mut self, folder: &str) -> Result<(), FileError> {
        self.memory = one_number(folder, "memory.current")?;
        self.memory_limit = one_number(folder, "memory.max")?;
        each_pair(folder, "memory.stat", &mut |key, value| match key {
            b"anon" => self.anonymous = Some(value),
            b"inactive_file" => self.inactive_file = Some(value),
            _ => {}
        })?;
        each_pair(folder, "memory.events", &mut |key, value| {
            if key == b"oom_kill" {
                self.oom_kills = Some(value);
            }
        })?;
        self.pressure[1] = pressure(folder, "memory.pressure")?;
        Ok(())
    }

    fn others(&mut self, folder: &str) -> Result<(), FileError> {
        self.pids = one_number(folder, "pids.current")?;
        self.pids_limit = one_number(folder, "pids.max")?;
        if let Some(text) = content(folder, "io.stat")? {
            self.io = Some(io(&text));
        }
        self.pressure[2] = pressure(folder, "io.pressure")?;
        Ok(())
    }

    /// Memory without the page cache that the kernel gives back first: what counts against the limit in earnest.
    pub fn working_set(&self) -> Option<u64> {
        let cache = self.inactive_file.unwrap_or(0);
        self.memory.map(|memory| memory.saturating_sub(cache))
    }

    /// The working set as a share of the limit; nothing without one.
    pub fn memory_share(&self) -> Option<f64> {
        share(self.working_set()?, self.memory_limit?)
    }

    /// Processes as a share of how many there may be; nothing without a limit.
    pub fn pids_share(&self) -> Option<f64> {
        share(self.pids?, self.pids_limit?)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn is_gone(folder: &str) -> bool {
    matches!(
        files::stat(folder),
        Err(FileError {
            reason: Refused::Missing,
            ..
        })
    )
}

/// A file's content, which the kernel hands out at once; nothing when there is no such file.
fn content(folder: &str, file: &str) -> Result<Option<Vec<u8>>, FileError> {
    match files::open(&format!("{folder}/{file}")) {
        Err(FileError {
            reason: Refused::Missing,
            ..
        }) => Ok(None),
        Err(error) => Err(error),
        Ok(mut file) => file.portion().map(Some),
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// Lines of a key and a number; false when there is no such file.
fn each_pair(
    folder: &str,
    file: &str,
    each: &mut dyn FnMut(&[u8], u64),
) -> Result<bool, FileError> {
    let Some(text) = content(folder, file)? else {
        return Ok(false);
    };
    for line in lines(&text) {
        let mut words = words(line);
        if let (Some(key), Some(value)) = (words.next(), words.next().and_then(number)) {
            each(key, value);
        }
    }
    Ok(true)
}

/// A file of one number; nothing also for `max`.
fn one_number(folder: &str, file: &str) -> Result<Option<u64>, FileError> {
    let text = content(folder, file)?;
    Ok(text.and_then(|text| number(text.trim_ascii())))
}

/// `some avg10=0.00 avg60=1.50 avg300=0.00 total=0`: the share of the last minute.
fn pressure(folder: &str, file: &str) -> Result<Option<f64>, FileError> {
    let text = content(folder, file)?.unwrap_or_default();
    let some = lines(&text).find_map(|line| line.strip_prefix(b"some "));
    let percent =
        some.and_then(|line| words(line).find_map(|word| decimal(word.strip_prefix(b"avg60=")?)));
    Ok(percent.map(|percent| percent / 100.0))
}

/// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`, a line for each disk.
fn io(text: &[u8]) -> [u64; 4] {
    const KEYS: [&[u8]; 4] = [b"rbytes=", b"wbytes=", b"rios=", b"wios="];
    let mut sums = [0u64; 4];
    for word in lines(text).flat_map(words) {
        for (key, sum) in KEYS.iter().zip(&mut sums) {
            if let Some(value) = word.strip_prefix(*key).and_then(number) {
                *sum = sum.saturating_add(value);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use probity_sdk::testing::{Folder, Host};
    use proptest::prelude::*;

    fn read(folder: &Folder) -> Option<Usage> {
        let path = folder.path("");
        let mut host = Host::new().grant_read(path.clone());
        host.inside(|| Usage::read(&path)).unwrap()
    }

    #[test]
    fn every_file_is_read() {
        let folder = Folder::new();
        folder
            .write("cgroup.events", "populated 1\nfrozen 0\n")
            .write(
                "cpu.stat",
                "usage_usec 3500000\nuser_usec 2500000\nsystem_usec 1000000\nnr_periods 100\nnr_throttled 25\nthrottled_usec 500000\n",
            )
            .write("cpu.pressure", "some avg10=9.99 avg60=12.50 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
            .write("memory.current", "1000\n")
            .write("memory.max", "2000\n")
            .write("memory.stat", "anon 300\nfile 700\ninactive_anon 1\ninactive_file 400\n")
            .write("memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\noom_group_kill 0\n")
            .write("pids.current", "5\n")
            .write("pids.max", "max\n")
            .write("io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 \n9:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n");
        let expected = Usage {
            is_populated: true,
            cpu: [Some(2.5), Some(1.0)],
            throttled: Some(0.5),
            periods: Some([100, 25]),
            memory: Some(1000),
            inactive_file: Some(400),
            anonymous: Some(300),
            memory_limit: Some(2000),
            oom_kills: Some(2),
            pids: Some(5),
            pids_limit: None,
            io: Some([11, 22, 4, 6]),
            pressure: [Some(0.125), None, None],
        };
        let usage = read(&folder).unwrap();
        assert_eq!(usage, expected);
        assert_eq!(
            (usage.memory_share(), usage.pids_share()),
            (Some(0.3), None)
        );
    }

    #[test]
    fn what_a_group_lacks_is_left_out_and_one_that_is_gone_is_nothing() {
        let folder = Folder::new();
        assert_eq!(read(&folder), None);
        folder.write("cgroup.events", "populated 0\n");
        assert_eq!(read(&folder), Some(Usage::default()));
        for file in [
            "cpu.stat",
            "memory.current",
            "memory.stat",
            "io.pressure",
            "pids.max",
        ] {
            folder.write(file, "garbage\n\n- -1\nanon x\nsome avg60=\n");
        }
        assert_eq!(read(&folder), Some(Usage::default()));
        let whole = Usage {
            memory: Some(1),
            memory_limit: Some(0),
            ..Usage::default()
        };
        assert_eq!(whole.memory_share(), None, "a limit of nothing");
    }

    proptest! {
        #[test]
        fn no_content_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), near in "((anon|rbytes=|some avg60=|max) ?[0-9.]{0,25}\n?){0,5}") {
            let folder = Folder::new();
            for content in [bytes.as_slice(), near.as_bytes()] {
                for file in ["cgroup.events", "cpu.stat", "cpu.pressure", "memory.max", "io.stat"] {
                    folder.write(file, content);
                }
                read(&folder);
            }
        }
    }
}
