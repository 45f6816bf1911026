//! `probity:host/config`: the probe's own section of the operator's configuration.

use serde_json::Value;

use super::Guest;
use crate::probe::v0_1_0::probity::host::config::Host;

impl Host for Guest {
    /// Text as it is, anything else as JSON. A dotted key goes down into tables.
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(find(&self.settings.config, &key).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }))
    }

    fn json(&mut self) -> wasmtime::Result<String> {
        Ok(self.settings.config.to_string())
    }
}

/// The whole key first, so that a key with a dot in it can be had; then part by part.
fn find<'a>(table: &'a Value, key: &str) -> Option<&'a Value> {
    if let Some(value) = table.get(key) {
        return Some(value);
    }
    key.split('.')
        .try_fold(table, |value, part| value.get(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_whole_and_by_parts() {
        let config = serde_json::json!({ "a": { "b": 1 }, "c.d": "x" });
        for (key, wanted) in [("a.b", "1"), ("c.d", "\"x\""), ("a", "{\"b\":1}")] {
            assert_eq!(
                find(&config, key).map(Value::to_string).as_deref(),
                Some(wanted)
            );
        }
        for key in ["", "a.c", "a.b.c", "d"] {
            assert_eq!(find(&config, key), None, "{key}");
        }
    }
}
