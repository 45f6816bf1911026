//! `probity config show`: the configuration in effect.

use serde_json::Value as Json;
use toml::Value as Toml;

use super::{Exit, ShowFormat, output};
use crate::config::{Sources, load};
use crate::model::printable;

/// Prints the effective configuration and where it came from.
///
/// # Errors
/// The configuration is at fault, or standard output cannot be written.
pub fn show(sources: &Sources, format: ShowFormat) -> anyhow::Result<Exit> {
    let loaded = load(sources)?;
    let origin = printable(&loaded.origin.to_string(), 4096);
    let text = match format {
        ShowFormat::Toml => format!("# From {origin}.\n\n{}", toml::to_string(&loaded.config)?),
        ShowFormat::Json => {
            output::note(&format!("note: from {origin}"));
            serde_json::to_string_pretty(&json(Toml::try_from(&loaded.config)?))?
        }
    };
    Ok(output::data(&text)?)
}

/// TOML as JSON: dates become text, and numbers that JSON cannot hold become null.
fn json(value: Toml) -> Json {
    match value {
        Toml::String(text) => text.into(),
        Toml::Integer(number) => number.into(),
        Toml::Float(number) => number.into(),
        Toml::Boolean(truth) => truth.into(),
        Toml::Datetime(date) => date.to_string().into(),
        Toml::Array(list) => list.into_iter().map(json).collect(),
        Toml::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, json(value)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_lacks_becomes_text_or_null() {
        let table: toml::Table = "a = nan\nb = 1979-05-27\nc = [1, true]\n"
            .parse()
            .expect("it is TOML");
        let shown = json(Toml::Table(table)).to_string();
        assert_eq!(shown, r#"{"a":null,"b":"1979-05-27","c":[1,true]}"#);
    }
}
