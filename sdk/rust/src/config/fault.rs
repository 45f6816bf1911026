//! What is wrong with a configuration, in words.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::show;

/// What is wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key's path from the probe's own section, such as `watch[0].pattern`; empty for the whole section.
    pub key: String,
    /// What must stand there, and what does.
    pub problem: String,
}

impl Fault {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self {
            key: String::new(),
            problem: problem.into(),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "the configuration {}", self.problem),
            key => write!(f, "`{key}` {}", self.problem),
        }
    }
}

impl std::error::Error for Fault {}

/// A fault on its way through serde: a pointer, for what is read is returned beside it at every step.
#[derive(Debug)]
pub(super) struct Wrong(Box<Fault>);

impl Wrong {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(Box::new(Fault::new(problem)))
    }

    fn at(key: &str, problem: impl Into<String>) -> Self {
        Self::new(problem).below_key(key)
    }

    pub(super) fn into_fault(self) -> Fault {
        *self.0
    }

    /// The same fault, seen from the table around it.
    #[inline(never)]
    pub(super) fn below_key(mut self, key: &str) -> Self {
        let joint = match self.0.key.as_bytes() {
            [] | [b'[', ..] => "",
            _ => ".",
        };
        self.0.key = format!("{key}{joint}{}", self.0.key);
        self
    }

    /// The same fault, seen from the list around it.
    #[inline(never)]
    pub(super) fn below_index(self, index: usize) -> Self {
        self.below_key(&format!("[{index}]"))
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    #[inline(never)]
    fn custom<T: Display>(problem: T) -> Self {
        Self::new(problem.to_string())
    }

    #[inline(never)]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!(
            "must be {}, not {}",
            in_words(expected),
            seen(&found)
        ))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("must be {}, not of {length}", in_words(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("must be {}, not \"{variant}\"", choice(expected)))
    }

    #[inline(never)]
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::at(
            field,
            format!("is not known here: use {}", choice(expected)),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::at(field, "must be there")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::at(field, "stands there twice")
    }
}

/// `` `a`, `b` or `c` ``.
fn choice(words: &[&str]) -> String {
    let mut text = String::new();
    for (place, word) in words.iter().enumerate() {
        text.push_str(match place {
            0 => "`",
            _ if place + 1 == words.len() => " or `",
            _ => ", `",
        });
        text.push_str(word);
        text.push('`');
    }
    text
}

/// serde's words for Rust's types in an operator's.
fn in_words(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    let whole = |least: &str, most: &str| format!("a whole number from {least} to {most}");
    match expected.as_str() {
        "f64" | "f32" => "a number".into(),
        "u8" => whole("0", "255"),
        "u16" => whole("0", "65535"),
        "u32" => whole("0", "4294967295"),
        "u64" | "usize" => "a whole number, 0 or more".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "a string" | "string" => "text".into(),
        "a boolean" => "true or false".into(),
        "a sequence" => "a list".into(),
        "a map" => "a table".into(),
        _ => other(&expected),
    }
}

fn other(expected: &str) -> String {
    if expected.starts_with("struct ") {
        return "a table".into();
    }
    if let Some(rest) = expected.strip_prefix("a tuple of size ") {
        return format!("a list of {rest}");
    }
    expected.to_owned()
}

fn seen(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(flag) => flag.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => show::number(*number),
        Unexpected::Str(text) => format!("\"{text}\""),
        Unexpected::Unit | Unexpected::Option => "null".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a table".into(),
        _ => "something else".into(),
    }
}
