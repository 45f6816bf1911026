//! The event loop seen from outside: how long a task waits for its first poll, how late timers fire, how long its
//! threads wait for a processor.
//!
//! The one place outside of `app` and `schedule` that starts anything: a loop cannot tell that it is blocked, so an OS
//! thread of its own pings it. The thread and both tasks end when the sampler is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::model::{Facts, LoopFacts, Recorder, SeriesId, Staged};

/// Ten pings a second tell a stutter from a stall.
const PING_CADENCE: Duration = Duration::from_millis(100);
/// Every timer wakes an idle loop, which is most of what the program costs when nothing happens; two a second show
/// a clock that drifts.
const TIMER_CADENCE: Duration = Duration::from_millis(500);
/// The name of the thread that pings.
const PING_THREAD: &str = "probity-ping";

use super::lag::{Delays, histogram};
use super::run_queue::RunQueue;
use super::series::{begin, lone_gauge, recorder, set_known};
use super::{Machine, Sampler, SamplerError};

/// Samples the event loop of [`Machine::event_loop`]. Facts: [`LoopFacts`].
pub struct EventLoopSampler {
    /// What thread and tasks write.
    signals: Arc<Signals>,
    /// The thread, and the task it pings.
    ping: Pinger,
    /// The task that notes how late timers fire.
    timer: AbortHandle,
    /// The third signal.
    run_queue: RunQueue,
    /// What the runtime counts.
    workload: Workload,
    /// An empty histogram to exchange for a full one.
    spare: Histogram<u32>,
    /// Of the last sample.
    facts: LoopFacts,
    /// All series.
    recorder: Recorder,
    /// Their ids.
    series: LoopSeries,
}

/// What the loop and the ping thread write.
struct Signals {
    /// From a ping to its answer.
    ping: Delays,
    /// From a timer's due time to its firing.
    timer: Delays,
    /// The id of the thread on which the loop ran last.
    thread: AtomicU32,
}

/// The thread that pings, and the task that is pinged.
struct Pinger {
    /// Dropped to end the thread.
    stop: Option<SyncSender<()>>,
    /// Joined when stopped.
    thread: Option<JoinHandle<()>>,
    /// The task that answers.
    task: AbortHandle,
}

/// What the runtime counts of itself.
struct Workload {
    /// Asked at each sample.
    metrics: RuntimeMetrics,
    /// All workers' busy time at the last sample.
    busy: Option<(Instant, Duration)>,
    /// Busy share since the sample before.
    ratio: Option<f64>,
}

struct LoopSeries {
    lag: [SeriesId; 4],
    drift: [SeriesId; 4],
    run_queue: SeriesId,
    workers: SeriesId,
    busy: SeriesId,
    tasks: SeriesId,
    queue: SeriesId,
}

impl EventLoopSampler {
    /// Starts the ping thread and, on the loop, the pinged task and the timer.
    ///
    /// # Errors
    /// The thread cannot be started, or /proc/self/schedstat is there and cannot be opened.
    pub fn new(machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        let series = LoopSeries::define(&mut recorder)?;
        let run_queue = RunQueue::open(machine)?;
        let signals = Arc::new(Signals {
            ping: Delays::new(PING_CADENCE),
            timer: Delays::new(TIMER_CADENCE),
            thread: AtomicU32::new(0),
        });
        let ping = Pinger::start(&machine.event_loop, signals.clone())?;
        let timer = machine.event_loop.spawn(keep_time(signals.clone()));
        Ok(Self {
            signals,
            ping,
            timer: timer.abort_handle(),
            run_queue,
            workload: Workload {
                metrics: machine.event_loop.metrics(),
                busy: None,
                ratio: None,
            },
            spare: histogram(),
            facts: LoopFacts::default(),
            recorder,
            series,
        })
    }

    fn record(&mut self) -> Result<(), SamplerError> {
        let (recorder, series, facts) = (&mut self.recorder, &self.series, &self.facts);
        for (series, lag) in [(series.lag, facts.lag), (series.drift, facts.timer_drift)] {
            let values = [
                lag.current_seconds,
                lag.p50_seconds,
                lag.p99_seconds,
                lag.max_seconds,
            ];
            for (series, value) in series.into_iter().zip(values) {
                recorder.set(series, value)?;
            }
        }
        set_known(recorder, series.run_queue, facts.run_queue_delay_ratio)?;
        set_known(recorder, series.busy, facts.busy_ratio)?;
        recorder.set(series.workers, f64::from(facts.workers))?;
        recorder.set(series.tasks, facts.tasks_alive as f64)?;
        Ok(recorder.set(series.queue, facts.queue_depth as f64)?)
    }
}

impl Sampler for EventLoopSampler {
    fn name(&self) -> &'static str {
        "event-loop"
    }

    fn sample(&mut self, now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.recorder);
        self.workload.sample(now);
        let seen = self.signals.thread.load(Ordering::Relaxed);
        let metrics = &self.workload.metrics;
        self.facts = LoopFacts {
            lag: self.signals.ping.read(now, &mut self.spare),
            timer_drift: self.signals.timer.read(now, &mut self.spare),
            run_queue_delay_ratio: self.run_queue.sample(now, seen)?,
            workers: metrics.num_workers() as u32,
            busy_ratio: self.workload.ratio,
            tasks_alive: metrics.num_alive_tasks() as u64,
            queue_depth: metrics.global_queue_depth() as u64,
        };
        self.record()
    }

    fn take(&mut self) -> (Facts, Staged) {
        (
            Facts::Loop(Box::new(self.facts.clone())),
            self.recorder.commit(),
        )
    }
}

impl Drop for EventLoopSampler {
    fn drop(&mut self) {
        self.timer.abort();
        self.ping.stop();
    }
}

