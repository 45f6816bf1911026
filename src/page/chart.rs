//! Charts as SVG paths: a sparkline, a line chart with its axis, a heartbeat bar. A gap stays a gap.

use super::past::{Past, Track};

/// Units of a chart's view box; the page stretches it to its place.
pub(super) const WIDTH: usize = 240;
/// The same, from bottom to top.
pub(super) const HEIGHT: i64 = 60;
/// Points of a line at most, two units each: more would be finer than a pixel.
const POINTS: usize = WIDTH / 2;
/// Units of one bar of a heartbeat.
const BAR: usize = 4;

/// Which numbers are round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// 1, 2, 2.5 and 5 times a power of ten.
    Decimal,
    /// Powers of two: sizes.
    Binary,
}

/// The values between which a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Scale {
    /// From nought to a number at or above the largest that is round in this way.
    pub(super) fn from_nought(largest: f64, round: Round) -> Self {
        let known = largest.is_finite() && largest > 0.0;
        let most = match round {
            _ if !known => 1.0,
            Round::Decimal => round_up(largest),
            Round::Binary => 2f64.powf((largest * (1.0 - 1e-9)).log2().ceil()),
        };
        Self { least: 0.0, most }
    }

    /// Around these, with some room: the form counts, and the extremes stand beside it.
    pub(super) fn around(least: f64, most: f64) -> Self {
        let room = ((most - least) * 0.08).max(most.abs() * 1e-3).max(1e-9);
        Self {
            least: least - room,
            most: most + room,
        }
    }

    fn height(self, value: f64) -> i64 {
        let share = (value - self.least) / (self.most - self.least);
        let share = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        };
        HEIGHT - (share * HEIGHT as f64).round() as i64
    }
}

/// The next of 1, 2, 2.5, 5 and 10 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = |step: &&f64| **step * power >= value * (1.0 - 1e-9);
    steps.iter().find(fits).unwrap_or(&10.0) * power
}

/// The largest value of each cell, so that a peak is never smoothed away.
fn cells(past: &Past<'_>, track: &Track) -> Vec<Option<f64>> {
    let mut cells: Vec<Option<f64>> = vec![None; POINTS + 1];
    for (time, value) in track {
        let cell = &mut cells[past.cell(*time, POINTS + 1)];
        if let Some(value) = value.filter(|value| value.is_finite()) {
            *cell = Some(cell.map_or(value, |known| known.max(value)));
        }
    }
    bridge(&mut cells, past, track);
    cells
}

/// Cells between two neighbouring ticks are no gap: the history's step may be longer than a cell.
fn bridge(cells: &mut [Option<f64>], past: &Past<'_>, track: &Track) {
    for pair in track.windows(2) {
        let [(before, Some(left)), (after, Some(right))] = pair else {
            continue;
        };
        let (from, to) = (
            past.cell(*before, cells.len()),
            past.cell(*after, cells.len()),
        );
        let between = cells.iter_mut().enumerate().take(to).skip(from + 1);
        for (place, cell) in between {
            let share = (place - from) as f64 / (to - from) as f64;
            cell.get_or_insert(left + (right - left) * share);
        }
    }
}

/// A line through a track.
pub(super) fn line(past: &Past<'_>, track: &Track, scale: Scale) -> String {
    let mut path = String::new();
    let mut pen: Option<i64> = None;
    for (index, value) in cells(past, track).into_iter().enumerate() {
        let Some(height) = value.map(|value| scale.height(value)) else {
            pen = None;
            continue;
        };
        match pen.replace(height) {
            // A lone point is a dot: the line's ends are round.
            None => path.push_str(&format!("M{} {height}h0", index * 2)),
            Some(before) => path.push_str(&format!("l2 {}", height - before)),
        }
    }
    path
}

/// The ground under a line, for a light tint.
pub(super) fn area(past: &Past<'_>, track: &Track, scale: Scale) -> String {
    let heights: Vec<Option<i64>> = cells(past, track)
        .into_iter()
        .map(|value| value.map(|value| scale.height(value)))
        .collect();
    let mut path = String::new();
    for (from, piece) in pieces(&heights) {
        path.push_str(&format!("M{} {HEIGHT}V{}", from * 2, piece[0]));
        for pair in piece.windows(2) {
            path.push_str(&format!("l2 {}", pair[1] - pair[0]));
        }
        path.push_str(&format!("V{HEIGHT}Z"));
    }
    path
}

/// The stretches without a gap, each with where it begins.
fn pieces(heights: &[Option<i64>]) -> Vec<(usize, Vec<i64>)> {
    let mut pieces: Vec<(usize, Vec<i64>)> = Vec::new();
    let mut begun = false;
    for (index, height) in heights.iter().enumerate() {
        match (height, begun, pieces.last_mut()) {
            (Some(height), true, Some((_, piece))) => piece.push(*height),
            (Some(height), ..) => pieces.push((index, vec![*height])),
            (None, ..) => {}
        }
        begun = height.is_some();
    }
    pieces
}

