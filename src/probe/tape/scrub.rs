//! Keeps secrets off a tape: wherever one of them stands in what was recorded, as many other bytes stand there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::probe::grants::{SECRET_FILLER, Secrets, percent_encoded};

/// A shorter one cannot be told from other data.
pub(super) const SHORTEST: usize = 4;

/// What must not be on a tape.
#[derive(Default)]
pub(super) struct Scrubber {
    /// Name and value, as it is and as a query has it, the longest first: one may be a part of another.
    secrets: Vec<(String, zeroize::Zeroizing<Vec<u8>>)>,
}

impl Scrubber {
    pub(super) fn new(secrets: &Secrets) -> Self {
        let values = secrets
            .values()
            .filter(|(_, value)| value.len() >= SHORTEST);
        Self::of(values)
    }

    fn of<'a>(values: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut secrets: Vec<(String, zeroize::Zeroizing<Vec<u8>>)> = Vec::new();
        for (name, value) in values {
            // The host itself puts a secret into a query like this, and servers send back what they were asked.
            let encoded = percent_encoded(value).into_bytes();
            if encoded != value {
                secrets.push((name.to_owned(), encoded.into()));
            }
            secrets.push((name.to_owned(), value.to_vec().into()));
        }
        secrets.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        Self { secrets }
    }

    /// Replaces secrets in `bytes`, in place; gives the name of one that was there.
    pub(super) fn bytes(&self, bytes: &mut [u8]) -> Option<&str> {
        let mut found = None;
        for (name, secret) in &self.secrets {
            let mut from = 0;
            while let Some(at) = position(&bytes[from..], secret) {
                bytes[from + at..][..secret.len()].fill(SECRET_FILLER);
                from += at + secret.len();
                found = Some(name.as_str());
            }
        }
        found
    }

    /// Replaces secrets in what a document holds of the world and of the probe, also where they go from one item of a list to
    /// the next, and in base 64. Its own words, numbers and times stay: a secret may be `test`. Gives the name of a secret
    /// that was there.
    pub(super) fn scrub(&self, document: &mut Value) -> Option<&str> {
        if self.secrets.is_empty() {
            return None;
        }
        self.below(document, &[])
    }

    fn below(&self, value: &mut Value, place: &[&str]) -> Option<&str> {
        let holds = Holds::at(place);
        match value {
            _ if holds == Holds::Own => None,
            Value::String(text) => self.text(text, holds),
            Value::Array(items) => match holds {
                Holds::Data if items.iter().all(Value::is_string) => self.pieces(items),
                Holds::Data => {
                    let inside = [place, &[""]].concat();
                    let found = items.iter_mut().map(|item| self.below(item, &inside));
                    found.fold(None, Option::or)
                }
                _ => {
                    let texts = items.iter_mut().map(|item| match item {
                        Value::String(text) => self.text(text, holds),
                        _ => None,
                    });
                    texts.fold(None, Option::or)
                }
            },
            Value::Object(members) => {
                if members.len() == 1
                    && let Some(encoded) = members.get_mut("base64")
                {
                    return self.base64(encoded);
                }
                self.members(members, place)
            }
            _ => None,
        }
    }

    fn members(&self, members: &mut Map<String, Value>, place: &[&str]) -> Option<&str> {
        let mut found = None;
        if has_names_of_data(place) {
            let named = std::mem::take(members).into_iter();
            let clean = named.map(|(mut name, member)| {
                found = self.text(&mut name, Holds::Data).or(found);
                (name, member)
            });
            *members = clean.collect();
        }
        let below = members
            .iter_mut()
            .map(|(name, member)| self.below(member, &[place, &[name]].concat()));
        below.fold(found, Option::or)
    }

    fn text(&self, text: &mut String, holds: Holds) -> Option<&str> {
        let part = holds.part(text);
        let mut bytes = text.as_bytes().to_vec();
        let found = self.bytes(&mut bytes[part]);
        if found.is_some() {
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        found
    }

    /// Texts that belong together.
    fn pieces(&self, items: &mut [Value]) -> Option<&str> {
        let texts = items.iter().filter_map(Value::as_str);
        let lengths: Vec<usize> = texts.clone().map(str::len).collect();
        let mut all = texts.collect::<String>().into_bytes();
        let found = self.bytes(&mut all)?;
        let mut rest = &all[..];
        for (item, length) in items.iter_mut().zip(lengths) {
            let (piece, behind) = rest.split_at(length);
            *item = String::from_utf8_lossy(piece).into();
            rest = behind;
        }
        Some(found)
    }

    fn base64(&self, encoded: &mut Value) -> Option<&str> {
        let text = match &*encoded {
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        let mut bytes = STANDARD.decode(text).ok()?;
        let found = self.bytes(&mut bytes)?;
        *encoded = STANDARD.encode(bytes).into();
        Some(found)
    }
}

/// What stands at a place of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Something of the world, the probe or the operator.
    Data,
    /// The document's own words, numbers and times, and names by which its parts find each other, with all that is below.
    Own,
    /// Data behind the first colon; without one the document's own word.
    BehindColon,
    /// Data but for a number behind the last blank.
    BeforeNumber,
}

