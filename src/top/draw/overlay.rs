//! What lies over the page: the help, and whether something is really wanted.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::style::Theme;
use crate::model::Action;
use crate::top::keys::HELP;

/// Columns of the help and of a question.
const WIDTH: u16 = 62;

pub(super) fn help(frame: &mut Frame<'_>, theme: Theme) {
    let lines = HELP.map(|(key, does)| {
        Line::from(vec![
            Span::styled(format!("{key:>9}  "), theme.heading()),
            Span::raw(does),
        ])
    });
    over(frame, theme, " help ", lines.into());
}

pub(super) fn confirm(frame: &mut Frame<'_>, theme: Theme, probe: &str, action: Action) {
    let effect = match action {
        Action::Reload => "Its file is read again and tried beside what runs.",
        Action::Pause => "It runs no more until it is resumed.",
        Action::Resume => "It runs again on schedule.",
        Action::Release => "It runs now, and its crashes are counted anew.",
    };
    let lines = vec![
        Line::from(format!("{action} {probe}?")),
        Line::styled(effect, theme.grey()),
        Line::from("y yes   n no"),
    ];
    over(frame, theme, " really? ", lines);
}

fn over(frame: &mut Frame<'_>, theme: Theme, title: &'static str, lines: Vec<Line<'_>>) {
    let whole = frame.area();
    let height = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(2);
    let area = centred(whole, WIDTH, height);
    // Without room for a border, the words count for more.
    let block = match area.height >= height {
        true => Block::bordered().title(Span::styled(title, theme.heading())),
        false => Block::new(),
    };
    frame.render_widget(Clear, area);
    let words = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(words.block(block), area);
}

fn centred(whole: Rect, width: u16, height: u16) -> Rect {
    let [area] = Layout::vertical([Constraint::Length(height)])
        .flex(Flex::Center)
        .areas(whole);
    let [area] = Layout::horizontal([Constraint::Length(width)])
        .flex(Flex::Center)
        .areas(area);
    area
}
