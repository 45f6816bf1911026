//! `[[events.kind]]`: kinds that the operator declares, each with a schema.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kinds::Kind;
use crate::model::{Invalid, printable};

/// The longest name, in bytes: it is a label value, and part of a URL.
const MAX_NAME_BYTES: usize = 64;
/// The longest text about a kind, in bytes.
const MAX_ABOUT_BYTES: usize = 256;
/// The largest schema, in bytes of JSON.
const MAX_SCHEMA_BYTES: u64 = 256 << 10;
/// Versions of kinds that are declared, at most.
pub(super) const MAX_DECLARED: usize = 1000;
/// What a pattern in a schema may take when it is compiled, in bytes.
const MAX_PATTERN: usize = 1 << 20;
/// The longest words of others that are passed on, in bytes.
const MAX_REASON_BYTES: usize = 300;

/// One version of a kind of the operator's.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KindConfig {
    /// Its name, which has a dot in it: `order.placed`.
    pub name: String,
    /// The version of its schema.
    #[serde(default = "first")]
    pub version: u32,
    /// What it tells, in a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The JSON Schema of what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<toml::Table>,
    /// A file that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_file: Option<PathBuf>,
    /// What the file held.
    #[serde(skip)]
    read: Option<Value>,
}

fn first() -> u32 {
    1
}

impl KindConfig {
    /// Reads the schema's file, if it is in one.
    pub(super) fn read_file(&mut self) -> Option<Invalid> {
        let file = self.schema_file.as_deref()?;
        match read(file) {
            Ok(schema) => {
                self.read = Some(schema);
                self.unfit_schema()
            }
            Err(reason) => Some(Invalid::new("schema_file", file.display(), reason)),
        }
    }

    /// Its schema; nothing while the file that it is in has not been read.
    pub(super) fn json_schema(&self) -> Option<Value> {
        let inline = self.schema.as_ref();
        let inline = inline.and_then(|table| serde_json::to_value(table).ok());
        inline.or_else(|| self.read.clone())
    }

    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        if let Some(rule) = wrong_name(&self.name) {
            faults.push(Invalid::new("name", &self.name, rule));
        }
        if self.version == 0 {
            faults.push(Invalid::new("version", 0, "must be 1 or more"));
        }
        let about = &self.about;
        if about.len() > MAX_ABOUT_BYTES || about.chars().any(char::is_control) {
            let rule = format!("must be one line of at most {MAX_ABOUT_BYTES} bytes");
            faults.push(Invalid::new("about", about, rule));
        }
        match (&self.schema, &self.schema_file) {
            (Some(_), Some(file)) => {
                let rule = "must not be there beside schema";
                faults.push(Invalid::new("schema_file", file.display(), rule));
            }
            (None, None) => {
                let rule =
                    "must have a schema, in `schema` or in the file that `schema_file` names";
                faults.push(Invalid::new("name", &self.name, rule));
            }
            _ => faults.extend(self.unfit_schema()),
        }
        faults
    }

    fn unfit_schema(&self) -> Option<Invalid> {
        let rule = compile(&self.json_schema()?).err()?;
        Some(match &self.schema_file {
            Some(file) => Invalid::new("schema_file", file.display(), rule),
            None => Invalid::new("schema", "", rule),
        })
    }
}

/// Versions of kinds that are declared more than once.
pub(super) fn check_all(kinds: &[KindConfig]) -> Vec<Invalid> {
    let mut faults = Vec::new();
    if kinds.len() > MAX_DECLARED {
        let rule = format!("must not be there: {MAX_DECLARED} are the most");
        let name = &kinds[MAX_DECLARED].name;
        faults.push(Invalid::new(
            format!("kind[{MAX_DECLARED}].name"),
            name,
            rule,
        ));
    }
    let mut seen = HashSet::new();
    for (index, kind) in kinds.iter().enumerate() {
        let of_kind = |mut fault: Invalid| {
            fault.key = format!("kind[{index}].{}", fault.key);
            fault
        };
        faults.extend(kind.check().into_iter().map(of_kind));
        if !seen.insert((&kind.name, kind.version)) {
            let rule =
                "must be given once, and another section has this version of that kind already";
            faults.push(Invalid::new(
                format!("kind[{index}].version"),
                kind.version,
                rule,
            ));
        }
    }
    faults
}

/// What is wrong with the name of a kind of the operator's.
fn wrong_name(name: &str) -> Option<String> {
    let is_word = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !word.is_empty() && word.bytes().all(plain)
    };
    if name.len() > MAX_NAME_BYTES || !name.contains('.') || !name.split('.').all(is_word) {
        return Some(format!(
            "must be words of small letters, digits and `_` with dots between them, such as order.placed, of at most {MAX_NAME_BYTES} bytes"
        ));
    }
    let family = |name: &str| name.split('.').next().map(str::to_owned);
    let ours = Kind::ALL
        .iter()
        .any(|kind| family(kind.as_str()) == family(name));
    // A later version of the program may have more of them.
    ours.then(|| {
        let family = family(name).unwrap_or_default();
        format!("must not begin with `{family}.`: those kinds are the program's own")
    })
}

/// Makes a schema ready for use: it refers to nothing outside of itself, and its patterns take time in proportion to a text.
pub(super) fn compile(schema: &Value) -> Result<Validator, String> {
    let patterns = jsonschema::PatternOptions::regex()
        .size_limit(MAX_PATTERN)
        .dfa_size_limit(MAX_PATTERN);
    jsonschema::options()
        .offline()
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| {
            let reason = printable(&error.to_string(), MAX_REASON_BYTES);
            let at = error.instance_path().as_str();
            let at = printable(at, MAX_REASON_BYTES);
            let place = if at.is_empty() { at } else { format!("{at}: ") };
            format!(
                "must be a JSON Schema that refers to nothing outside of itself: {place}{reason}"
            )
        })
}

fn read(file: &Path) -> Result<Value, String> {
    let unreadable = |error: std::io::Error| format!("must be a file that can be read: {error}");
    let mut text = Vec::new();
    // Opening anything else may wait for ever.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err("must be a regular file".to_owned());
    }
    let file = File::open(file).map_err(unreadable)?;
    file.take(MAX_SCHEMA_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_SCHEMA_BYTES {
        return Err(format!("must have at most {MAX_SCHEMA_BYTES} bytes"));
    }
    serde_json::from_slice(&text).map_err(|error| format!("must hold JSON: {error}"))
}
