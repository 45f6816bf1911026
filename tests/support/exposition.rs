//! A small strict parser of both text formats: what it does not know, it refuses.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, HashSet};

/// A sample's name and labels.
pub type Key = (String, BTreeMap<String, String>);

/// What was read.
#[derive(Debug, Default)]
pub struct Exposition {
    /// Family name to type.
    pub types: BTreeMap<String, String>,
    /// Family name to help, unescaped.
    pub help: BTreeMap<String, String>,
    /// Family name to unit.
    pub units: BTreeMap<String, String>,
    /// Samples in order.
    pub samples: Vec<(Key, f64)>,
}

impl Exposition {
    /// The value of a sample with just these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: BTreeMap<String, String> = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let wanted = (name.to_owned(), labels);
        let found = self.samples.iter().find(|(key, _)| *key == wanted);
        found.map(|(_, value)| *value)
    }
}

/// Reads an exposition.
///
/// # Errors
/// The rule broken and the line that breaks it.
pub fn parse(text: &str, open_metrics: bool) -> Result<Exposition, String> {
    let body = if open_metrics {
        text.strip_suffix("# EOF\n")
            .ok_or("does not end with # EOF")?
    } else {
        text
    };
    let mut parser = Parser {
        open_metrics,
        read: Exposition::default(),
        family: None,
        seen: HashSet::new(),
    };
    if !body.is_empty() && !body.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    for line in body.lines() {
        parser
            .line(line)
            .map_err(|rule| format!("{rule}: {line}"))?;
    }
    Ok(parser.read)
}

struct Parser {
    open_metrics: bool,
    read: Exposition,
    family: Option<String>,
    seen: HashSet<String>,
}

impl Parser {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        match line.strip_prefix("# ") {
            Some(comment) => self.comment(comment),
            None => self.sample(line),
        }
    }

    fn comment(&mut self, comment: &str) -> Result<(), &'static str> {
        let (word, rest) = comment.split_once(' ').ok_or("a comment without words")?;
        let (name, rest) = rest.split_once(' ').ok_or("a descriptor without text")?;
        if !is_name(name) {
            return Err("not a metric name");
        }
        if self.family.as_deref() != Some(name) {
            if self.read.types.contains_key(name) || self.read.help.contains_key(name) {
                return Err("a family's lines are not together");
            }
            self.family = Some(name.to_owned());
        }
        let known = match word {
            "HELP" => self
                .read
                .help
                .insert(name.into(), unescape(rest, self.open_metrics)?),
            "TYPE" => self.read.types.insert(name.into(), rest.to_owned()),
            "UNIT" if self.open_metrics && name.ends_with(&format!("_{rest}")) => {
                self.read.units.insert(name.into(), rest.to_owned())
            }
            _ => return Err("an unknown descriptor, or a unit that is not the name's suffix"),
        };
        known.map_or(Ok(()), |_| Err("a descriptor given twice"))
    }

    fn sample(&mut self, line: &str) -> Result<(), &'static str> {
        let end = line
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .ok_or("a sample without a value")?;
        let (name, mut rest) = line.split_at(end);
        if !is_name(name) {
            return Err("not a metric name");
        }
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = parse_labels(inside, &mut labels)?;
        }
        let value = parse_value(rest.strip_prefix(' ').ok_or("no blank before the value")?)?;
        self.check_family(name, &labels)?;
        if !self.seen.insert(format!("{name}{labels:?}")) {
            return Err("a sample given twice");
        }
        self.read.samples.push(((name.to_owned(), labels), value));
        Ok(())
    }

    fn check_family(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), &'static str> {
        let family = self
            .family
            .as_deref()
            .ok_or("a sample before any descriptor")?;
        let kind = self.read.types.get(family).ok_or("a family without type")?;
        let suffix = name
            .strip_prefix(family)
            .ok_or("a sample outside its family")?;
        let fits = match (kind.as_str(), self.open_metrics) {
            ("gauge", _) | ("counter", false) => suffix.is_empty(),
            ("counter", true) => ["_total", "_created"].contains(&suffix),
            ("info", true) => suffix == "_info",
            ("stateset", true) => suffix.is_empty() && labels.contains_key(family),
            ("histogram", _) => match suffix {
                // Only OpenMetrics has one spelling for a bound: a whole number has `.0`.
                "_bucket" => labels
                    .get("le")
                    .is_some_and(|le| !self.open_metrics || le.contains(['.', 'e', 'I'])),
                "_sum" | "_count" => true,
                "_created" => self.open_metrics,
                _ => false,
            },
            _ => false,
        };
        fits.then_some(())
            .ok_or("a sample that its family's type does not have")
    }
}

fn parse_labels<'a>(
    mut text: &'a str,
    labels: &mut BTreeMap<String, String>,
) -> Result<&'a str, &'static str> {
    loop {
        let (key, rest) = text.split_once("=\"").ok_or("a label without a value")?;
        if !is_name(key) {
            return Err("not a label name");
        }
        let end = closing_quote(rest).ok_or("a label value without end")?;
        let value = unescape(&rest[..end], true)?;
        if labels.insert(key.to_owned(), value).is_some() {
            return Err("a label given twice");
        }
        let rest = &rest[end + 1..];
        match rest.strip_prefix(',') {
            Some(next) => text = next,
            None => return rest.strip_prefix('}').ok_or("labels without end"),
        }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape(text: &str, quotes: bool) -> Result<String, &'static str> {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('\\') => out.push('\\'),
                Some('n') => out.push('\n'),
                Some('"') if quotes => out.push('"'),
                _ => return Err("an unknown escape"),
            },
            '"' if quotes => return Err("a quote that is not escaped"),
            other => out.push(other),
        }
    }
    Ok(out)
}

fn parse_value(text: &str) -> Result<f64, &'static str> {
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        _ if text.bytes().all(|b| b"0123456789+-.e".contains(&b)) => {
            text.parse().map_err(|_| "not a number")
        }
        _ => Err("not a number, or a timestamp behind it"),
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
