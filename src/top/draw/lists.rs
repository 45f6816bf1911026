//! Checks and operations as lists, what needs attention first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use super::style::{self, Theme};
use crate::top::screen::Screen;
use crate::top::words;

pub(super) fn checks(frame: &mut Frame<'_>, area: Rect, screen: &Screen, theme: Theme) {
    let page = screen.page.as_ref().map(|(page, _)| page);
    let mut checks: Vec<_> = page.into_iter().flat_map(|page| &page.checks).collect();
    checks.sort_by_key(|check| match &*check.status {
        "pass" => 2,
        "warn" => 1,
        _ => 0,
    });
    let lines = checks.iter().map(|check| {
        Line::from(vec![
            Span::styled(style::verdict(&check.status), theme.verdict(&check.status)),
            Span::raw(format!("  {}", check.name)),
            Span::styled(format!("  {}", check.message), theme.grey()),
        ])
    });
    draw(frame, area, theme, "checks", lines.collect());
}

pub(super) fn operations(frame: &mut Frame<'_>, area: Rect, screen: &Screen, theme: Theme) {
    let Some((page, _)) = &screen.page else {
        return draw(frame, area, theme, "operations (UTC)", Vec::new());
    };
    let overdue = page.overdue.iter().map(|one| {
        let (elapsed, expected) = (words::time(one.elapsed_ms), words::time(one.expected_ms));
        Line::from(vec![
            Span::styled("▲ overdue", theme.doubtful()),
            Span::raw(format!("  {} {}", one.name, one.id)),
            Span::styled(format!("  {elapsed} of {expected}"), theme.grey()),
        ])
    });
    let ended = page.operations.iter().map(|one| {
        let (shape, style) = match one.failed {
            true => ("✕", theme.bad()),
            false => ("●", theme.good()),
        };
        Line::from(vec![
            Span::styled(format!("{} ", one.time), theme.grey()),
            Span::styled(shape, style),
            Span::raw(format!(" {} {}", one.name, one.target)),
            Span::styled(format!("  {}", one.outcome), theme.grey()),
        ])
    });
    let title = match page.in_flight {
        0 => "operations (UTC)".to_owned(),
        some => format!("operations (UTC), {some} under way"),
    };
    draw(frame, area, theme, &title, overdue.chain(ended).collect());
}

fn draw(frame: &mut Frame<'_>, area: Rect, theme: Theme, title: &str, mut lines: Vec<Line<'_>>) {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(theme.grey())
        .title(Span::styled(format!(" {title} "), theme.heading()));
    let room = usize::from(block.inner(area).height);
    if lines.is_empty() {
        lines.push(Line::styled("none", theme.grey()));
    }
    if lines.len() > room && room > 0 {
        let more = lines.len() - room + 1;
        lines.truncate(room - 1);
        lines.push(Line::styled(format!("and {more} more"), theme.grey()));
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
