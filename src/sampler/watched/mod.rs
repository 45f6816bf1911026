//! Processes that an operator wants watched, found by id, pid file, name, systemd unit or pm2 app, and followed across
//! restarts.
//!
//! Two halves: a thread of its own looks for the processes now and then ([`scout`]), and the sampler follows those that
//! were found ([`track`]). A watch whose process is not there is a watch with a reason, and no error of the sampler.

mod config;

mod board;
mod look;
mod pid_file;
mod pm2;
mod question;
mod scout;
mod sighting;
mod systemd;

mod events;
mod facts;
mod members;
mod stat;
mod supervised;
mod track;
#[cfg(test)]
mod track_tests;
mod write;

use std::time::{Instant, SystemTime};

use super::series::{begin, recorder};
use super::{Machine, Sampler, SamplerError};
use crate::model::{Facts, Recorder, Staged, WatchedFacts};

use config::Selector;
pub use config::{MOST_WATCHES, WatchConfig};
use scout::Scout;
use stat::Processes;
use track::{Moment, Track};
use write::{Metrics, WatchSeries};

/// The sampler's name.
pub const WATCHED: &str = "watched";

/// Up to this many processes are read on the event loop, which takes a millisecond; more need a thread that may block.
const MOST_ON_LOOP: usize = 50;

/// Samples the watched processes. Facts: [`WatchedFacts`].
pub struct WatchedSampler {
    /// Where the processes are.
    machine: Machine,
    /// Finds them.
    scout: Scout,
    /// Reads those that were found.
    processes: Processes,
    /// Each watch with its series.
    watches: Vec<(Track, WatchSeries)>,
    /// Size of a page.
    page_bytes: u64,
    /// All series.
    recorder: Recorder,
}

impl WatchedSampler {
    /// Starts to look for the processes and waits half a second at most for the first look.
    ///
    /// # Errors
    /// The thread that looks for them could not be started.
    pub fn new(watches: &[WatchConfig], machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        let metrics = Metrics::define(&mut recorder)?;
        let tracks = watches.iter().filter_map(|watch| {
            let selector = watch.selector()?;
            Some(Track::new(&watch.name, selector))
        });
        let mut bind = |track: Track| {
            let series = WatchSeries::bind(&mut recorder, &metrics, &track)?;
            Ok((track, series))
        };
        let watches: Vec<_> = tracks.map(&mut bind).collect::<Result<_, SamplerError>>()?;
        Ok(Self {
            machine: machine.clone(),
            scout: Scout::start(machine, &selectors(&watches))?,
            processes: Processes::new(machine.proc("")),
            watches,
            page_bytes: rustix::param::page_size() as u64,
            recorder,
        })
    }
}

fn selectors(watches: &[(Track, WatchSeries)]) -> Vec<Selector> {
    let selectors = watches.iter().map(|(track, _)| track.selector.clone());
    selectors.collect()
}

