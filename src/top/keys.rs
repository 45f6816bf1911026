//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::screen::{Overlay, Screen};
use crate::model::Action;

/// Probes passed over by the keys for pages.
const PAGE: isize = 10;
/// Further than any list is long.
const FAR: isize = 1 << 20;

/// What is to be done beyond the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Leave,
    Act { probe: String, action: Action },
}

/// The keys with what they do, for the help.
pub(super) const HELP: [(&str, &str); 9] = [
    ("↑ ↓  k j", "choose a probe (PgUp, PgDn, Home, End)"),
    ("p", "pause it: it runs no more until it is resumed"),
    ("r", "resume it"),
    ("R", "reload it: read its file again and try it"),
    ("e", "release it from backoff or quarantine"),
    ("s", "sort by state, name, p95 or memory"),
    ("S", "the other way round"),
    ("?", "this help"),
    ("q", "leave"),
];

/// Handles one key.
pub(super) fn press(screen: &mut Screen, key: KeyEvent) -> Option<Order> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Order::Leave);
    }
    match std::mem::replace(&mut screen.overlay, Overlay::Nothing) {
        Overlay::Nothing => on_page(screen, key.code),
        // Any key closes it; the one for leaving leaves.
        Overlay::Help => (key.code == KeyCode::Char('q')).then_some(Order::Leave),
        Overlay::Confirm { probe, action } => match key.code {
            KeyCode::Char('y' | 'Y') | KeyCode::Enter => Some(Order::Act { probe, action }),
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => None,
            _ => {
                screen.overlay = Overlay::Confirm { probe, action };
                None
            }
        },
    }
}

fn on_page(screen: &mut Screen, code: KeyCode) -> Option<Order> {
    screen.notice = None;
    match code {
        KeyCode::Char('q') => return Some(Order::Leave),
        KeyCode::Char('?') | KeyCode::F(1) => screen.overlay = Overlay::Help,
        KeyCode::Up | KeyCode::Char('k') => screen.choose(-1),
        KeyCode::Down | KeyCode::Char('j') => screen.choose(1),
        KeyCode::PageUp => screen.choose(-PAGE),
        KeyCode::PageDown => screen.choose(PAGE),
        KeyCode::Home | KeyCode::Char('g') => screen.choose(-FAR),
        KeyCode::End | KeyCode::Char('G') => screen.choose(FAR),
        KeyCode::Char('s') => screen.sort = screen.sort.next(),
        KeyCode::Char('S') => screen.reversed = !screen.reversed,
        KeyCode::Char('p') => confirm(screen, Action::Pause),
        KeyCode::Char('r') => confirm(screen, Action::Resume),
        KeyCode::Char('R') => confirm(screen, Action::Reload),
        KeyCode::Char('e') => confirm(screen, Action::Release),
        _ => {}
    }
    None
}

fn confirm(screen: &mut Screen, action: Action) {
    if let Some(probe) = screen.chosen.clone() {
        screen.overlay = Overlay::Confirm { probe, action };
    }
}
