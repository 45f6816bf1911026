//! nginx's `stub_status` (its module ngx_http_stub_status_module).

use crate::Page;
use crate::page::count;

const STATES: [(&str, &str); 3] = [
    ("Reading:", "reading"),
    ("Writing:", "writing"),
    ("Waiting:", "waiting"),
];

/// Reads the page.
///
/// # Errors
/// What it lacks.
pub fn read(page: &str) -> Result<Page, String> {
    read_lines(page).ok_or_else(|| "not what nginx's `stub_status` looks like".to_owned())
}

fn read_lines(page: &str) -> Option<Page> {
    let mut lines = page.lines().filter(|line| !line.trim().is_empty());
    let active = lines.next()?.trim().strip_prefix("Active connections:")?;
    let mut connections = vec![("active", count(active)?)];
    // What the three numbers below are; other servers that imitate nginx add columns behind.
    let heading = lines.next()?.trim();
    if !heading.starts_with("server accepts handled requests") {
        return None;
    }
    let mut totals = lines.next()?.split_ascii_whitespace().map(count);
    let mut total = || totals.next().flatten();
    let (accepted, handled, requests) = (total()?, total()?, total()?);
    let mut words = lines.next()?.split_ascii_whitespace();
    for (word, state) in STATES {
        if words.next()? != word {
            return None;
        }
        connections.push((state, count(words.next()?)?));
    }
    Some(Page {
        connections,
        accepted: Some(accepted),
        handled: Some(handled),
        requests: Some(requests),
        server: Some("nginx".to_owned()),
        ..Page::default()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_page_is_read() {
        let status = read(include_str!("../fixtures/nginx")).unwrap();
        let expected = [
            ("active", 291.0),
            ("reading", 6.0),
            ("writing", 179.0),
            ("waiting", 106.0),
        ];
        assert_eq!(status.connections, expected);
        assert_eq!(
            (status.accepted, status.handled),
            (Some(16_630_948.0), Some(16_630_946.0))
        );
        assert_eq!(
            (status.requests, status.dropped()),
            (Some(31_070_465.0), Some(2.0))
        );
    }

    #[test]
    fn half_a_page_is_none() {
        let whole = include_str!("../fixtures/nginx").trim_end();
        for end in [0, 10, 25, 60, 90, whole.len() - 4] {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in prop::array::uniform7(0u32..)) {
            let [active, accepted, handled, requests, reading, writing, waiting] = numbers;
            let page = format!(
                "Active connections: {active} \nserver accepts handled requests\n {accepted} {handled} {requests} \n\
                 Reading: {reading} Writing: {writing} Waiting: {waiting} \n"
            );
            let status = read(&page).unwrap();
            prop_assert_eq!(status.connections("active"), Some(f64::from(active)));
            prop_assert_eq!(status.connections("waiting"), Some(f64::from(waiting)));
            prop_assert_eq!(status.requests, Some(f64::from(requests)));
        }
    }
}
