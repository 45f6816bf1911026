//! The page on the terminal, in whatever room there is.

mod lists;
mod overlay;
mod probes;
mod style;
mod vitals;

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::screen::{Overlay, Screen};
use super::words;
use style::Theme;

/// From this height on there are curves.
const CURVES_FROM: u16 = 12;
/// From this height on there are checks and operations.
const LISTS_FROM: u16 = 16;
/// From this width on they stand side by side.
const SIDE_BY_SIDE_FROM: u16 = 100;

/// Draws everything as it is at `now`.
pub(super) fn page(frame: &mut Frame<'_>, screen: &Screen, now: Instant) {
    let theme = Theme::new(screen.colour);
    let area = frame.area();
    let banner = u16::from(screen.lost.is_some() || screen.page.is_none());
    let [head, told, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(banner),
        Constraint::Fill(1),
        Constraint::Length(u16::from(area.height > 3)),
    ])
    .areas(area);
    frame.render_widget(header(screen, theme, now), head);
    frame.render_widget(trouble(screen, theme, now), told);
    draw_body(frame, body, screen, theme);
    frame.render_widget(footer(screen, theme), foot);
    if screen.lost.is_some() {
        // What is shown is old: it stays to be read, and no longer looks alive.
        frame.buffer_mut().set_style(head, theme.grey());
        frame.buffer_mut().set_style(body, theme.grey());
    }
    match &screen.overlay {
        Overlay::Nothing => {}
        Overlay::Help => overlay::help(frame, theme),
        Overlay::Confirm { probe, action } => overlay::confirm(frame, theme, probe, *action),
    }
}

fn draw_body(frame: &mut Frame<'_>, body: Rect, screen: &Screen, theme: Theme) {
    let (width, height) = (body.width, frame.area().height);
    let curves = if height >= CURVES_FROM { 3 } else { 0 };
    let room = body.height.saturating_sub(curves);
    // A short list of probes leaves its room to the others, a long one leaves them a part.
    let left = match height >= LISTS_FROM {
        true if width >= SIDE_BY_SIDE_FROM => room / 3,
        true => room / 2,
        false => 0,
    };
    let rows = u16::try_from(screen.probes().len()).unwrap_or(u16::MAX);
    let probes = match left {
        0 => room,
        left => rows.saturating_add(2).min(room - left),
    };
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(curves),
        Constraint::Length(probes),
        Constraint::Fill(1),
    ])
    .areas(body);
    vitals::draw(frame, top, screen, theme);
    probes::draw(frame, middle, screen, theme);
    let halves = [Constraint::Fill(1), Constraint::Fill(1)];
    let [checks, operations] = match width >= SIDE_BY_SIDE_FROM {
        true => Layout::horizontal(halves).areas(bottom),
        false => Layout::vertical(halves).areas(bottom),
    };
    lists::checks(frame, checks, screen, theme);
    lists::operations(frame, operations, screen, theme);
}

/// The verdict, who it is, and how old all this is; what matters most comes first, for the line may be short.
fn header(screen: &Screen, theme: Theme, now: Instant) -> Line<'static> {
    let Some((page, _)) = &screen.page else {
        return Line::from(format!("probity top  {}", screen.authority));
    };
    let snapshot = screen.age(now).unwrap_or_default();
    let (age, of, style) = match screen.late(now) {
        // The rest is as it should be, unless no snapshot comes.
        Some((source, age)) => (age, format!(" ({source})"), theme.late(snapshot)),
        None => (snapshot, String::new(), theme.age(snapshot)),
    };
    let ready = if page.ready { "ready" } else { "not ready" };
    let uptime = page.uptime_seconds.unwrap_or(0.0) as u64;
    Line::from(vec![
        Span::styled(style::verdict(&page.status), theme.verdict(&page.status)),
        Span::raw(format!("  {ready}  ")),
        Span::styled(
            format!("data {} old{of}", words::time(age.as_secs_f64() * 1e3)),
            style,
        ),
        Span::raw(format!(
            "  up {}  probity {}  {} ({})",
            words::span(uptime),
            page.version,
            page.host,
            screen.authority
        )),
    ])
}

fn trouble(screen: &Screen, theme: Theme, now: Instant) -> Line<'static> {
    match &screen.lost {
        Some((since, why)) => {
            let since = words::span(now.saturating_duration_since(*since).as_secs());
            let text = format!("✕ no answer for {since}, trying again: {why}");
            Line::styled(text, theme.bad())
        }
        None => Line::from("… asking"),
    }
}

fn footer(screen: &Screen, theme: Theme) -> Line<'static> {
    match &screen.notice {
        Some(notice) if notice.bad => Line::styled(format!("✕ {}", notice.text), theme.bad()),
        Some(notice) => Line::from(notice.text.clone()),
        None => Line::styled(
            "q quit  ? help  ↑↓ choose  s sort  p pause  r resume  R reload  e release",
            theme.grey(),
        ),
    }
}
