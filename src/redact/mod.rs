//! Secrets, found by the names they stand under and by what they look like, and taken out of texts.
//!
//! Owns what counts as a secret and how it is taken out. It keeps nothing, and knows no event, no log and no request: whoever
//! stores, logs or sends something asks it first.

mod config;
mod json;
mod keys;
mod patterns;
#[cfg(test)]
mod place_tests;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::{Invalid, TallyCounter};

pub use config::Config;

use keys::Keys;
use patterns::Patterns;

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// JSON within texts of JSON within texts: so deep names are looked at; deeper, looks alone count.
const MAX_NESTING: usize = 8;

/// Takes secrets out of texts; cloning shares it.
#[derive(Debug, Clone)]
pub struct Redactor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    keys: Keys,
    patterns: Patterns,
    /// Secrets taken out.
    redactions: TallyCounter,
}

impl Default for Redactor {
    fn default() -> Self {
        let built_in = Self::new(&Config::default(), TallyCounter::default());
        built_in.expect("nothing of the operator's is in it")
    }
}

impl Redactor {
    /// One that takes out what is built in and what `config` has beside it, and counts in `redactions` what it took out.
    ///
    /// # Errors
    /// The first key or pattern that is not acceptable, as [`Config::check`] tells it.
    pub fn new(config: &Config, redactions: TallyCounter) -> Result<Self, Invalid> {
        if let Some(fault) = config.check().into_iter().next() {
            return Err(fault);
        }
        Ok(Self(Arc::new(Shared {
            keys: Keys::new(&config.keys),
            patterns: Patterns::new(&config.keys, &config.patterns),
            redactions,
        })))
    }

    /// A text without its secrets. One that is JSON stays JSON.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.nested_text(text, 0)
    }

    /// The text of JSON without its secrets: what stands under a secret's name is replaced, whatever it is but true, false and
    /// null, and what looks like a secret anywhere. It is JSON afterwards.
    pub fn json<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.0.patterns.suspects(text) {
            return Cow::Borrowed(text);
        }
        self.nested_json(text, 0)
    }

    /// Lines of a log without their secrets. Bytes that are no UTF-8 are replaced where a line has to be changed.
    pub fn lines<'a>(&self, lines: &'a [u8]) -> Cow<'a, [u8]> {
        let text = String::from_utf8_lossy(lines);
        if !self.0.patterns.suspects(&text) {
            return Cow::Borrowed(lines);
        }
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            out.push_str(&self.text(line));
        }
        Cow::Owned(out.into_bytes())
    }

    fn nested_text<'a>(&self, text: &'a str, depth: usize) -> Cow<'a, str> {
        let Shared { patterns, .. } = &*self.0;
        if !patterns.suspects(text) {
            return Cow::Borrowed(text);
        }
        if depth < MAX_NESTING && json::is_json(text) {
            return self.nested_json(text, depth + 1);
        }
        patterns.replace(text, &self.0.redactions)
    }

    fn nested_json<'a>(&self, text: &'a str, depth: usize) -> Cow<'a, str> {
        json::walk(text, self, depth)
    }
}
