//! What is taken of one endpoint's answer.

use probity_sdk::show;

use crate::export::{Families, Kind, Role, stem};
use crate::exposition::{Line, Sample, Type, line};
use crate::left_out::{LeftOut, Reason};
use crate::metrics::OWN;
use crate::names::{Labels, Names};
use crate::rules::Rules;

/// The host's limits for words, as they are where nothing else is configured.
const NAME: usize = 128;
const LABELS: usize = 20;
const VALUE: usize = 1024;
/// How much of a help text is taken, in characters.
const HELP: usize = 200;
/// Older values are not given out as if they were of now, in seconds. Prometheus, too, forgets a value after five minutes.
const OLD: f64 = 300.0;

/// How much may be taken.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Series.
    pub series: usize,
    /// Bytes of text that they make where metrics are served as text.
    pub text: usize,
}

/// What is known of an answer beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    /// Whether it says that it is OpenMetrics, which counts timestamps in seconds and has an end.
    pub is_openmetrics: bool,
    /// The time, Unix seconds.
    pub now: f64,
}

/// A series and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What it is given out as.
    pub kind: Kind,
    /// Its name there.
    pub name: String,
    /// Its labels there.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// When its total began, Unix seconds.
    pub created: Option<f64>,
    /// What its metric is for; for the first series of each name.
    pub help: Option<String>,
}

/// What is taken of an answer.
#[derive(Debug, Default, PartialEq)]
pub struct Harvest {
    /// The series, in their order.
    pub kept: Vec<Kept>,
    /// How many samples there were.
    pub read: usize,
    /// How many the rules dropped.
    pub dropped: usize,
    /// What else was not taken.
    pub left_out: LeftOut,
}

/// Takes what the rules keep.
///
/// # Errors
/// When the body is none in this format, in words.
pub fn harvest(
    body: &[u8],
    rules: &Rules,
    bounds: Bounds,
    around: Around,
) -> Result<Harvest, String> {
    let mut reading = Reading {
        rules,
        bounds,
        around,
        families: Families::default(),
        given: Names::default(),
        seen: Names::default(),
        totals: Names::default(),
        created: Vec::new(),
        began: Vec::new(),
        text: 0,
        harvest: Harvest::default(),
    };
    let mut has_ended = false;
    let mut broken: Option<&[u8]> = None;
    for bytes in body.split(|byte| *byte == b'\n') {
        let read = core::str::from_utf8(bytes).ok().and_then(line);
        match read {
            Some(Line::Type(name, kind)) => reading.families.learn_type(name, kind),
            Some(Line::Help(name, words)) => reading.families.learn_help(name, words),
            Some(Line::Sample(sample)) => reading.take(&sample),
            Some(Line::End) => {
                has_ended = true;
                break;
            }
            Some(Line::Nothing) => {}
            None => {
                broken.get_or_insert(bytes);
                let example = || String::from_utf8_lossy(bytes).into_owned();
                reading.harvest.left_out.add(Reason::Syntax, example);
            }
        }
    }
    if let Some(bytes) = broken.filter(|_| reading.harvest.read == 0) {
        return Err(told(bytes));
    }
    if around.is_openmetrics && !has_ended {
        return Err("it is OpenMetrics without `# EOF`: it is not whole".to_owned());
    }
    Ok(reading.finish())
}

/// That it is something else.
fn told(bytes: &[u8]) -> String {
    let line = String::from_utf8_lossy(bytes);
    let line: String = line.trim().chars().take(60).collect();
    format!("it is not Prometheus' text format: a line is `{line}`")
}

/// What is known half-way through a body.
struct Reading<'a> {
    rules: &'a Rules,
    bounds: Bounds,
    around: Around,
    families: Families<'a>,
    /// The names given out.
    given: Names,
    /// The series taken, each by its name and labels there.
    seen: Names,
    /// When totals began, by [`began`].
    totals: Names,
    created: Vec<f64>,
    /// For each series taken what it is called there; nothing when it is no total.
    began: Vec<Option<String>>,
    text: usize,
    harvest: Harvest,
}

impl<'a> Reading<'a> {
    fn take(&mut self, sample: &Sample<'a>) {
        self.harvest.read += 1;
        let (family, _, _) = self.families.family(sample.name);
        if !self.rules.keep(sample, family) {
            self.harvest.dropped += 1;
            return;
        }
        if let Err(reason) = self.try_take(sample) {
            self.harvest.left_out.add(reason, || shown(sample));
        }
    }

