//! Server-Sent Events as text (WHATWG HTML, section 9.2).

use axum::body::Bytes;

/// How soon a client should come back, in milliseconds.
const RETRY_MS: u32 = 2000;

/// A comment, which every client passes over.
pub(in crate::http) const KEEP_ALIVE: Bytes = Bytes::from_static(b": still here\n\n");

/// One event. Data of several lines is sent as such; `event` and `id` are words of the program's own.
pub(in crate::http) fn event(event: &str, id: Option<&str>, data: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(data.len() + 96);
    text.extend_from_slice(b"event: ");
    text.extend_from_slice(event.as_bytes());
    if let Some(id) = id {
        text.extend_from_slice(b"\nid: ");
        text.extend_from_slice(id.as_bytes());
    }
    for line in lines(data) {
        text.extend_from_slice(b"\ndata: ");
        text.extend_from_slice(line);
    }
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// The first words of a stream: when to come back, and the id to come back with. It is no event of its own.
pub(in crate::http) fn greeting(id: &str) -> Bytes {
    format!("retry: {RETRY_MS}\nid: {id}\n\n").into()
}

/// The last event of a stream that the server ends.
pub(in crate::http) fn farewell(reason: &str) -> Bytes {
    let data = serde_json::json!({ "reason": reason }).to_string();
    event("end", None, data.as_bytes())
}

/// Lines end with a carriage return, a line feed, or both.
fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let whole = rest?;
        let Some(end) = whole.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            rest = None;
            return Some(whole);
        };
        let both = whole[end..].starts_with(b"\r\n");
        rest = Some(&whole[end + 1 + usize::from(both)..]);
        Some(&whole[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_begin_a_field_of_its_own() {
        for (data, wanted) in [
            ("{}", "event: x\nid: a-1\ndata: {}\n\n"),
            ("", "event: x\nid: a-1\ndata: \n\n"),
            ("a\nid: b", "event: x\nid: a-1\ndata: a\ndata: id: b\n\n"),
            (
                "a\r\nb\rc\n",
                "event: x\nid: a-1\ndata: a\ndata: b\ndata: c\ndata: \n\n",
            ),
            ("a\n\nb", "event: x\nid: a-1\ndata: a\ndata: \ndata: b\n\n"),
        ] {
            assert_eq!(event("x", Some("a-1"), data.as_bytes()), wanted, "{data:?}");
        }
        assert_eq!(greeting("a-1"), "retry: 2000\nid: a-1\n\n");
        let end = "event: end\ndata: {\"reason\":\"it \\\"stops\\\"\"}\n\n";
        assert_eq!(farewell("it \"stops\""), end);
    }
}
