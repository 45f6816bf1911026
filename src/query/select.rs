//! Where values come from: samples of the history, each series read once and walked along the steps.

use super::eval::Evaluator;
use super::limits::MAX_STEPS;
use super::over_time::{OverTime, Stretch};
use super::past::Found;
use super::plan::{At, Range, Selection, Source, Vector, When};
use super::value::{Line, Sample, Series, Window, join};
use super::{Labels, QueryError, Selector};

/// What is done with each series of a range: its labels, and its samples in order of time.
type Visit<'v> = dyn FnMut(&Labels, &[(i64, f64)]) -> Result<(), QueryError> + 'v;

impl Evaluator<'_> {
    /// The newest sample of each selected series at each step, unless it is too old, or a newer tick shows that the series
    /// had no value any more. `of` is given its time and value.
    pub(super) fn select(
        &self,
        selection: &Selection,
        of: impl Fn(i64, f64) -> f64,
    ) -> Result<Vec<Series>, QueryError> {
        let (first, last) = self.bounds(selection.when);
        let mut found = Vec::new();
        // What is older than memory may be as old as it may be there.
        let usual = first.saturating_sub(self.lookback);
        let oldest = first.saturating_sub(self.past.lookback(usual, self.lookback));
        let oldest = oldest.saturating_add(1);
        for one in self.find(&selection.selector, oldest, last)? {
            self.budget.values(self.steps())?;
            let mut read = 0;
            let mut ticks = self.past.ticks(&one, oldest, last).peekable();
            let (mut newest, mut samples) = (None, Vec::with_capacity(self.steps()));
            for step in self.window.times() {
                let time = self.looked_up(selection.when, step);
                while let Some(tick) = ticks.next_if(|(tick, _)| *tick <= time) {
                    newest = Some(tick);
                    read += 1;
                }
                let fresh = newest.filter(|(tick, _)| {
                    *tick > time.saturating_sub(self.past.lookback(*tick, self.lookback))
                });
                let value = fresh.and_then(|(tick, value)| Some(of(tick, value?)));
                samples.push(Sample::from(value));
            }
            self.budget.samples(read)?;
            let labels = one.labels.clone();
            let series = Series { labels, samples };
            found.extend(series.is_anywhere().then_some(series));
        }
        Ok(found)
    }

    /// A function of each series' samples in the range before each step.
    pub(super) fn over_time(
        &self,
        function: OverTime,
        numbers: &[f64],
        range: &Range,
    ) -> Result<Vec<Series>, QueryError> {
        let mut found = Vec::new();
        let mut scratch = Vec::new();
        self.visit(range, &mut |labels, samples| {
            self.budget.values(self.steps())?;
            let labels = match function.keeps_name() {
                true => labels.clone(),
                false => labels.nameless(),
            };
            let samples = self.walk(range, samples, |step, stretch| {
                let number = numbers.get(step).copied().unwrap_or(f64::NAN);
                let stretch = Stretch { number, ..stretch };
                function.apply(&stretch, &mut scratch)
            })?;
            found.push(Series { labels, samples });
            Ok(())
        })?;
        join(found)
    }

    /// The samples of a range before the only step of an instant query.
    pub(super) fn raw(&self, range: &Range) -> Result<Vec<Line>, QueryError> {
        let mut found = Vec::new();
        self.visit(range, &mut |labels, samples| {
            self.budget.results(samples.len())?;
            if !samples.is_empty() {
                found.push((labels.clone(), samples.to_vec()));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Moves the range along the steps: what is later than its start and no later than its end, as in Prometheus 3.
    fn walk(
        &self,
        range: &Range,
        samples: &[(i64, f64)],
        mut of: impl FnMut(usize, Stretch<'_>) -> Option<f64>,
    ) -> Result<Vec<Sample>, QueryError> {
        let (mut from, mut until) = (0, 0);
        let mut values = Vec::with_capacity(self.steps());
        for (step, now) in self.window.times().enumerate() {
            let end = self.looked_up(range.when, now);
            let start = end.saturating_sub(range.length);
            let is_in = |time: Option<&(i64, f64)>, by: i64| time.is_some_and(|(t, _)| *t <= by);
            while is_in(samples.get(until), end) {
                until += 1;
            }
            while from < until && is_in(samples.get(from), start) {
                from += 1;
            }
            self.budget.work(until - from + 1)?;
            let stretch = Stretch {
                samples: &samples[from..until],
                start,
                end,
                now,
                number: f64::NAN,
            };
            let value = (from < until).then(|| of(step, stretch)).flatten();
            values.push(value.into());
        }
        Ok(values)
    }

    /// Goes through a range's series with all samples that any step can want.
    fn visit(&self, range: &Range, visit: &mut Visit<'_>) -> Result<(), QueryError> {
        let (first, last) = self.bounds(range.when);
        let after = first.saturating_sub(range.length);
        match &range.source {
            Source::Selected(selector) => {
                let mut samples = Vec::new();
                let first = after.saturating_add(1);
                for one in self.find(selector, first, last)? {
                    samples.clear();
                    let read = self.past.ticks(&one, first, last);
                    samples.extend(read.filter_map(|(time, value)| Some((time, value?))));
                    self.budget.samples(samples.len())?;
                    visit(&one.labels, &samples)?;
                }
                Ok(())
            }
            Source::Subquery { vector, step } => {
                self.visit_subquery(vector, *step, (after, last), visit)
            }
        }
    }

    /// Evaluates an expression at steps of its own, which are multiples of the step, later than `after` until `last`.
    fn visit_subquery(
        &self,
        vector: &Vector,
        step: i64,
        (after, last): (i64, i64),
        visit: &mut Visit<'_>,
    ) -> Result<(), QueryError> {
        let start = after
            .div_euclid(step)
            .saturating_add(1)
            .saturating_mul(step);
        let window = Window {
            start,
            end: last,
            step,
        };
        check_steps(&window)?;
        let inner = Self { window, ..*self };
        let mut samples = Vec::new();
        for one in inner.vector(vector)? {
            samples.clear();
            let steps = std::iter::zip(window.times(), &one.samples);
            samples.extend(steps.filter_map(|(time, sample)| Some((time, sample.get()?))));
            self.budget.samples(samples.len())?;
            visit(&one.labels, &samples)?;
        }
        Ok(())
    }

    fn find(&self, selector: &Selector, from: i64, until: i64) -> Result<Vec<Found>, QueryError> {
        self.past.find(selector, from, until, self.budget)
    }

    /// The earliest and the latest time that is looked up.
    fn bounds(&self, when: When) -> (i64, i64) {
        let end = self.window.times().last().unwrap_or(self.window.start);
        (
            self.looked_up(when, self.window.start),
            self.looked_up(when, end),
        )
    }

    /// The time that is looked up for a step.
    fn looked_up(&self, when: When, step: i64) -> i64 {
        let time = match when.at {
            None => step,
            Some(At::Start) => self.query.start,
            Some(At::End) => self.query.end,
            Some(At::Time(time)) => time,
        };
        time.saturating_sub(when.offset)
    }
}

/// Refuses a window with more steps than a graph can show.
pub(super) fn check_steps(window: &Window) -> Result<(), QueryError> {
    let steps = window.steps();
    let most = MAX_STEPS + 1;
    if steps > most {
        return Err(QueryError::too_much(format!(
            "the query has {steps} steps: at most {most}; take a longer step or a shorter time"
        )));
    }
    Ok(())
}
