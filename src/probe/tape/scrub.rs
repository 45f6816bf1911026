//! Keeps secrets off a tape: wherever one of them stands in what was recorded, as many other bytes stand there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

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

    /// Replaces secrets in `bytes`, in place; true when there was one.
    pub(super) fn bytes(&self, bytes: &mut [u8]) -> bool {
        let mut found = false;
        for (_, secret) in &self.secrets {
            let mut from = 0;
            while let Some(at) = position(&bytes[from..], secret) {
                bytes[from + at..][..secret.len()].fill(SECRET_FILLER);
                from += at + secret.len();
                found = true;
            }
        }
        found
    }

    /// Replaces secrets in texts, also where they go from one item of a list to the next, and in base 64.
    pub(super) fn scrub(&self, value: &mut Value) {
        if self.secrets.is_empty() {
            return;
        }
        match value {
            Value::String(text) => {
                if let Some(clean) = self.text(text) {
                    *text = clean;
                }
            }
            Value::Array(items) if items.iter().all(Value::is_string) => self.pieces(items),
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub(item)),
            Value::Object(members) => {
                if members.len() == 1
                    && let Some(encoded) = members.get_mut("base64")
                {
                    return self.base64(encoded);
                }
                self.members(members);
            }
            _ => {}
        }
    }

    fn members(&self, members: &mut serde_json::Map<String, Value>) {
        if members.keys().any(|key| self.text(key).is_some()) {
            let named = std::mem::take(members).into_iter();
            *members = named
                .map(|(key, member)| (self.text(&key).unwrap_or(key), member))
                .collect();
        }
        members.values_mut().for_each(|member| self.scrub(member));
    }

    /// The text without secrets, if it had any.
    fn text(&self, text: &str) -> Option<String> {
        let mut bytes = text.as_bytes().to_vec();
        self.bytes(&mut bytes)
            .then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Texts that belong together.
    fn pieces(&self, items: &mut [Value]) {
        let texts = items.iter().filter_map(Value::as_str);
        let lengths: Vec<usize> = texts.clone().map(str::len).collect();
        let mut all = texts.collect::<String>().into_bytes();
        if !self.bytes(&mut all) {
            return;
        }
        let mut rest = &all[..];
        for (item, length) in items.iter_mut().zip(lengths) {
            let (piece, behind) = rest.split_at(length);
            *item = String::from_utf8_lossy(piece).into();
            rest = behind;
        }
    }

    fn base64(&self, encoded: &mut Value) {
        let text = match &*encoded {
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        let Ok(mut bytes) = STANDARD.decode(text) else {
            return;
        };
        if self.bytes(&mut bytes) {
            *encoded = STANDARD.encode(bytes).into();
        }
    }

    /// The name of a secret that stands in `text`.
    pub(super) fn found_in(&self, text: &[u8]) -> Option<&str> {
        let found =
            |(_, secret): &&(String, zeroize::Zeroizing<Vec<u8>>)| position(text, secret).is_some();
        self.secrets
            .iter()
            .find(found)
            .map(|(name, _)| name.as_str())
    }
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scrubber() -> Scrubber {
        let list: [(&str, &[u8]); 2] = [("token", b"hunter2"), ("long", b"hunter2 and more")];
        Scrubber::of(list.into_iter())
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_stands() {
        let mut value = json!({
            "text": "a hunter2 b", "lines": ["hun\n", "hunt", "er2\n"], "key hunter2": 1,
            "blob": { "base64": STANDARD.encode(b"\xffhunter2 and more\xff") },
            "deep": [{ "list": ["x", 1, "hunter2"] }], "url": "/?key=hunter2%20and%20more",
        });
        scrubber().scrub(&mut value);
        let filled = STANDARD.encode(b"\xffxxxxxxxxxxxxxxxx\xff");
        let wanted = json!({
            "text": "a xxxxxxx b", "lines": ["hun\n", "xxxx", "xxx\n"], "key xxxxxxx": 1,
            "blob": { "base64": filled }, "deep": [{ "list": ["x", 1, "xxxxxxx"] }],
            "url": "/?key=xxxxxxxxxxxxxxxxxxxx",
        });
        assert_eq!(value, wanted);
        assert_eq!(scrubber().found_in(value.to_string().as_bytes()), None);
        assert_eq!(scrubber().found_in(b"hunter2"), Some("token"));
    }
}