impl Pinger {
    fn start(event_loop: &Handle, signals: Arc<Signals>) -> Result<Self, SamplerError> {
        // The wake-up of a task that waits goes from this thread through the runtime's shared queue to a worker, as
        // a new task would, but allocates nothing.
        let bell = Arc::new(Notify::new());
        let task = event_loop.spawn(answer_pings(bell.clone(), signals.clone()));
        let task = task.abort_handle();
        // Nothing is ever sent: dropping the sender is the message.
        let (stop, stopped) = mpsc::sync_channel(0);
        let thread = std::thread::Builder::new()
            .name(PING_THREAD.into())
            .spawn(move || send_pings(&stopped, &bell, &signals));
        match thread {
            Ok(thread) => Ok(Self {
                stop: Some(stop),
                thread: Some(thread),
                task,
            }),
            Err(reason) => {
                task.abort();
                let name = PING_THREAD;
                Err(SamplerError::Thread { name, reason })
            }
        }
    }

    fn stop(&mut self) {
        self.task.abort();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the ping thread does not panic");
        }
    }
}

/// Rings once each cadence, unless the last ping is still out: its delay counts for those that it held up.
fn send_pings(stopped: &mpsc::Receiver<()>, bell: &Notify, signals: &Signals) {
    let mut due = Instant::now();
    loop {
        let now = Instant::now();
        if !signals.ping.is_out() {
            signals.ping.raise(Instant::now());
            bell.notify_one();
        }
        due = (due + PING_CADENCE).max(now);
        let wait = due.saturating_duration_since(Instant::now());
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

async fn answer_pings(bell: Arc<Notify>, signals: Arc<Signals>) {
    loop {
        bell.notified().await;
        signals.ping.arrive(Instant::now());
    }
}

/// A timer that notes how late it fires. It also notes on which thread the loop runs.
async fn keep_time(signals: Arc<Signals>) {
    let mut due = Instant::now();
    loop {
        // A missed tick is not made up for: the delay of the one that came late counts for it.
        due = (due + TIMER_CADENCE).max(Instant::now());
        signals.timer.raise(due);
        tokio::time::sleep_until(due.into()).await;
        signals.timer.arrive(Instant::now());
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        signals
            .thread
            .store(thread.unsigned_abs(), Ordering::Relaxed);
    }
}

impl Workload {
    /// The share of the workers' time that they were busy. The runtime adds a worker's time when the worker goes to
    /// sleep, so a reading may hold more than its own interval, and is cut at 1.
    fn sample(&mut self, now: Instant) {
        let workers = self.metrics.num_workers();
        let busy = (0..workers)
            .map(|worker| self.metrics.worker_total_busy_duration(worker))
            .sum();
        let before = self.busy.replace((now, busy));
        self.ratio = before.and_then(|(read, before)| {
            let elapsed = now.saturating_duration_since(read).as_secs_f64() * workers as f64;
            let grown: Duration = busy.saturating_sub(before);
            (elapsed > 0.0).then(|| (grown.as_secs_f64() / elapsed).min(1.0))
        });
    }
}

impl LoopSeries {
    fn define(made: &mut Recorder) -> Result<Self, SamplerError> {
        let ratio = |name, help| (name, "ratio", help);
        let run_queue = ratio(
            "probity_event_loop_run_queue_delay_ratio",
            "Share of time that the loop's threads waited for a processor.",
        );
        let busy = ratio(
            "probity_event_loop_busy_ratio",
            "Share of time that the workers were busy.",
        );
        let queue = (
            "probity_event_loop_queue_depth",
            "",
            "Tasks waiting in the shared queue.",
        );
        Ok(Self {
            lag: lag_series(made, &LAG)?,
            drift: lag_series(made, &DRIFT)?,
            run_queue: lone_gauge(made, run_queue)?,
            workers: lone_gauge(made, ("probity_event_loop_workers", "", "Worker threads."))?,
            busy: lone_gauge(made, busy)?,
            tasks: lone_gauge(made, ("probity_event_loop_tasks", "", "Tasks alive."))?,
            queue: lone_gauge(made, queue)?,
        })
    }
}

/// Metrics of one signal: now, median, 99th percentile, longest. Apart, because a sum over them means nothing.
type LagMetrics = [(&'static str, &'static str); 4];

const LAG: LagMetrics = [
    (
        "probity_event_loop_lag_seconds",
        "From handing over a task to its first poll, now.",
    ),
    (
        "probity_event_loop_lag_p50_seconds",
        "Median lag of the last interval.",
    ),
    (
        "probity_event_loop_lag_p99_seconds",
        "99th percentile of the lag of the last interval.",
    ),
    (
        "probity_event_loop_lag_max_seconds",
        "Longest lag of the last interval.",
    ),
];
const DRIFT: LagMetrics = [
    (
        "probity_event_loop_timer_drift_seconds",
        "How late timers fire, now.",
    ),
    (
        "probity_event_loop_timer_drift_p50_seconds",
        "Median timer drift of the last interval.",
    ),
    (
        "probity_event_loop_timer_drift_p99_seconds",
        "99th percentile of the timer drift of the last interval.",
    ),
    (
        "probity_event_loop_timer_drift_max_seconds",
        "Longest timer drift of the last interval.",
    ),
];

fn lag_series(
    recorder: &mut Recorder,
    metrics: &LagMetrics,
) -> Result<[SeriesId; 4], SamplerError> {
    let mut series = [SeriesId::from_number(0); 4];
    for (series, (name, help)) in series.iter_mut().zip(metrics) {
        *series = lone_gauge(recorder, (name, "seconds", help))?;
    }
    Ok(series)
}
