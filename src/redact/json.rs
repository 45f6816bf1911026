//! The text of JSON, walked through from string to string: no tree is made of it, and what is no secret stays as it was written.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::keys::Secrecy;
use super::{REDACTED, Redactor};

/// What the two members of a pair are called that say a name and its value, as headers are told in lists.
const NAMES: [&str; 3] = ["name", "key", "header"];
const VALUE: &str = "value";
/// How far one of them may be from the other, in members.
const MAX_SIBLINGS: usize = 8;

/// Whether a text is that of an object or a list.
pub(super) fn is_json(text: &str) -> bool {
    let begins = text.trim_start().as_bytes().first();
    matches!(begins, Some(b'{' | b'[')) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The text of JSON without its secrets.
pub(super) fn walk<'a>(text: &'a str, redactor: &Redactor, depth: usize) -> Cow<'a, str> {
    let mut walk = Walk {
        text,
        redactor,
        depth,
        out: String::new(),
        copied: 0,
        marked: Vec::new(),
    };
    let mut at = 0;
    while let Some(quote) = find_quote(text, at) {
        at = walk.string(quote);
    }
    walk.end()
}

struct Walk<'a, 'r> {
    /// The text of valid JSON.
    text: &'a str,
    redactor: &'r Redactor,
    depth: usize,
    out: String,
    /// What is before this is in `out`, if it shall be.
    copied: usize,
    /// Where values begin that are secrets by what stands before them: by the name in a pair of name and value, or by an option. The
    /// next one is the last.
    marked: Vec<usize>,
}

impl<'a> Walk<'a, '_> {
    /// Looks at the string that begins at `quote`. Gives where to go on.
    fn string(&mut self, quote: usize) -> usize {
        let end = string_end(self.text, quote);
        let written = &self.text[quote..end];
        let text = decoded(written);
        let Some(value) = value_of(self.text, end) else {
            return self.element(quote, end, text.as_deref());
        };
        // One that cannot be read may be any.
        let keys = &self.redactor.0.keys;
        let secrecy = text
            .as_deref()
            .map_or(Secrecy::Everything, |key| keys.secrecy(key));
        self.words(quote, end, text.as_deref());
        let value_end = value_end(self.text, value);
        let is_marked = self.is_marked(value);
        let is_named = || {
            let key = text.as_deref().unwrap_or_default();
            is_marked || key.eq_ignore_ascii_case(VALUE) && self.is_secrets_pair(value_end)
        };
        let secrecy = match secrecy {
            Secrecy::Everything => secrecy,
            _ if is_named() => Secrecy::Everything,
            _ => secrecy,
        };
        if is_hidden(secrecy, &self.text[value..value_end]) {
            return self.hide(value, value_end);
        }
        let key = text.as_deref().unwrap_or_default();
        if is_one_of(key, &NAMES) && self.is_secrets_name(value, value_end) {
            let pair = sibling(self.text, value_end, &[VALUE]);
            self.marked.extend(pair.map(|(value, _)| value));
        }
        value
    }

    /// Looks at a string that is no name. Behind an option that is named as a secret is, the next string of the list is one.
    fn element(&mut self, quote: usize, end: usize, text: Option<&str>) -> usize {
        if self.is_marked(quote) && is_hidden(Secrecy::Texts, &self.text[quote..end]) {
            return self.hide(quote, end);
        }
        self.words(quote, end, text);
        let option = text.and_then(|text| text.strip_prefix('-'));
        if option.is_some_and(|option| self.is_secret(option)) {
            let comma = skip_space(self.text, end);
            let next = skip_space(self.text, (comma + 1).min(self.text.len()));
            let follows = self.text[comma..].starts_with(',');
            if follows && !self.text[next..].starts_with("\"--") {
                self.marked.push(next);
            }
        }
        end
    }

    /// Whether what begins here is marked. Nothing before it is looked at any more.
    fn is_marked(&mut self, at: usize) -> bool {
        while self.marked.last().is_some_and(|marked| *marked < at) {
            self.marked.pop();
        }
        self.marked.last() == Some(&at)
    }

    fn hide(&mut self, from: usize, to: usize) -> usize {
        self.replace(from, to, REDACTED);
        self.redactor.0.redactions.increment();
        to
    }

    fn is_secret(&self, name: &str) -> bool {
        self.redactor.0.keys.secrecy(name) != Secrecy::None
    }

    /// Whether a value is a text that is the name of a secret.
    fn is_secrets_name(&self, value: usize, end: usize) -> bool {
        let written = &self.text[value..end];
        written.starts_with('"') && decoded(written).is_some_and(|name| self.is_secret(&name))
    }

    /// Whether behind a value that ends at `end` its name is told, and is that of a secret.
    fn is_secrets_pair(&self, end: usize) -> bool {
        let name = sibling(self.text, end, &NAMES);
        name.is_some_and(|(value, end)| self.is_secrets_name(value, end))
    }

    /// Takes out of a string what looks like a secret.
    fn words(&mut self, quote: usize, end: usize, text: Option<&str>) {
        let Some(text) = text else {
            // It has half of a surrogate pair in it, which no text has.
            self.redactor.0.redactions.increment();
            return self.replace(quote, end, REDACTED);
        };
        if let Cow::Owned(changed) = self.redactor.nested_text(text, self.depth) {
            self.replace(quote, end, &changed);
        }
    }

    fn replace(&mut self, from: usize, to: usize, text: &str) {
        self.out.push_str(&self.text[self.copied..from]);
        let written = serde_json::to_string(text).expect("every text can be written as JSON");
        self.out.push_str(&written);
        self.copied = to;
    }

    fn end(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(&self.text[self.copied..]);
        Cow::Owned(self.out)
    }
}