impl Holds {
    /// By the names on the way to it; an item of a list has none.
    fn at(place: &[&str]) -> Self {
        match place {
            ["host" | "recorded" | "random_seed"]
            | [
                "probe",
                "name" | "digest" | "interval" | "deadline" | "log_level" | "limits",
            ]
            | ["probe", "grant", "env" | "secrets" | "reveal"] => Self::Own,
            ["runs", _, run @ ..] => Self::in_run(run),
            _ => Self::Data,
        }
    }

    fn in_run(place: &[&str]) -> Self {
        match place {
            ["trigger" | "at" | "clocks"]
            | ["did", "outcome" | "code"]
            | ["snapshot", _, "ask" | "number"]
            | ["files", _, "ask" | "stat"]
            | ["files", _, "names", _]
            | ["sql", _, "database"]
            | ["sql", _, "parameters" | "rows", .., "real"]
            | ["http", _, "ends"]
            | ["names", _, "addresses"]
            | ["tcp" | "udp", _, "to"]
            | ["tcp", _, "error"]
            | ["udp", _, "came", _, "from"] => Self::Own,
            ["files" | "http", _, "error"] | ["did", "logs"] => Self::BehindColon,
            ["did", "samples"] => Self::BeforeNumber,
            _ => Self::Data,
        }
    }

    /// Where in a text the data is.
    fn part(self, text: &str) -> std::ops::Range<usize> {
        match self {
            Self::Data => 0..text.len(),
            Self::Own => 0..0,
            Self::BehindColon => text.find(": ").map_or(0..0, |colon| colon + 2..text.len()),
            Self::BeforeNumber => {
                let is_number = |blank: &usize| text[blank + 1..].parse::<f64>().is_ok();
                0..text.rfind(' ').filter(is_number).unwrap_or(text.len())
            }
        }
    }
}