    fn try_take(&mut self, sample: &Sample<'a>) -> Result<(), Reason> {
        if self.age(sample) > OLD {
            return Err(Reason::Old);
        }
        let (kind, name) =
            match self
                .families
                .role(sample.name, sample.value, self.rules.buckets)?
            {
                Role::Series(kind, name) => (kind, name),
                Role::Created => {
                    if self.totals.learn(&began(sample)).1 {
                        self.created.push(sample.value);
                    }
                    return Ok(());
                }
            };
        if self.harvest.kept.len() >= self.bounds.series {
            return Err(Reason::Series);
        }
        let is_total = sample.value.is_finite() && sample.value >= 0.0;
        if kind == Kind::Counter && !is_total {
            return Err(Reason::Value);
        }
        let mut kept = Kept {
            kind,
            name: self.name(&name)?,
            labels: self.labels(sample)?,
            value: sample.value,
            created: None,
            help: None,
        };
        self.find_room(&kept)?;
        kept.help = self.given.learn(&kept.name).1.then(|| self.help(sample));
        let is_counter = kind == Kind::Counter;
        self.began.push(is_counter.then(|| began(sample)));
        self.harvest.kept.push(kept);
        Ok(())
    }

    /// How old a sample says that it is, in seconds.
    fn age(&self, sample: &Sample<'_>) -> f64 {
        let unit = if self.around.is_openmetrics {
            1.0
        } else {
            1000.0
        };
        let age = |timestamp: f64| self.around.now - timestamp / unit;
        sample.timestamp.map_or(0.0, age)
    }

    fn name(&self, name: &str) -> Result<String, Reason> {
        // The colons of recording rules are none that the host takes.
        let name = self.rules.rename(name).replace(':', "_");
        let is_own = name.starts_with("probity_") || OWN.contains(&name.as_str());
        let fits = name.len() <= NAME && !is_own;
        let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
        (fits && begins).then_some(name).ok_or(Reason::Name)
    }

    fn labels(&self, sample: &Sample<'_>) -> Result<Labels, Reason> {
        let mut labels = Labels::default();
        for (key, value) in &sample.labels {
            // An empty label is as good as none.
            if value.is_empty() || self.rules.drops_label(key) {
                continue;
            }
            let key = self.rules.label(key);
            let fits = key.len() <= NAME && value.len() <= VALUE;
            if !fits || !labels.add(key, value.to_string()) {
                return Err(Reason::Labels);
            }
        }
        // One more tells the targets apart.
        let fits = labels.iter().len() < LABELS;
        fits.then_some(labels).ok_or(Reason::Labels)
    }

    fn find_room(&mut self, kept: &Kept) -> Result<(), Reason> {
        let text = text(kept);
        if self.text + text > self.bounds.text {
            return Err(Reason::Text);
        }
        let (_, is_new) = self.seen.learn(&kept.labels.identity(&kept.name));
        if !is_new {
            return Err(Reason::Duplicate);
        }
        self.text += text;
        Ok(())
    }

    fn help(&self, sample: &Sample<'_>) -> String {
        let (family, kind, ending) = self.families.family(sample.name);
        let help: String = self.families.help(family).chars().take(HELP).collect();
        match (kind, ending) {
            (Type::Histogram | Type::Summary, "_sum") => format!("{help} (sum of observations)"),
            (Type::Histogram | Type::Summary, "_count") => {
                format!("{help} (count of observations)")
            }
            _ => help,
        }
    }

    fn finish(mut self) -> Harvest {
        if !self.created.is_empty() {
            for (kept, began) in self.harvest.kept.iter_mut().zip(&self.began) {
                let total = began.as_ref().and_then(|began| self.totals.find(began));
                let created = total.and_then(|total| self.created.get(total)).copied();
                kept.created = created.filter(|time| time.is_finite() && *time >= 0.0);
            }
        }
        self.harvest
    }
}

/// What the samples of one total have in common with the one that says when it began.
fn began(sample: &Sample<'_>) -> String {
    let mut labels = Labels::default();
    for (key, value) in &sample.labels {
        if !matches!(*key, "le" | "quantile") {
            labels.add((*key).to_owned(), value.to_string());
        }
    }
    labels.identity(stem(sample.name))
}

/// The most bytes that a series makes where metrics are served as text.
fn text(kept: &Kept) -> usize {
    /// What stands in each line beside name and labels: the probe's label, the target's, a value.
    const LINE: usize = 280;
    let label = |(key, value): (&str, &str)| {
        let escaped = value.bytes().filter(|byte| b"\"\\\n".contains(byte));
        key.len() + value.len() + escaped.count() + 4
    };
    let line = LINE + kept.name.len() + kept.labels.iter().map(label).sum::<usize>();
    match kept.kind {
        Kind::Counter => 2 * line,
        Kind::Gauge | Kind::Info => line,
    }
}

fn shown(sample: &Sample<'_>) -> String {
    let labels = sample.labels.iter().map(|(key, value)| (*key, &**value));
    written(sample.name, labels, sample.value)
}

impl Kept {
    /// As it stands where metrics are served as text, for people.
    pub fn shown(&self) -> String {
        written(&self.name, self.labels.iter(), self.value)
    }
}

fn written<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>, value: f64) -> String {
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}=\"{value}\""))
        .collect();
    let labels = labels.join(",");
    let value = show::number(value);
    match labels.is_empty() {
        true => format!("{name} {value}"),
        false => format!("{name}{{{labels}}} {value}"),
    }
}

#[cfg(test)]
mod tests;