/// The value of the first of the next few members of an object that has one of these names, behind the value that ends at `end`: where
/// it begins and ends.
fn sibling(text: &str, mut end: usize, names: &[&str]) -> Option<(usize, usize)> {
    for _ in 0..MAX_SIBLINGS {
        let comma = skip_space(text, end);
        if text.as_bytes().get(comma) != Some(&b',') {
            return None;
        }
        let quote = skip_space(text, comma + 1);
        if text.as_bytes().get(quote) != Some(&b'"') {
            return None;
        }
        let name_end = string_end(text, quote);
        let value = value_of(text, name_end)?;
        end = value_end(text, value);
        if decoded(&text[quote..name_end]).is_some_and(|name| is_one_of(&name, names)) {
            return Some((value, end));
        }
    }
    None
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// Whether there is a text among the values of a list or an object.
fn has_texts(value: &str) -> bool {
    let mut at = 0;
    while let Some(quote) = find_quote(value, at) {
        at = string_end(value, quote);
        if value_of(value, at).is_none() {
            return true;
        }
    }
    false
}

/// Whether a value is hidden under a name of this secrecy. What is true, false or null tells nothing, nor does an empty text; what
/// was hidden already is not counted again.
fn is_hidden(secrecy: Secrecy, value: &str) -> bool {
    let tells = !matches!(
        value,
        "" | "true" | "false" | "null" | "\"\"" | "\"[redacted]\""
    );
    match secrecy {
        Secrecy::None => false,
        Secrecy::Texts => tells && has_texts(value),
        Secrecy::Everything => tells,
    }
}

fn find_quote(text: &str, from: usize) -> Option<usize> {
    text[from..].find('"').map(|place| from + place)
}

/// Behind the string that begins at `quote`.
fn string_end(text: &str, quote: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = quote + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Where the value begins, if the string that ends at `end` is a name.
fn value_of(text: &str, end: usize) -> Option<usize> {
    let colon = skip_space(text, end);
    (text.as_bytes().get(colon) == Some(&b':')).then(|| skip_space(text, colon + 1))
}

fn skip_space(text: &str, from: usize) -> usize {
    let space = text.as_bytes()[from..].iter();
    from + space.take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Behind the value that begins at `from`.
fn value_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (from, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            // A number.
            _ if depth == 0 => {
                let ends =
                    |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
                return bytes[at..]
                    .iter()
                    .position(ends)
                    .map_or(text.len(), |more| at + more);
            }
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// What a string that is written in JSON says; nothing if it is no text.
fn decoded(written: &str) -> Option<Cow<'_, str>> {
    if written.contains('\\') {
        return serde_json::from_str(written).ok().map(Cow::Owned);
    }
    let inner = written.get(1..written.len() - 1)?;
    Some(Cow::Borrowed(inner))
}
