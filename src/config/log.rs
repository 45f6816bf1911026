//! Configuration of the program's own log.

use serde::{Deserialize, Serialize};

use super::suggest;
use crate::model::Invalid;

/// The levels, from silent to chatty.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// `[log]`: what is logged, and how it is written. The log goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A level, and `target=level` for single modules, separated by commas: `info,probity::http=debug`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, JSON lines otherwise.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Auto,
        }
    }
}

impl LogConfig {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        self.level
            .split(',')
            .filter_map(|directive| check_directive(directive.trim()))
            .collect()
    }
}

/// A bare word that is no level would be taken for a module's name by the filter, and silence all others.
fn check_directive(directive: &str) -> Option<Invalid> {
    let (target, level) = match directive.split_once('=') {
        Some((target, level)) => (Some(target), level),
        None => (None, directive),
    };
    let named = |text: &str| !text.is_empty() && text.bytes().all(is_target_byte);
    let fits = target.is_none_or(named) && LEVELS.contains(&level.to_ascii_lowercase().as_str());
    if fits {
        return None;
    }
    let rule = format!("must be {}, or MODULE=LEVEL", LEVELS.join(", "));
    let invalid = Invalid::new("level", directive, rule);
    Some(match suggest::closest(level, LEVELS) {
        Some(meant) if target.is_none_or(named) => {
            invalid.suggest(format!("did you mean `{meant}`?"))
        }
        _ => invalid.suggest("write for example `info,probity::http=debug`"),
    })
}

fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_taken_and_typing_errors_are_not() {
        for (level, faults) in [
            ("info", 0),
            ("WARN", 0),
            ("info, probity::http=debug,hyper=off", 0),
            ("inof", 1),
            ("", 1),
            ("info,", 1),
            ("probity::http", 1),
            ("=debug", 1),
            ("http=loud,x=y", 2),
        ] {
            let config = LogConfig {
                level: level.into(),
                ..LogConfig::default()
            };
            assert_eq!(config.check().len(), faults, "{level}");
        }
    }

    #[test]
    fn a_mistyped_level_gets_a_suggestion() {
        let invalid = check_directive("inof").expect("it is no level");
        assert_eq!(invalid.suggestion.as_deref(), Some("did you mean `info`?"));
    }
}