impl Sampler for WatchedSampler {
    fn name(&self) -> &'static str {
        WATCHED
    }

    fn may_block(&self) -> bool {
        let followed = self.watches.iter().map(|(track, _)| track.members.count());
        followed.sum::<usize>() > MOST_ON_LOOP || !self.scout.is_alive()
    }

    fn sample(&mut self, now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.recorder);
        if !self.scout.is_alive() {
            self.scout = Scout::start(&self.machine, &selectors(&self.watches))?;
        }
        let at = Moment {
            now,
            wall: SystemTime::now(),
        };
        // Asked first: what a look found is put up before the look is over.
        let hold_up = self.scout.hold_up(now);
        let known = self
            .watches
            .iter_mut()
            .map(|(track, _)| &mut track.sighting);
        self.scout.news(known);
        for (track, series) in &mut self.watches {
            let depends = track.selector.is_looked_for();
            track.hold_up = hold_up.clone().filter(|_| depends);
            track.sample(at, &mut self.processes);
            if track.is_in_hurry(now) {
                self.scout.hurry(&track.selector);
            }
            series.record(&mut self.recorder, track, self.page_bytes)?;
        }
        Ok(())
    }

    fn take(&mut self) -> (Facts, Staged) {
        let tell = |(track, _): &(Track, WatchSeries)| track.facts(self.page_bytes);
        let watches = self.watches.iter().map(tell).collect();
        let facts = Facts::Watched(Box::new(WatchedFacts { watches }));
        (facts, self.recorder.commit())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, SyncSender};
    use std::time::Duration;

    use super::board::Board;
    use super::sighting::{Found, Sighting};
    use super::*;
    use crate::model::WatchState;

    fn sampler(watches: &[WatchConfig]) -> WatchedSampler {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        WatchedSampler::new(watches, &Machine::local(runtime.handle().clone())).unwrap()
    }

    fn own(name: &str) -> WatchConfig {
        WatchConfig {
            name: name.into(),
            pid: Some(std::process::id()),
            ..WatchConfig::default()
        }
    }

    fn facts(sampler: &mut WatchedSampler, now: Instant) -> WatchedFacts {
        sampler.sample(now).unwrap();
        match sampler.take().0 {
            Facts::Watched(facts) => *facts,
            other => panic!("of another kind: {other:?}"),
        }
    }

    #[test]
    fn a_scout_that_ended_is_replaced_and_looked_for_by_a_thread_that_may_block() {
        let mut sampler = sampler(&[own("own")]);
        assert!(!sampler.may_block());
        sampler.scout = Scout::begin(Arc::new(Board::new(1)), |_, _| {}).unwrap();
        while sampler.scout.is_alive() {
            std::thread::yield_now();
        }
        assert!(sampler.may_block());
        let facts = facts(&mut sampler, Instant::now());
        assert!(!sampler.may_block());
        assert_eq!(facts.watches[0].pid, Some(std::process::id()));
    }

    #[test]
    fn while_a_look_does_not_come_back_what_depends_on_it_is_unknown() {
        let by_file = |name: &str| WatchConfig {
            pid: None,
            pid_file: Some("/nowhere/app.pid".into()),
            ..own(name)
        };
        let mut sampler = sampler(&[by_file("lives"), by_file("missing"), own("own")]);
        let (board, begun) = (Arc::new(Board::new(3)), Instant::now());
        let lives = || Sighting::of(Found::These(vec![std::process::id()], None));
        let missing = Sighting::none("there is no /nowhere/app.pid");
        board.put(&[0, 1, 2], vec![lives(), missing, lives()]);
        board.come_to(begun, "/nowhere/app.pid");
        // It hangs until it is dropped.
        let hang = |woken: Receiver<()>, first: SyncSender<()>| {
            first.send(()).unwrap();
            while woken.recv().is_ok() {}
        };
        sampler.scout = Scout::begin(board.clone(), hang).unwrap();
        let mut seen = |after: u64| {
            let facts = facts(&mut sampler, begun + Duration::from_secs(after));
            let [lives, missing, own] = facts.watches.try_into().unwrap();
            assert_eq!(own.error, None, "it is not looked for");
            assert!(own.state.is_up() && lives.pid == own.pid, "{lives:?}");
            assert!(sampler.watches[0].0.is_there(), "it is followed on");
            let why = missing.error.unwrap();
            ((lives.state, lives.error), (missing.state, why))
        };
        let in_time = |((lives, error), (missing, why)): (_, (_, Arc<str>))| {
            assert!(WatchState::is_up(lives), "{lives:?}");
            assert_eq!((error, missing), (None::<Arc<str>>, WatchState::Gone));
            assert_eq!(&*why, "there is no /nowhere/app.pid");
        };
        in_time(seen(15));
        let why: Arc<str> = "looking has taken 16 s, at /nowhere/app.pid".into();
        let unknown = WatchState::Unknown;
        assert_eq!(seen(16), ((unknown, Some(why.clone())), (unknown, why)));
        board.end_look();
        in_time(seen(17));
    }
}
