//! Clocks: the machine's, one that goes by readings, or what a tape says they showed.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use super::blob::{Moment, Real};
use super::document::Readings;
use super::{Deck, Role, lock};

/// How far a clock that does not go by itself goes with each reading.
const STEP: Duration = Duration::from_millis(1);

/// Where a clock's readings come from.
pub(super) enum Source {
    /// The machine.
    Machine,
    /// Themselves: each is a step behind the one before, and each run begins an interval behind the one before.
    Fake(SystemTime),
    /// A tape, as long as it has some; then as with a fake one.
    Tape,
}

/// What the clocks showed last.
pub(super) struct Hands {
    /// Since the beginning, of the monotonic clock.
    monotonic: Duration,
    /// Since 1970.
    wall: Duration,
    /// Readings of the present run that were taken off the tape.
    taken: Taken,
    left: f64,
    /// When the present call began, by the monotonic clock.
    call: Duration,
    /// How long a call may take.
    deadline: Duration,
}

#[derive(Default)]
struct Taken {
    wall: usize,
    monotonic: usize,
    left: usize,
}

impl Hands {
    pub(super) fn at(start: SystemTime) -> Self {
        Self {
            monotonic: Duration::ZERO,
            wall: since_epoch(start),
            taken: Taken::default(),
            left: f64::INFINITY,
            call: Duration::ZERO,
            deadline: Duration::MAX,
        }
    }

    /// Time goes by, on both.
    fn pass(&mut self, time: Duration) {
        self.monotonic += time;
        self.wall += time;
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The next of a list.
fn next<T: Copy>(list: &[T], taken: &mut usize) -> Option<T> {
    let reading = list.get(*taken).copied();
    *taken += usize::from(reading.is_some());
    reading
}

impl Deck {
    /// A run begins at `wall`, as the tape says or the machine; `before` it were so many, one an interval.
    pub(super) fn begin_clocks(
        &self,
        wall: SystemTime,
        interval: Duration,
        before: u32,
        deadline: Duration,
    ) -> SystemTime {
        let mut hands = lock(&self.hands);
        (hands.taken, hands.left) = (Taken::default(), f64::INFINITY);
        hands.deadline = deadline;
        match self.clock {
            Source::Machine => wall,
            Source::Fake(_) => {
                let due = interval.saturating_mul(before);
                let ahead = due.saturating_sub(hands.monotonic);
                hands.pass(ahead);
                UNIX_EPOCH + hands.wall
            }
            Source::Tape => {
                hands.wall = since_epoch(wall);
                wall
            }
        }
    }

    /// A call of the guest begins.
    pub(super) fn begin_call_clock(&self) {
        let mut hands = lock(&self.hands);
        hands.call = hands.monotonic;
    }

    /// A reading of the monotonic clock: time since the beginning.
    pub(in crate::probe) fn monotonic(&self) -> Duration {
        let mut hands = lock(&self.hands);
        match self.clock {
            Source::Machine => hands.monotonic = self.since_began(),
            Source::Fake(_) => hands.pass(STEP),
            Source::Tape => {
                let next = self.reading(|all| next(&all.monotonic, &mut hands.taken.monotonic));
                match next.map(Duration::from_nanos) {
                    // It never goes back, whatever somebody wrote there.
                    Some(reading) => hands.monotonic = reading.max(hands.monotonic),
                    None => hands.pass(STEP),
                }
            }
        }
        let now = hands.monotonic;
        self.note(|all| all.monotonic.push(nanos(now)));
        now
    }

    fn since_began(&self) -> Duration {
        self.began.get_or_init(Instant::now).elapsed()
    }

    /// What the monotonic clock showed last, or shows now where that is the machine's.
    pub(in crate::probe) fn shown(&self) -> Duration {
        match self.clock {
            Source::Machine => self.since_began(),
            Source::Fake(_) | Source::Tape => lock(&self.hands).monotonic,
        }
    }

    /// A reading of the wall clock: time since 1970.
    pub(super) fn wall(&self) -> Duration {
        let mut hands = lock(&self.hands);
        match self.clock {
            Source::Machine => hands.wall = since_epoch(SystemTime::now()),
            Source::Fake(_) => hands.pass(STEP),
            Source::Tape => match self.reading(|all| next(&all.wall, &mut hands.taken.wall)) {
                Some(reading) => hands.wall = reading.duration(),
                None => hands.pass(STEP),
            },
        }
        let now = hands.wall;
        self.note(|all| all.wall.push(Moment::since_epoch(now)));
        now
    }

    /// What a call has left of its time, where the machine says `live`; in seconds.
    pub(super) fn seconds_left(&self, live: f64) -> f64 {
        let mut hands = lock(&self.hands);
        let left = match self.clock {
            // To the microsecond: what is recorded is what the guest gets.
            Source::Machine => (live * 1e6).round() / 1e6,
            Source::Fake(_) => {
                let used = hands.monotonic - hands.call;
                hands.deadline.saturating_sub(used).as_secs_f64()
            }
            Source::Tape => {
                match self.reading(|all| next(&all.seconds_left, &mut hands.taken.left)) {
                    Some(Real(reading)) => reading,
                    None => (hands.left.min(live) - STEP.as_secs_f64()).max(0.0),
                }
            }
        };
        hands.left = left;
        self.note(|all| all.seconds_left.push(Real(left)));
        left
    }

    /// Somebody has waited until `moment` of the monotonic clock: a clock that does not go by itself goes there.
    pub(in crate::probe) fn reach(&self, moment: Duration) {
        if !matches!(self.clock, Source::Machine) {
            let mut hands = lock(&self.hands);
            let ahead = moment.saturating_sub(hands.monotonic);
            hands.pass(ahead);
        }
    }

    fn reading<T>(&self, next: impl FnOnce(&Readings) -> Option<T>) -> Option<T> {
        self.with_run(|run| next(&run.clocks)).flatten()
    }

    fn note(&self, note: impl FnOnce(&mut Readings)) {
        if self.role == Role::Recording && self.has_room(READING_BYTES, "one more clock reading") {
            self.with_run(|run| note(&mut run.clocks));
        }
    }
}

/// What one reading counts.
const READING_BYTES: usize = 32;

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The clocks as WASI asks for them.
pub(in crate::probe) struct TapedClock(pub(in crate::probe) Arc<Deck>);

impl HostWallClock for TapedClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.wall()
    }
}

impl HostMonotonicClock for TapedClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        nanos(self.0.monotonic())
    }
}
