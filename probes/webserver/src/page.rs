//! What a status page says, whosever it is.

use crate::{Kind, apache, nginx};

/// What a page says. What the server does not tell is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Connections in each state: `active` has them all.
    pub connections: Vec<(&'static str, f64)>,
    /// Connections accepted since the start.
    pub accepted: Option<f64>,
    /// Of these, connections that were not dropped for want of room.
    pub handled: Option<f64>,
    /// Requests since the start.
    pub requests: Option<f64>,
    /// Bytes sent since the start.
    pub sent_bytes: Option<f64>,
    /// Since the start.
    pub uptime_seconds: Option<f64>,
    /// Workers in each state.
    pub workers: Vec<(&'static str, f64)>,
    /// Workers that do something.
    pub busy: Option<f64>,
    /// Workers that wait for something to do.
    pub idle: Option<f64>,
    /// Which server it is, where it says so.
    pub server: Option<String>,
}

impl Page {
    /// Reads a page. `kind`: whose it is, if that is known.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(page: &str, kind: Option<Kind>) -> Result<(Kind, Self), String> {
        let kind = kind.or_else(|| recognise(page));
        match kind {
            Some(Kind::Nginx) => nginx::read(page).map(|status| (Kind::Nginx, status)),
            Some(Kind::Apache) => apache::read(page).map(|status| (Kind::Apache, status)),
            None => Err(unknown(page)),
        }
    }

    /// Connections in one state.
    pub fn connections(&self, state: &str) -> Option<f64> {
        let found = self.connections.iter().find(|(one, _)| *one == state);
        found.map(|(_, count)| *count)
    }

    /// How much of what there is, is in use. `capacity`: how many connections or workers there can be, where that is known; Apache starts more
    /// workers as long as it can, so that those it has tell how near it is to the end.
    pub fn busy_ratio(&self, capacity: Option<f64>) -> Option<f64> {
        let used = self.busy.or_else(|| self.connections("active"))?;
        let all = capacity.or_else(|| Some(self.busy? + self.idle?))?;
        (all > 0.0).then(|| used / all)
    }

    /// Connections that were dropped since the start.
    pub fn dropped(&self) -> Option<f64> {
        Some((self.accepted? - self.handled?).max(0.0))
    }
}

fn recognise(page: &str) -> Option<Kind> {
    if page.trim_start().starts_with("Active connections:") {
        return Some(Kind::Nginx);
    }
    let has = |key: &str| page.lines().any(|line| line.starts_with(key));
    (has("Scoreboard:") || has("BusyWorkers:")).then_some(Kind::Apache)
}

fn unknown(page: &str) -> String {
    let page = page.trim_start();
    if page.starts_with('<') {
        return "a page for people: of Apache take `/server-status?auto`, of nginx a location with `stub_status`".to_owned();
    }
    let first: String = page
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect();
    format!("neither nginx's nor Apache's status; it begins with `{first}`")
}

/// A number that stands alone, without a sign.
pub(crate) fn count(text: &str) -> Option<f64> {
    let text = text.trim();
    let fits = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = text.bytes().map(|byte| f64::from(byte - b'0'));
    fits.then(|| digits.fold(0.0, |number, digit| number * 10.0 + digit))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_status_page_is_told() {
        for (page, told) in [
            ("", "neither nginx's nor Apache's status; it begins with ``"),
            (
                "hello\nthere",
                "neither nginx's nor Apache's status; it begins with `hello`",
            ),
            (
                "<!DOCTYPE html>",
                "a page for people: of Apache take `/server-status?auto`, of nginx a location with `stub_status`",
            ),
        ] {
            assert_eq!(Page::read(page, None).unwrap_err(), told);
        }
    }

    #[test]
    fn whose_a_page_is_is_recognised() {
        let nginx = include_str!("../fixtures/nginx");
        let apache = include_str!("../fixtures/apache");
        assert_eq!(Page::read(nginx, None).unwrap().0, Kind::Nginx);
        assert_eq!(Page::read(apache, None).unwrap().0, Kind::Apache);
        assert!(Page::read(nginx, Some(Kind::Apache)).is_err());
        assert!(Page::read(apache, Some(Kind::Nginx)).is_err());
    }

    #[test]
    fn what_is_in_use_is_a_share_of_what_there_is() {
        let nginx = Page::read(include_str!("../fixtures/nginx"), None)
            .unwrap()
            .1;
        assert_eq!(nginx.busy_ratio(None), None);
        assert_eq!(nginx.busy_ratio(Some(2910.0)), Some(0.1));
        let apache = Page::read(include_str!("../fixtures/apache"), None)
            .unwrap()
            .1;
        assert_eq!(apache.busy_ratio(None), Some(0.06));
        assert_eq!(apache.busy_ratio(Some(150.0)), Some(0.02));
        assert_eq!(Page::default().busy_ratio(None), None);
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic(page in "\\PC{0,300}", from in 0usize..300, byte in any::<char>()) {
            let _ = Page::read(&page, None);
            for (fixture, kind) in [
                (include_str!("../fixtures/nginx"), Kind::Nginx),
                (include_str!("../fixtures/apache"), Kind::Apache),
            ] {
                let _ = Page::read(&page, Some(kind));
                let mut spoilt: Vec<char> = fixture.chars().collect();
                let place = from % spoilt.len();
                spoilt[place] = byte;
                let _ = Page::read(&String::from_iter(spoilt), Some(kind));
            }
        }
    }
}
