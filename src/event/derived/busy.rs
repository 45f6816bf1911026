//! How much of its time a worker spends on work, in a window that moves: by the times at which things happened, which are
//! earlier than those at which they were told.

use std::time::{Duration, Instant};

use super::window::Slicing;

/// Slices of the window.
const SLICES: u32 = 12;

/// How a window of busy time is cut. It begins a window before `begun`, for what is told then may have happened before.
pub(super) fn slicing(begun: Instant, window: Duration) -> Slicing {
    let begun = begun.checked_sub(window).unwrap_or(begun);
    Slicing::new(begun, window, SLICES)
}

/// Work that began and has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spell {
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// How long it took by its own clock; counts where that is longer.
    pub(super) took: Duration,
}

/// Seconds spent on work, in a window.
#[derive(Debug)]
pub(super) struct Busy {
    /// Each slice has its place by its number.
    slices: [f64; SLICES as usize],
    newest: u64,
    /// Since when the worker is there.
    from: Instant,
    /// Until when what is under way has been counted.
    until: Instant,
}

impl Busy {
    /// Of a worker that is there since `from`, at `now`.
    pub(super) fn new(slicing: &Slicing, from: Instant, now: Instant) -> Self {
        Self {
            slices: [0.0; SLICES as usize],
            newest: slicing.at(now),
            from,
            until: now,
        }
    }

    /// It was there earlier than was known.
    pub(super) fn reach_back(&mut self, from: Instant) {
        self.from = self.from.min(from);
    }

    /// Counts what `slots` of its slots have done until now.
    pub(super) fn advance(&mut self, slicing: &Slicing, slots: u32, now: Instant) {
        let newest = slicing.at(now).max(self.newest);
        let come = (newest - self.newest).min(u64::from(SLICES));
        for number in newest - come..newest {
            self.slices[place(number + 1)] = 0.0;
        }
        self.newest = newest;
        if slots > 0 {
            self.add(slicing, (self.until, now), f64::from(slots));
        }
        self.until = self.until.max(now);
    }

    /// One more has been under way since then.
    pub(super) fn begin(&mut self, slicing: &Slicing, since: Instant) {
        self.add(slicing, (since, self.until), 1.0);
    }

    /// One that was counted as under way has ended: earlier than it was told, and it may have begun earlier, too.
    pub(super) fn end(&mut self, slicing: &Slicing, spell: Spell) {
        let until = spell.until.max(spell.since);
        self.add(slicing, (until, self.until), -1.0);
        if let Some(began) = until.checked_sub(spell.took) {
            self.add(slicing, (began, spell.since), 1.0);
        }
    }

    /// One was under way that was not counted so far.
    pub(super) fn count(&mut self, slicing: &Slicing, span: (Instant, Instant)) {
        self.add(slicing, span, 1.0);
    }

    /// Adds what of a span lies in the window.
    fn add(&mut self, slicing: &Slicing, (since, until): (Instant, Instant), weight: f64) {
        let since = since.max(self.from);
        if until <= since {
            return;
        }
        let first = slicing.at(since).max(slicing.oldest(self.newest));
        for number in first..=slicing.at(until).min(self.newest) {
            let (begin, end) = slicing.span(number);
            let spent = until
                .min(end)
                .saturating_duration_since(since.max(begin))
                .as_secs_f64();
            self.slices[place(number)] += weight * spent;
        }
    }

    /// Seconds spent on work in the slices that are kept, no more than there are, and how many seconds those are, of all slots
    /// together.
    pub(super) fn spent(&self, slicing: &Slicing, slots: u32, now: Instant) -> (f64, f64) {
        let (mut spent, mut could) = (0.0, 0.0);
        for number in slicing.oldest(self.newest)..=self.newest {
            let (begin, end) = slicing.span(number);
            let there = end
                .min(now)
                .saturating_duration_since(begin.max(self.from))
                .as_secs_f64();
            let most = there * f64::from(slots);
            spent += self.slices[place(number)].clamp(0.0, most);
            could += most;
        }
        (spent, could)
    }
}

fn place(number: u64) -> usize {
    (number % u64::from(SLICES)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    /// The share of its time that it was busy.
    fn share(busy: &Busy, slicing: &Slicing, slots: u32, now: Instant) -> f64 {
        let (spent, could) = busy.spent(slicing, slots, now);
        spent / could
    }

    #[test]
    fn who_is_always_busy_is_so_at_every_moment_of_a_slice() {
        let begun = Instant::now();
        let slicing = slicing(begun, WINDOW);
        let mut busy = Busy::new(&slicing, begun, begun);
        for tenths in 1..2_000 {
            let now = begun + Duration::from_millis(tenths * 100);
            busy.advance(&slicing, 1, now);
            let share = share(&busy, &slicing, 1, now);
            assert!((share - 1.0).abs() < 1e-6, "{share} at {tenths}");
        }
    }

    #[test]
    fn what_ended_before_it_was_told_counts_until_its_end() {
        let begun = Instant::now();
        let slicing = slicing(begun, WINDOW);
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut busy = Busy::new(&slicing, begun, at(40));
        busy.begin(&slicing, at(10));
        busy.end(
            &slicing,
            Spell {
                since: at(10),
                until: at(30),
                took: Duration::from_secs(24),
            },
        );
        assert_eq!(busy.spent(&slicing, 1, at(40)), (24.0, 40.0));
    }

    #[test]
    fn nobody_does_more_than_there_is_time_for() {
        let begun = Instant::now();
        let slicing = slicing(begun, WINDOW);
        let mut busy = Busy::new(&slicing, begun, begun + WINDOW);
        for _ in 0..9 {
            busy.count(&slicing, (begun, begun + WINDOW / 2));
        }
        // A new slice has just begun, and eleven are kept.
        let spent = busy.spent(&slicing, 2, begun + WINDOW);
        assert_eq!(spent, (2.0 * 25.0, 2.0 * 55.0));
    }
}
