//! The processes of one watch, followed from sample to sample.

use std::collections::HashSet;

use rustix::time::{ClockId, clock_gettime};

use super::stat::{Processes, Stat};
use crate::model::WatchState;

/// Which process: its id, and when it started, for the kernel gives ids to other processes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) pid: u32,
    /// In ticks after the machine's boot.
    pub(super) started_ticks: u64,
}

/// A process that is followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) identity: Identity,
    /// As it was read last.
    pub(super) stat: Stat,
    /// Its open descriptors.
    descriptors: Option<u64>,
    /// Whether it was found in this sample.
    pub(super) is_new: bool,
}

/// All of one watch.
#[derive(Debug)]
pub(super) struct Members {
    list: Vec<Member>,
    /// When the watch began, in ticks after the machine's boot.
    begun_ticks: u64,
    /// Processor time of all that ever were members.
    cpu_ticks: Option<u64>,
    /// A process that has ended and whose parent has not noticed.
    remains: Option<Identity>,
    /// Why one could not be read in this sample.
    unreadable: Option<String>,
}

impl Members {
    /// None yet, of a watch that begins now.
    pub(super) fn new() -> Self {
        let clock = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(clock.tv_sec).unwrap_or(0);
        Self {
            list: Vec::new(),
            begun_ticks: seconds.saturating_mul(rustix::param::clock_ticks_per_second()),
            cpu_ticks: None,
            remains: None,
            unreadable: None,
        }
    }

    /// Reads each anew; those that have ended are members no more. One that cannot be read stays as it was.
    pub(super) fn follow(&mut self, processes: &mut Processes) {
        let Self {
            list,
            cpu_ticks,
            remains,
            unreadable,
            ..
        } = self;
        *unreadable = None;
        list.retain_mut(|member| {
            member.is_new = false;
            let stat = match processes.stat(member.identity.pid) {
                Ok(stat) => stat,
                Err(reason) => {
                    *unreadable = Some(reason);
                    return true;
                }
            };
            let own = stat.filter(|stat| stat.started_ticks == member.identity.started_ticks);
            match own {
                Some(stat) if stat.state == WatchState::Zombie => {
                    *remains = Some(member.identity);
                    false
                }
                Some(stat) => {
                    let grown = stat.cpu_ticks.saturating_sub(member.stat.cpu_ticks);
                    *cpu_ticks = Some(cpu_ticks.unwrap_or(0).saturating_add(grown));
                    member.stat = stat;
                    member.descriptors = processes.descriptors(member.identity.pid);
                    true
                }
                None => false,
            }
        });
        self.look_at_remains(processes);
    }

    /// Makes the processes of these ids the members, if `accept` does; those that are not among them are members no
    /// more.
    pub(super) fn adopt(
        &mut self,
        pids: &[u32],
        processes: &mut Processes,
        mut accept: impl FnMut(Identity) -> bool,
    ) {
        self.keep(pids);
        let first = self.cpu_ticks.is_none();
        for &pid in pids {
            if self.find(pid).is_some() {
                continue;
            }
            let stat = match processes.stat(pid) {
                Ok(Some(stat)) => stat,
                Ok(None) => continue,
                Err(reason) => {
                    self.unreadable = Some(reason);
                    continue;
                }
            };
            let identity = Identity {
                pid,
                started_ticks: stat.started_ticks,
            };
            if stat.state == WatchState::Zombie {
                self.remains = Some(identity);
            } else if accept(identity) {
                // What an older process used before it was found would look like a burst.
                let counts = first || stat.started_ticks >= self.begun_ticks;
                let used = if counts { stat.cpu_ticks } else { 0 };
                self.cpu_ticks = Some(self.cpu_ticks.unwrap_or(0).saturating_add(used));
                self.list.push(Member {
                    identity,
                    stat,
                    descriptors: processes.descriptors(pid),
                    is_new: true,
                });
            }
        }
    }

    fn keep(&mut self, pids: &[u32]) {
        // Few are compared one by one, which allocates nothing.
        if pids.len() <= 8 {
            return self
                .list
                .retain(|member| pids.contains(&member.identity.pid));
        }
        let pids: HashSet<u32> = pids.iter().copied().collect();
        self.list
            .retain(|member| pids.contains(&member.identity.pid));
    }

    fn look_at_remains(&mut self, processes: &mut Processes) {
        let Some(remains) = self.remains else {
            return;
        };
        let stat = processes.stat(remains.pid);
        let same = |stat: Stat| {
            stat.state == WatchState::Zombie && stat.started_ticks == remains.started_ticks
        };
        if !matches!(stat, Ok(Some(stat)) if same(stat)) {
            self.remains = None;
        }
    }

    /// The living member of this id.
    pub(super) fn find(&self, pid: u32) -> Option<&Member> {
        self.list.iter().find(|member| member.identity.pid == pid)
    }

    /// The living member that this is.
    pub(super) fn get(&self, identity: Identity) -> Option<&Member> {
        self.find(identity.pid)
            .filter(|member| member.identity == identity)
    }

    /// The one that started first.
    pub(super) fn oldest(&self) -> Option<&Member> {
        let age = |member: &&Member| (member.identity.started_ticks, member.identity.pid);
        self.list.iter().min_by_key(age)
    }

    /// How many live.
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// The one that has ended and is still there.
    pub(super) fn remains(&self) -> Option<Identity> {
        self.remains
    }

    /// Why one could not be read.
    pub(super) fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// Processor time of all that ever were members, in ticks.
    pub(super) fn cpu_ticks(&self) -> Option<u64> {
        self.cpu_ticks
    }

    /// Resident pages of those that live.
    pub(super) fn resident_pages(&self) -> Option<u64> {
        self.sum(|member| Some(member.stat.resident_pages))
    }

    /// Their threads.
    pub(super) fn threads(&self) -> Option<u64> {
        self.sum(|member| Some(member.stat.threads))
    }

    /// Their descriptors, as far as those are known.
    pub(super) fn descriptors(&self) -> Option<u64> {
        self.sum(|member| member.descriptors)
    }

    fn sum(&self, number: impl Fn(&Member) -> Option<u64>) -> Option<u64> {
        self.list
            .iter()
            .filter_map(number)
            .reduce(u64::saturating_add)
    }
}
