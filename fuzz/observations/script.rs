//! What guests do, one step after the other, as the fuzzer chooses it.

use arbitrary::Arbitrary;
use probity::model::{Metric, MetricError, MetricKind, Status};

use crate::words::{Number, Word, texts, values};

/// Everything that happens in one execution.
#[derive(Debug, Arbitrary)]
pub struct Script {
    /// Whether the start is over before the first step.
    pub started: bool,
    /// Which probe does what; only the number's rest counts.
    pub steps: Vec<(u8, Step)>,
}

/// One thing that a probe or the host around it does.
#[derive(Debug, Arbitrary)]
pub enum Step {
    /// A metric is defined.
    Define(Definition),
    /// A value is given to the series of a metric with these labels.
    Write(Target, Given),
    /// A series is bound to a number.
    Bind(Target),
    /// A value is given by such a number.
    SetBound(u8, Number),
    /// A value is given by a number that nobody handed out.
    SetStray(u32, Number),
    /// A series is taken away.
    Retire(Target),
    /// A check is reported.
    Check(Report),
    /// `start` ends well: what it wrote waits.
    Started,
    /// A run ends well.
    Commit(u16),
    /// A run says that it failed, or that there is nothing to observe.
    Fail(bool, Word),
    /// A run traps, and the instance is gone.
    Crash(Word),
    /// Another version runs under the probe's name, at another interval.
    Replace(Word, u16),
    /// The probe is gone.
    Remove,
    /// A run does not end.
    Late(Word),
    /// Time passes, in milliseconds.
    Wait(u16),
    /// A second begins for the merge.
    Beat,
    /// Somebody reads everything.
    Look,
}

/// A series by its metric's place among the definitions.
#[derive(Debug, Arbitrary)]
pub struct Target {
    pub metric: u8,
    pub labels: Vec<Word>,
    /// Whether there are as many labels as there should be.
    pub fits: bool,
}

/// A metric's definition, legal or not.
#[derive(Debug, Arbitrary)]
pub struct Definition {
    kind: Kind,
    name: Word,
    unit: u8,
    help: Word,
    keys: Vec<Word>,
    bounds: Vec<Number>,
    states: Vec<Word>,
    /// Whether the words are made legal.
    tidy: bool,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Kind {
    Gauge,
    Counter,
    Histogram,
    StateSet,
    Info,
}

/// A value for one series.
#[derive(Debug, Arbitrary)]
pub enum Given {
    /// What fits the metric, made of these.
    Fitting(Vec<Number>),
    Set(Number),
    Add(Number),
    Mirror(Number),
    MirrorSince(Number, Number),
    Observe(Vec<Number>),
    Activate(u8),
    ActivateWord(Word),
}

/// What is said of a check.
#[derive(Debug, Arbitrary)]
pub struct Report {
    pub id: u8,
    pub title: Word,
    status: u8,
    pub message: Word,
    details: Option<Details>,
}

/// The text of details.
#[derive(Debug, Arbitrary)]
enum Details {
    /// An object with a word as key and value.
    Pair(Word, Word),
    /// So many arrays and strings of JSON in each other.
    Deep(u8, u8),
    /// An object with a number.
    Number(Number),
    Raw(String),
}

impl Definition {
    /// The metric, or the rule that it breaks.
    pub fn metric(&self) -> Result<Metric, MetricError> {
        let unit = ["", "bytes", "seconds", "ms", "é\n"][usize::from(self.unit) % 5];
        let (unit, help) = if self.tidy {
            (
                ["", "bytes", "seconds"][usize::from(self.unit) % 3],
                self.help.text(),
            )
        } else {
            (unit, self.help.text())
        };
        let name = self.name(unit);
        let words = |words: &[Word]| {
            if self.tidy {
                unlike(words.iter().take(4).map(Word::name).collect())
            } else {
                texts(words)
            }
        };
        let (keys, states) = (words(&self.keys), texts(&self.states));
        let states = if self.tidy { unlike(states) } else { states };
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let states: Vec<&str> = states.iter().map(String::as_str).collect();
        match self.kind {
            Kind::Gauge => Metric::new(MetricKind::Gauge, &name, unit, &help, &keys),
            Kind::Counter => Metric::new(MetricKind::Counter, &name, unit, &help, &keys),
            Kind::Info => Metric::new(MetricKind::Info, &name, "", &help, &keys),
            Kind::Histogram => Metric::histogram(&name, unit, &help, &keys, &self.bounds()),
            Kind::StateSet => Metric::state_set(&name, &help, &keys, &states),
        }
    }

    fn name(&self, unit: &str) -> String {
        if !self.tidy {
            return self.name.text();
        }
        let unit = if unit.is_empty() {
            String::new()
        } else {
            format!("_{unit}")
        };
        let ending = match self.kind {
            Kind::Gauge | Kind::Histogram => unit,
            Kind::Counter => unit + "_total",
            Kind::Info => "_info".to_owned(),
            Kind::StateSet => String::new(),
        };
        self.name.name() + &ending
    }

    fn bounds(&self) -> Vec<f64> {
        let mut bounds = values(&self.bounds);
        if self.tidy {
            bounds.retain(|bound| bound.is_finite());
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            bounds.truncate(8);
            if bounds.is_empty() {
                bounds.push(1.0);
            }
        }
        bounds
    }
}

/// The different ones that are not empty; a lonely one if there are none.
fn unlike(mut words: Vec<String>) -> Vec<String> {
    words.retain(|word| !word.is_empty());
    words.sort_unstable();
    words.dedup();
    words.truncate(6);
    words
}

impl Report {
    pub fn status(&self) -> Status {
        [Status::Pass, Status::Warn, Status::Fail][usize::from(self.status) % 3]
    }

    /// The details as a guest gives them.
    pub fn details(&self) -> Option<String> {
        Some(match self.details.as_ref()? {
            Details::Pair(key, value) => {
                let (key, value) = (quoted(&key.text()), quoted(&value.text()));
                format!("{{{key}: {value}}}")
            }
            Details::Deep(arrays, strings) => deep(usize::from(*arrays), strings % 6),
            Details::Number(number) => format!("{{\"a\": {:e}}}", number.value()),
            Details::Raw(text) => text.clone(),
        })
    }
}

/// Arrays in each other, and around them `strings` times JSON as a string where a certain parser takes it for JSON.
fn deep(arrays: usize, strings: u8) -> String {
    let nest = |inner: &str| format!("{}{inner}{}", "[".repeat(arrays), "]".repeat(arrays));
    let mut text = nest("1");
    for _ in 0..strings {
        text = nest(&format!(
            "{{\"$serde_json::private::RawValue\":{}}}",
            quoted(&text)
        ));
    }
    format!("{{\"a\":{text}}}")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
