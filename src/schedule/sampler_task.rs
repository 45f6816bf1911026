//! The task that runs one built-in sampler, on a thread that may block.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::cadence::{Begin, Cadence};
use super::{SourceName, deliver};
use crate::model::{Facts, Failure, Observation, Outcome, Staged, Update};
use crate::sampler::{Maker, Sampler, SamplerError};

/// Share of the interval after which a sampler that still waits for the kernel is reported.
const PATIENCE: f64 = 0.8;

type Sample = (
    Option<Box<dyn Sampler>>,
    Result<(Facts, Staged), SamplerError>,
);

pub(super) struct SamplerTask {
    name: SourceName,
    maker: Maker,
    interval: Duration,
    updates: mpsc::Sender<Update>,
    stop: CancellationToken,
    /// Nothing before the first run, and after one that failed to open its files or panicked.
    sampler: Option<Box<dyn Sampler>>,
}

impl SamplerTask {
    pub(super) fn new(
        maker: Maker,
        interval: Duration,
        updates: mpsc::Sender<Update>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            name: maker.name().into(),
            maker,
            interval,
            updates,
            stop,
            sampler: None,
        }
    }

    /// Samples until told to stop.
    pub(super) async fn run(mut self) {
        let mut cadence = Cadence::new(Instant::now(), self.interval);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep_until(cadence.next().into()) => {}
            }
            let started = Instant::now();
            let begin = cadence.begin(started);
            let Some(result) = self.sample().await else {
                return;
            };
            let observation = self.observation(begin, started, result);
            if !deliver(&self.updates, observation).await {
                return;
            }
        }
    }

    /// Samples here if the sampler cannot block, which saves a thread's wake-up, and elsewhere if it can or if its
    /// files are still to be opened. Nothing when told to stop.
    async fn sample(&mut self) -> Option<Result<(Facts, Staged), Failure>> {
        if let Some(mut sampler) = self.sampler.take_if(|sampler| !sampler.may_block()) {
            // A sampler that panicked is dropped and made anew.
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
                let result = take_sample(&mut *sampler);
                (sampler, result)
            }));
            return Some(match result {
                Ok((sampler, result)) => {
                    self.sampler = Some(sampler);
                    result.map_err(|error| failure(&error))
                }
                Err(_) => Err(Failure::new(
                    "sampler.panic",
                    "a defect of the sampler; it is made anew",
                )),
            });
        }
        let (sampler, maker) = (self.sampler.take(), self.maker.clone());
        let run = tokio::task::spawn_blocking(move || sample(sampler, &maker));
        self.wait(run).await
    }

    /// Waits for the sample as long as it takes, and says so when it takes too long. Nothing when told to stop, or when
    /// nobody is left to tell.
    async fn wait(
        &mut self,
        mut run: JoinHandle<Sample>,
    ) -> Option<Result<(Facts, Staged), Failure>> {
        let mut patience = Some(self.interval.mul_f64(PATIENCE));
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                ended = &mut run => return Some(self.take_back(ended)),
                () = tokio::time::sleep(patience.unwrap_or_default()), if patience.is_some() => {
                    patience = None;
                    let failure = Failure::new("deadline", "the kernel has not answered yet");
                    let late = Update::Late(self.name.clone(), Arc::new(failure));
                    if self.updates.send(late).await.is_err() {
                        return None;
                    }
                }
            }
        }
    }

    fn take_back(
        &mut self,
        ended: Result<Sample, tokio::task::JoinError>,
    ) -> Result<(Facts, Staged), Failure> {
        match ended {
            Ok((sampler, result)) => {
                self.sampler = sampler;
                result.map_err(|error| failure(&error))
            }
            Err(error) => Err(Failure::new("sampler.panic", error.to_string())),
        }
    }

    fn observation(
        &self,
        begin: Begin,
        started: Instant,
        result: Result<(Facts, Staged), Failure>,
    ) -> Observation {
        let (outcome, facts, staged) = match result {
            Ok((facts, staged)) => (Outcome::Ok, Some(facts), staged),
            Err(failure) if failure.code == "not-applicable" => (
                Outcome::NotApplicable(Arc::new(failure)),
                None,
                Staged::default(),
            ),
            Err(failure) => (Outcome::Failed(Arc::new(failure)), None, Staged::default()),
        };
        Observation {
            source: self.name.clone(),
            started,
            duration: started.elapsed(),
            lateness: begin.lateness,
            missed: begin.missed,
            outcome,
            staged,
            checks: Vec::new(),
            facts,
            probe: None,
        }
    }
}

/// One sample, opening the sampler's files first if they are not. A sampler that fails is kept: what it could
/// not read may come back.
fn sample(sampler: Option<Box<dyn Sampler>>, maker: &Maker) -> Sample {
    let mut sampler = match sampler.map_or_else(|| maker.make(), Ok) {
        Ok(sampler) => sampler,
        Err(error) => return (None, Err(error)),
    };
    let result = take_sample(&mut *sampler);
    (Some(sampler), result)
}

fn take_sample(sampler: &mut dyn Sampler) -> Result<(Facts, Staged), SamplerError> {
    sampler.sample(Instant::now()).map(|()| sampler.take())
}

fn failure(error: &SamplerError) -> Failure {
    if error.is_absence() {
        Failure::new("not-applicable", error.to_string())
    } else {
        error.to_failure()
    }
}