/// Whether the members' names are not the document's own.
fn has_names_of_data(place: &[&str]) -> bool {
    matches!(
        place,
        ["state"] | ["probe", "config", ..] | ["runs", _, "files", _, "names"]
    )
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::TapeDocument;
    use super::*;

    fn scrubber() -> Scrubber {
        let list: [(&str, &[u8]); 2] = [("token", b"hunter2"), ("long", b"hunter2 and more")];
        Scrubber::of(list.into_iter())
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_stands() {
        let mut value = json!({ "probe": { "config": {
            "text": "a hunter2 b", "lines": ["hun\n", "hunt", "er2\n"], "key hunter2": 1,
            "blob": { "base64": STANDARD.encode(b"\xffhunter2 and more\xff") },
            "deep": [{ "list": ["x", 1, "hunter2"] }], "url": "/?key=hunter2%20and%20more",
        } } });
        assert!(scrubber().scrub(&mut value).is_some());
        let filled = STANDARD.encode(b"\xffxxxxxxxxxxxxxxxx\xff");
        let wanted = json!({ "probe": { "config": {
            "text": "a xxxxxxx b", "lines": ["hun\n", "xxxx", "xxx\n"], "key xxxxxxx": 1,
            "blob": { "base64": filled }, "deep": [{ "list": ["x", 1, "xxxxxxx"] }],
            "url": "/?key=xxxxxxxxxxxxxxxxxxxx",
        } } });
        assert_eq!(value, wanted);
        assert_eq!(scrubber().scrub(&mut value), None);
        let mut text = json!({ "state": { "hunter2": "" } });
        assert_eq!(scrubber().scrub(&mut text), Some("token"));
    }

    /// A tape of which words, names and numbers are secrets, too.
    fn tape_of_secrets() -> Value {
        json!({
            "probity_tape": 1, "host": "0.1.0", "recorded": "2026-01-31T12:00:00Z",
            "probe": {
                "name": "postgres", "digest": "blake3:1234", "interval": "5s", "deadline": "4s",
                "grant": { "env": ["postgres"], "read": ["/srv/postgres"] },
                "config": { "file": "/srv/postgres/test" },
            },
            "random_seed": "12345678".repeat(8), "environment": { "postgres": "test 1234" },
            "secrets": { "postgres": { "bytes": 1234 } }, "state": { "test": "1234" },
            "runs": [{
                "trigger": "test", "at": "1234-01-31T12:00:00Z", "ordinal": 1,
                "clocks": { "monotonic": [1234], "seconds_left": ["1234.5"] },
                "files": [
                    { "ask": "stat", "path": "/srv/postgres/test", "stat": { "kind": "file", "size": 1234 } },
                    { "ask": "list", "path": "/srv/postgres", "names": { "test": "file" } },
                    { "ask": "open", "path": "/srv/file", "error": "no-entry" },
                    { "ask": "grant", "path": "/srv/postgres", "error": "grant: grant.read: /srv/postgres: no" },
                ],
                "sql": [{ "database": "postgres", "statement": "test", "rows": [[1234, { "real": "1234.5" }]] }],
                "http": [{ "method": "test", "url": "http://a/test", "status": 200, "body": "1234" }],
                "tcp": [{ "to": "10.0.0.1:1234", "connected": true }],
                "snapshot": [{ "ask": "latest", "of": "a_test", "number": "1234.5" }],
                "did": { "outcome": "ok", "samples": ["a{b=\"test\"} 1234"], "logs": ["test: 1234"] },
            }],
        })
    }

    #[test]
    fn a_secret_that_is_a_word_or_number_of_the_document_breaks_nothing_of_it() {
        let text = tape_of_secrets();
        let list: [(&str, &[u8]); 6] = [
            ("a", b"test"),
            ("b", b"postgres"),
            ("c", b"1234"),
            ("d", b"file"),
            ("e", b"grant"),
            ("f", b"latest"),
        ];
        let document = TapeDocument::parse(&text.to_string()).expect("it is a tape");
        let written = document
            .write(&Scrubber::of(list.into_iter()))
            .expect("nothing of it is broken");
        let written: Value = serde_json::from_str(&written).expect("a tape is JSON");
        let at = |pointer: &str| written.pointer(pointer).expect(pointer);
        for own in [
            "/probe/name",
            "/probe/grant/env",
            "/runs/0/trigger",
            "/runs/0/at",
            "/runs/0/clocks",
            "/runs/0/files/0/stat",
            "/runs/0/files/2/error",
            "/runs/0/sql/0/database",
            "/runs/0/sql/0/rows",
            "/runs/0/tcp",
            "/runs/0/snapshot/0/ask",
            "/runs/0/snapshot/0/number",
        ] {
            assert_eq!(Some(at(own)), text.pointer(own), "{own}");
        }
        for (data, wanted) in [
            ("/probe/config", json!({ "xxxx": "/srv/xxxxxxxx/xxxx" })),
            ("/environment", json!({ "postgres": "xxxx xxxx" })),
            ("/state", json!({ "xxxx": "xxxx" })),
            ("/runs/0/files/0/path", json!("/srv/xxxxxxxx/xxxx")),
            ("/runs/0/files/1/names", json!({ "xxxx": "file" })),
            (
                "/runs/0/files/3/error",
                json!("grant: xxxxx.read: /srv/xxxxxxxx: no"),
            ),
            ("/runs/0/http/0/method", json!("xxxx")),
            ("/runs/0/http/0/body", json!("xxxx")),
            ("/runs/0/did/samples", json!(["a{b=\"xxxx\"} 1234"])),
            ("/runs/0/did/logs", json!(["test: xxxx"])),
        ] {
            assert_eq!(at(data), &wanted, "{data}");
        }
    }

    #[test]
    fn words_of_a_guest_are_data_wherever_they_stand() {
        let whole = |holds: Holds, text: &str| holds.part(text) == (0..text.len());
        let at = |name| Holds::at(&["runs", "", "events", "", name]);
        assert!(whole(at("kind"), "order.hunter2"));
        assert!(whole(
            Holds::at(&["runs", "", "did", "samples"]),
            "a{b=\"c\"} hunter2"
        ));
        let error = Holds::at(&["runs", "", "http", "", "error"]);
        assert_eq!(error.part("InternalError: no hunter2"), 15..25);
    }
}
