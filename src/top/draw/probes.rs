//! The probes as a table.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table, TableState};

use super::style::{self, Theme};
use crate::top::page::ProbeRow;
use crate::top::screen::{Screen, Sort};
use crate::top::words::{self, NOTHING};

/// From this width on there is a column for each of these.
const P95_FROM: u16 = 40;
const MEMORY_FROM: u16 = 52;
const VERSION_FROM: u16 = 90;
const ERROR_FROM: u16 = 70;

/// One column: its heading, whether it is sorted by, its width, and what stands in it.
struct Column {
    heading: &'static str,
    sort: Option<Sort>,
    width: Constraint,
    right: bool,
    /// From this width of the table on it is there.
    from: u16,
    cell: fn(&ProbeRow, Theme) -> Span<'_>,
}

const COLUMNS: [Column; 6] = [
    Column {
        heading: "probe",
        sort: Some(Sort::Name),
        width: Constraint::Fill(2),
        right: false,
        from: 0,
        cell: |probe, _| Span::raw(&*probe.name),
    },
    Column {
        heading: "state",
        sort: Some(Sort::State),
        width: Constraint::Length(13),
        right: false,
        from: 0,
        cell: |probe, theme| Span::styled(style::state(&probe.state), theme.state(&probe.state)),
    },
    Column {
        heading: "version",
        sort: None,
        width: Constraint::Length(10),
        right: false,
        from: VERSION_FROM,
        cell: |probe, _| Span::raw(&*probe.version),
    },
    Column {
        heading: "p95",
        sort: Some(Sort::P95),
        width: Constraint::Length(9),
        right: true,
        from: P95_FROM,
        cell: |probe, _| Span::raw(probe.p95_ms.map_or(NOTHING.into(), words::time)),
    },
    Column {
        heading: "memory",
        sort: Some(Sort::Memory),
        width: Constraint::Length(9),
        right: true,
        from: MEMORY_FROM,
        cell: |probe, _| Span::raw(probe.memory_bytes.map_or(NOTHING.into(), words::size)),
    },
    Column {
        heading: "last error",
        sort: None,
        width: Constraint::Fill(3),
        right: false,
        from: ERROR_FROM,
        // What runs well again had its error some time ago.
        cell: |probe, theme| match &*probe.state {
            "active" => Span::styled(&*probe.error, theme.grey()),
            _ => Span::raw(&*probe.error),
        },
    },
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, screen: &Screen, theme: Theme) {
    let shown = || COLUMNS.iter().filter(|column| area.width >= column.from);
    let align = |column: &Column, line: Line<'static>| match column.right {
        true => line.alignment(Alignment::Right),
        false => line,
    };
    let headings = shown().map(|column| {
        let arrow = match (column.sort == Some(screen.sort), screen.reversed) {
            (false, _) => "",
            (true, false) => " ↓",
            (true, true) => " ↑",
        };
        align(column, Line::from(format!("{}{arrow}", column.heading)))
    });
    let probes = screen.probes();
    if probes.is_empty() && screen.page.is_some() {
        frame.render_widget(Line::styled("no probes", theme.grey()), area);
        return;
    }
    let rows = probes.iter().map(|probe| {
        let cells = shown().map(|column| {
            let cell = Line::from((column.cell)(probe, theme));
            Cell::from(match column.right {
                true => cell.alignment(Alignment::Right),
                false => cell,
            })
        });
        Row::new(cells.collect::<Vec<_>>())
    });
    let header = Row::new(headings.collect::<Vec<_>>()).style(theme.heading());
    let table = Table::new(rows, shown().map(|column| column.width))
        .header(header)
        .column_spacing(2)
        .row_highlight_style(theme.chosen());
    let mut state = TableState::new().with_selected(screen.chosen_at());
    frame.render_stateful_widget(table, area, &mut state);
}
