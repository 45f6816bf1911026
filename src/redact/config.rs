//! `[redaction]`: what counts as a secret beside what is built in.

use serde::{Deserialize, Serialize};

use super::keys::normal;
use super::patterns;
use crate::model::Invalid;

/// Names and patterns at most; each makes every text slower to look at.
pub(super) const MAX_ENTRIES: usize = 100;
/// The longest name, in bytes, and the shortest when only letters and digits count.
const MAX_KEY_BYTES: usize = 64;
const MIN_KEY_BYTES: usize = 2;
/// The longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 512;

/// Words that are in many texts and are no secrets; what matches one of them would take out nearly everything.
const HARMLESS: [&str; 4] = ["success", "run.started", "agent", "7"];

/// What is taken out beside what is built in.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Names under which secrets stand, as whole words: case, `_`, `-` and `.` make no difference.
    pub keys: Vec<String>,
    /// What secrets look like, as regular expressions.
    pub patterns: Vec<String>,
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        for (key, count) in [("keys", self.keys.len()), ("patterns", self.patterns.len())] {
            if count > MAX_ENTRIES {
                let rule = format!("must not have more than {MAX_ENTRIES} entries");
                faults.push(Invalid::new(key, count, rule));
            }
        }
        for (index, key) in self.keys.iter().enumerate() {
            if key.len() > MAX_KEY_BYTES || normal(key).text().len() < MIN_KEY_BYTES {
                let rule = format!(
                    "must have {MIN_KEY_BYTES} letters and digits at least, and {MAX_KEY_BYTES} bytes at most"
                );
                faults.push(Invalid::new(format!("keys[{index}]"), key, rule));
            }
        }
        for (index, pattern) in self.patterns.iter().enumerate() {
            if let Some(rule) = wrong_pattern(pattern) {
                faults.push(Invalid::new(format!("patterns[{index}]"), pattern, rule));
            }
        }
        faults
    }
}

fn wrong_pattern(pattern: &str) -> Option<String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Some(format!("must have at most {MAX_PATTERN_BYTES} bytes"));
    }
    match patterns::compile(pattern) {
        Ok(regex) if regex.is_match("") => {
            Some("must not match an empty text: it would match everywhere".to_owned())
        }
        Ok(regex) => {
            let word = HARMLESS.iter().find(|word| regex.is_match(word))?;
            Some(format!(
                "must match secrets alone: it matches `{word}`, too"
            ))
        }
        Err(regex::Error::CompiledTooBig(_)) => {
            Some("must be smaller: it repeats too much".to_owned())
        }
        Err(error) => {
            let words = error.to_string();
            let last = words.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            Some(format!("must be a regular expression: {reason}"))
        }
    }
}
