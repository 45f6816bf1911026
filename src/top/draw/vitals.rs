//! The machine's processors and memory, and the event loop, each with its curve.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Sparkline, SparklineBar};

use super::style::Theme;
use crate::top::screen::{Curve, Screen};
use crate::top::words::{self, NOTHING};

/// Columns for name and number.
const LABEL: u16 = 30;
/// Steps of a curve: shares come in percent, and a curve without a fixed top is as high as its highest value.
const PERCENT_TOP: f64 = 100.0;
/// A curve of lateness is at least this high, so that microseconds do not look like mountains.
const LEAST_LAG_MS: f64 = 10.0;
/// Whole numbers to a curve's unit, which drawing takes.
const FINENESS: f64 = 100.0;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, screen: &Screen, theme: Theme) {
    let rows = [Constraint::Length(1); 3];
    let [cpu, memory, lag] = Layout::vertical(rows).areas(area);
    let page = screen.page.as_ref().map(|(page, _)| page);
    let number = |value: Option<f64>, show: fn(f64) -> String| {
        value.map_or_else(|| NOTHING.to_owned(), show)
    };
    let used = page.and_then(|page| page.cpu_percent);
    row(
        frame,
        cpu,
        theme,
        "CPU",
        &number(used, words::percent),
        &screen.cpu,
        PERCENT_TOP,
    );
    let share = number(page.and_then(|page| page.memory_percent), words::percent);
    let bytes = page.and_then(|page| page.memory_bytes).map(words::size);
    let told = match bytes {
        Some(bytes) => format!("{share}  {bytes}"),
        None => share,
    };
    row(
        frame,
        memory,
        theme,
        "memory",
        &told,
        &screen.memory,
        PERCENT_TOP,
    );
    let late = number(page.and_then(|page| page.lag_ms), words::time);
    let highest = screen.lag.last(usize::from(area.width)).flatten();
    let top = highest.fold(LEAST_LAG_MS, f64::max);
    row(frame, lag, theme, "loop p99", &late, &screen.lag, top);
}

fn row(
    frame: &mut Frame<'_>,
    area: Rect,
    theme: Theme,
    name: &str,
    told: &str,
    curve: &Curve,
    top: f64,
) {
    let columns = [Constraint::Length(LABEL), Constraint::Fill(1)];
    let [label, rest] = Layout::horizontal(columns).areas(area);
    let words = Line::from(vec![
        Span::styled(format!("{name:<9}"), theme.heading()),
        Span::raw(told.to_owned()),
    ]);
    frame.render_widget(words, label);
    let bars = curve.last(usize::from(rest.width)).map(|value| {
        let value = value.map(|value| (value.clamp(0.0, top) * FINENESS) as u64);
        SparklineBar::from(value)
    });
    let line = Sparkline::default()
        .data(bars)
        .max((top * FINENESS) as u64)
        .style(theme.good());
    frame.render_widget(line, rest);
}
