//! A query and its answer (the protocol's "simple query").

use probity_sdk::Result;
use targets::{Stream, Talk};

use crate::Problem;
use crate::wire::{Body, Message, foreign, message, receive, text};

/// Rows of one answer.
const MOST_ROWS: usize = 1000;

/// An answer's rows; each value as text, nothing for NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// Runs a query; gives its rows, or what the server has against it.
///
/// # Errors
/// When the connection breaks off, or what comes makes no sense.
pub fn ask<S: Stream>(
    talk: &mut Talk<S>,
    query: &str,
) -> Result<std::result::Result<Rows, Problem>> {
    talk.send(&message(b'Q', &text(query)))?;
    let (mut rows, mut problem) = (Vec::new(), None);
    loop {
        let Message { kind, body } = receive(talk)?;
        match kind {
            b'D' if rows.len() < MOST_ROWS => rows.push(row(&body).ok_or_else(foreign)?),
            b'E' => problem = Some(Problem::read(&body)),
            b'Z' => {
                return Ok(match problem {
                    Some(problem) => Err(problem),
                    None => Ok(rows),
                });
            }
            // The columns, the end of a statement, an empty one; a notice, a setting that changed, a notification.
            b'T' | b'C' | b'I' | b'N' | b'S' | b'A' => {}
            _ => return Err(foreign()),
        }
    }
}

/// A row's values. How many it has, it says itself; each says its length.
fn row(body: &[u8]) -> Option<Vec<Option<String>>> {
    let mut body = Body(body);
    let count = i16::from_be_bytes(body.take()?);
    let mut values = Vec::new();
    for _ in 0..usize::try_from(count).ok()? {
        values.push(match body.number()? {
            -1 => None,
            length => Some(
                String::from_utf8_lossy(body.bytes(usize::try_from(length).ok()?)?).into_owned(),
            ),
        });
    }
    body.0.is_empty().then_some(values)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::tests::{problem, said};

    /// A row's message, as a server writes it.
    pub(crate) fn written(values: &[Option<&str>]) -> Vec<u8> {
        let mut body = (values.len() as i16).to_be_bytes().to_vec();
        for value in values {
            match value {
                Some(value) => {
                    body.extend((value.len() as i32).to_be_bytes());
                    body.extend(value.as_bytes());
                }
                None => body.extend((-1_i32).to_be_bytes()),
            }
        }
        message(b'D', &body)
    }

    fn asked(bytes: &[u8]) -> std::result::Result<std::result::Result<Rows, Problem>, String> {
        ask(&mut said(bytes.to_vec(), 5), "SELECT 1")
            .map_err(|failure| failure.message().into_owned())
    }

    #[test]
    fn rows_end_when_the_server_waits_again() {
        let end = [message(b'C', b"SELECT 1\0"), message(b'Z', b"T")].concat();
        let bytes = [
            message(b'T', b"\0\0"),
            written(&[Some("a"), None, Some("")]),
            end.clone(),
        ]
        .concat();
        assert_eq!(
            asked(&bytes),
            Ok(Ok(vec![vec![Some("a".into()), None, Some(String::new())]]))
        );
        let bytes = [problem("42501", "permission denied"), message(b'Z', b"E")].concat();
        assert_eq!(
            asked(&bytes)
                .expect("it is an answer")
                .expect_err("it is refused")
                .code,
            "42501"
        );
        let many = [written(&[]).repeat(MOST_ROWS + 1), end].concat();
        assert_eq!(
            asked(&many),
            Err("it does not speak PostgreSQL's protocol".into())
        );
    }

    #[test]
    fn lies_in_rows_are_refused() {
        for body in [
            &b"\0"[..],
            b"\0\x01",
            b"\0\x01\0\0\0\x05ab",
            b"\0\x01\xff\xff\xff\xfe",
            b"\0\x02\0\0\0\x01a",
            b"\0\x01\0\0\0\x01ab",
            b"\xff\xff",
        ] {
            assert_eq!(row(body), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(values in prop::collection::vec(prop::option::of("\\PC{0,9}"), 0..9)) {
            let borrowed: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
            let bytes = written(&borrowed);
            prop_assert_eq!(row(&bytes[5..]), Some(values));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            row(&bytes);
            let _ = asked(&bytes);
        }
    }
}
