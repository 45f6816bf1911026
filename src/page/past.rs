//! The window of the history that the page draws, and its series put on one grid.

use std::collections::HashMap;

use crate::history::{SeriesId, SeriesKey, View};

/// Cells of a window: one bar of a heartbeat each.
pub(super) const CELLS: usize = 60;
/// The windows, in milliseconds with their names: the smallest that holds all there is, so that a program that was
/// just started has more to show than a dot.
const WINDOWS: [(i64, &str); 4] = [
    (60_000, "1 min"),
    (5 * 60_000, "5 min"),
    (15 * 60_000, "15 min"),
    (60 * 60_000, "1 h"),
];

/// A series on the grid of a window: at each tick a value, or nothing where it was absent.
pub(super) type Track = Vec<(i64, Option<f64>)>;

/// The past as the page draws it.
pub(super) struct Past<'a> {
    view: &'a View,
    /// The first and last moment shown, in milliseconds since the Unix epoch.
    pub(super) from: i64,
    pub(super) until: i64,
    /// About how long it is from one tick to the next.
    step: i64,
    /// How long it is, in words.
    pub(super) name: &'static str,
}

impl<'a> Past<'a> {
    /// The window over what there is; nothing before the first tick.
    pub(super) fn of(view: &'a View) -> Option<Self> {
        let (first, until) = view.span()?;
        let fits = |(width, _): &&(i64, &str)| until - first <= *width;
        let (width, name) = WINDOWS.iter().find(fits).unwrap_or(&WINDOWS[3]);
        let from = until - width;
        let (any, _) = view.series().next()?;
        let times: Vec<i64> = view.ticks(any, from, until).map(|(time, _)| time).collect();
        let whole = times.last()? - times.first()?;
        Some(Self {
            view,
            from,
            until,
            step: whole / (times.len() as i64 - 1).max(1),
            name,
        })
    }

    /// The series of a name that `wanted` keeps.
    fn ids(&self, name: &str, wanted: impl Fn(&SeriesKey) -> bool) -> Vec<SeriesId> {
        let named = self.view.named(name);
        named
            .filter(|(_, key)| wanted(key))
            .map(|(id, _)| id)
            .collect()
    }

    fn track(&self, id: SeriesId) -> Track {
        self.view.ticks(id, self.from, self.until).collect()
    }

    /// The first series of a name.
    pub(super) fn gauge(&self, name: &str) -> Option<Track> {
        let id = self.ids(name, |_| true).into_iter().next()?;
        Some(self.track(id))
    }

    /// The series of a name with this value of a label.
    pub(super) fn labelled(&self, name: &str, key: &str, value: &str) -> Option<Track> {
        let wanted = |one: &SeriesKey| one.label(key) == Some(value);
        Some(self.track(*self.ids(name, wanted).first()?))
    }

    /// What the totals of a name that `wanted` keeps gain each second, together.
    pub(super) fn rate(&self, name: &str, wanted: impl Fn(&SeriesKey) -> bool) -> Option<Track> {
        let ids = self.ids(name, wanted);
        let rates = ids.into_iter().map(|id| gains(&self.track(id)));
        rates.reduce(|left, right| together(left, &right, |a, b| a + b))
    }

    /// The state sets of a name by the value of a label: each with its state at each tick.
    pub(super) fn states(&self, name: &str, key: &str) -> HashMap<String, Vec<(i64, String)>> {
        let mut found: HashMap<String, Vec<(i64, String)>> = HashMap::new();
        for (id, series) in self.view.named(name) {
            let (Some(of), Some(state)) = (series.label(key), series.label(name)) else {
                continue;
            };
            let active = self.view.samples(id, self.from, self.until);
            let active = active.filter(|(_, value)| *value == 1.0);
            let ticks = found.entry(of.to_owned()).or_default();
            ticks.extend(active.map(|(time, _)| (time, state.to_owned())));
        }
        found
    }

    /// The first cell that a tick speaks for: no cell between two ticks is left over, even if one of them is late.
    pub(super) fn first_cell(&self, time: i64, cells: usize) -> usize {
        let before = time - self.step - self.step / 2;
        let own = self.cell(time, cells);
        if before < self.from {
            own
        } else {
            own.min(self.cell(before, cells) + 1)
        }
    }

    /// The cell of a window of so many that a moment falls into.
    pub(super) fn cell(&self, time: i64, cells: usize) -> usize {
        let width = (self.until - self.from).max(1);
        let place = (time - self.from).max(0) as i128 * cells as i128 / i128::from(width);
        (place as usize).min(cells - 1)
    }
}

/// Two tracks of one window as one; absent where either is.
pub(super) fn together(left: Track, right: &Track, of: impl Fn(f64, f64) -> f64) -> Track {
    let pairs = left.into_iter().zip(right);
    pairs
        .map(|((time, a), (_, b))| (time, a.zip(*b).map(|(a, b)| of(a, b))))
        .collect()
}

/// A track with each value changed.
pub(super) fn each(track: Track, of: impl Fn(f64) -> f64) -> Track {
    let change = |(time, value): (i64, Option<f64>)| (time, value.map(&of));
    track.into_iter().map(change).collect()
}

/// What a total gained each second up to each tick; nothing behind a gap, and all of it after a reset.
fn gains(track: &Track) -> Track {
    let mut before: Option<(i64, f64)> = None;
    let gain = |(time, value): &(i64, Option<f64>)| {
        let then = before.take();
        before = value.map(|value| (*time, value));
        let gained = then.zip(*value).and_then(|((then, old), value)| {
            let gained = if value < old { value } else { value - old };
            (*time > then).then(|| gained * 1e3 / (*time - then) as f64)
        });
        (*time, gained)
    };
    track.iter().map(gain).collect()
}

/// The smallest, the largest and the last value of a track.
pub(super) fn extremes(track: &Track) -> Option<(f64, f64, f64)> {
    let values = track.iter().filter_map(|(_, value)| *value);
    values
        .filter(|value| value.is_finite())
        .fold(None, |known, value| match known {
            None => Some((value, value, value)),
            Some((least, most, _)) => Some((value.min(least), value.max(most), value)),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_begin_anew_behind_a_gap_and_after_a_reset() {
        let track = vec![
            (0, Some(10.0)),
            (1000, Some(12.0)),
            (2000, None),
            (3000, Some(20.0)),
            (5000, Some(4.0)),
        ];
        let wanted = vec![
            (0, None),
            (1000, Some(2.0)),
            (2000, None),
            (3000, None),
            (5000, Some(2.0)),
        ];
        assert_eq!(gains(&track), wanted);
        assert_eq!(extremes(&track), Some((4.0, 20.0, 4.0)));
        assert_eq!(extremes(&vec![(0, None), (1, Some(f64::NAN))]), None);
    }
}