/// What one bar of a heartbeat says; the worst of its stretch wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Beat {
    /// Nothing is known.
    Unknown,
    /// It was not to run.
    Idle,
    /// It went well.
    Good,
    /// It was shaky.
    Shaky,
    /// It failed.
    Bad,
}

/// A heartbeat bar as five paths of strokes, each drawn in a height of its own, so that it can be read without colour.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heartbeat {
    pub(super) unknown: String,
    pub(super) idle: String,
    pub(super) good: String,
    pub(super) shaky: String,
    pub(super) bad: String,
    /// The share of the known bars that are up, idle ones left out.
    pub(super) uptime: Option<f64>,
}

impl Heartbeat {
    /// The bar of these beats, oldest first; `up` is the worst that counts as up. The strokes are dashes of one line for
    /// each run of equal beats.
    pub(super) fn of(beats: &[Beat], up: Beat) -> Self {
        let mut bar = Self::default();
        let mut from = 0;
        while from < beats.len() {
            let beat = beats[from];
            let length = beats[from..].iter().take_while(|one| **one == beat).count();
            let path = match beat {
                Beat::Unknown => &mut bar.unknown,
                Beat::Idle => &mut bar.idle,
                Beat::Good => &mut bar.good,
                Beat::Shaky => &mut bar.shaky,
                Beat::Bad => &mut bar.bad,
            };
            path.push_str(&format!("M{} 8h{}", from * BAR, length * BAR));
            from += length;
        }
        let known = beats.iter().filter(|beat| **beat > Beat::Idle).count();
        let is_up = |beat: &&Beat| **beat > Beat::Idle && **beat <= up;
        let up = beats.iter().filter(is_up).count();
        bar.uptime = (known > 0).then(|| up as f64 * 100.0 / known as f64);
        bar
    }
}

/// The worst beat of each cell; one without a tick of its own has that of the next, if it is near.
pub(super) fn beats<'a>(
    past: &Past<'_>,
    ticks: impl Iterator<Item = (i64, &'a str)>,
    judge: impl Fn(&str) -> Beat,
    cells: usize,
) -> Vec<Beat> {
    let mut beats = vec![Beat::Unknown; cells];
    for (time, state) in ticks {
        let (own, beat) = (past.cell(time, cells), judge(state));
        for cell in &mut beats[past.first_cell(time, cells)..own] {
            if *cell == Beat::Unknown {
                *cell = beat;
            }
        }
        beats[own] = beat.max(beats[own]);
    }
    beats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_on_round_numbers() {
        for (largest, decimal, binary) in [
            (0.0, 1.0, 1.0),
            (f64::NAN, 1.0, 1.0),
            (0.83, 1.0, 1.0),
            (1.0, 1.0, 1.0),
            (21.0, 25.0, 32.0),
            (300.0, 500.0, 512.0),
        ] {
            let most = |round| Scale::from_nought(largest, round).most;
            assert!((most(Round::Decimal) - decimal).abs() < 1e-9, "{largest}");
            assert!((most(Round::Binary) - binary).abs() < 1e-9, "{largest}");
        }
        let flat = Scale::around(5.0, 5.0);
        assert!(flat.least < 5.0 && flat.most > 5.0);
    }

    #[test]
    fn a_gap_stays_a_gap_in_line_and_area() {
        let heights = [
            Some(3),
            Some(4),
            None,
            Some(5),
            None,
            None,
            Some(1),
            Some(2),
        ];
        let wanted = vec![(0, vec![3, 4]), (3, vec![5]), (6, vec![1, 2])];
        assert_eq!(pieces(&heights), wanted);
    }

    #[test]
    fn a_heartbeat_is_runs_of_bars_and_their_share() {
        use Beat::{Bad, Good, Idle, Shaky, Unknown};
        let bar = Heartbeat::of(&[Unknown, Good, Good, Bad, Idle, Good], Good);
        assert_eq!(bar.unknown, "M0 8h4");
        assert_eq!(bar.good, "M4 8h8M20 8h4");
        assert_eq!(
            (bar.bad.as_str(), bar.idle.as_str()),
            ("M12 8h4", "M16 8h4")
        );
        assert_eq!(bar.uptime, Some(75.0));
        assert_eq!(Heartbeat::of(&[Unknown, Idle], Good).uptime, None);
        assert_eq!(Heartbeat::of(&[Shaky, Bad], Good).uptime, Some(0.0));
        assert_eq!(Heartbeat::of(&[Shaky, Bad], Shaky).uptime, Some(50.0));
    }
}
