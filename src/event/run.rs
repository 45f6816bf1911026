//! A run as a tree: its steps under their parents, what each has made, how long everything took.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Kind;
use super::fields::{Field, Fields};
use crate::model::{Event, EventOutcome, KeptEvent};

/// How deep steps stand in each other at most; what is told to be deeper stands at that depth.
const DEEPEST: usize = 64;
/// Microseconds in a millisecond.
const MILLI: f64 = 1_000.0;

/// The tree of a run, out of its events in order of time; `cut` says that there are more than these. `now` is for how long it has been
/// running, in microseconds since the Unix epoch. What events say stays the text that it is, so the tree takes little beside them.
///
/// Steps whose parent was never told, and those that are each other's parents, stand at the top, so nothing that was told is missing.
pub fn run_tree<'a>(
    run: &'a str,
    events: &'a [KeptEvent],
    cut: bool,
    now: i64,
) -> impl Serialize + 'a {
    let mut told = Told::default();
    for event in events {
        told.take(event);
    }
    let mut tree = told.head(run, now);
    let counts = told.counts();
    let (steps, artifacts) = told.into_steps();
    tree.insert("counts", counts);
    tree.insert("steps", Field::List(steps));
    tree.insert("artifacts", Field::List(artifacts));
    tree.insert("events", Value::from(events.len()));
    tree.insert("cut", Value::from(cut));
    tree
}

/// How a run stands: in a word, when it ended, and how long it took or has been running.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    /// `running`, or how it ended.
    pub status: &'static str,
    /// In microseconds since the Unix epoch.
    pub finished: Option<i64>,
    /// As its end says, else from `from` on; in milliseconds, and never below 0 though clocks differ.
    pub duration_ms: f64,
}

impl RunState {
    /// Of a run that began at `from`, in microseconds since the Unix epoch, and has that end or is still running at `now`.
    pub fn new(from: i64, end: Option<&Event>, now: i64) -> Self {
        let outcome = end.and_then(|event| event.outcome);
        let finished = end.map(|event| event.time);
        let elapsed = finished.unwrap_or(now).saturating_sub(from);
        let told =
            end.and_then(|event| serde_json::from_str::<Ended>(&event.data).ok()?.duration_ms);
        Self {
            status: outcome.map_or("running", EventOutcome::as_str),
            finished,
            duration_ms: told.unwrap_or(elapsed as f64 / MILLI).max(0.0),
        }
    }
}

/// What a run's end says of its duration.
#[derive(Deserialize)]
struct Ended {
    duration_ms: Option<f64>,
}

/// What a run's events say.
#[derive(Default)]
struct Told<'a> {
    /// Its last beginning.
    started: Option<&'a KeptEvent>,
    ends: Vec<&'a KeptEvent>,
    /// The lowest place among those ends that were told to be later than that beginning.
    ended: Option<i64>,
    steps: Vec<Step<'a>>,
    /// Each with the step that made it.
    artifacts: Vec<(Option<Cow<'a, str>>, Fields<'a>)>,
    /// How many there are of each kind.
    kinds: Vec<(&'a str, u64)>,
    first: Option<&'a KeptEvent>,
    last: Option<&'a KeptEvent>,
}

/// A step before it has its place.
struct Step<'a> {
    id: Cow<'a, str>,
    parent: Option<Cow<'a, str>>,
    /// From its beginning to its end, in microseconds since the Unix epoch.
    span: (i64, i64),
    /// How long it took, if that was told.
    measured: Option<f64>,
    fields: Fields<'a>,
}

impl<'a> Told<'a> {
    fn take(&mut self, kept: &'a KeptEvent) {
        self.first.get_or_insert(kept);
        self.last = Some(kept);
        let event = &kept.event;
        match self
            .kinds
            .iter_mut()
            .find(|(kind, _)| *kind == &*event.kind)
        {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((&event.kind, 1)),
        }
        // What the tree does not show is counted only: a declared kind may have any number of members.
        match Kind::of(&event.kind) {
            Some(Kind::RunStarted) => self.begin(kept),
            Some(Kind::RunFinished) => {
                self.ends.push(kept);
                let lowest = self.ended.unwrap_or(i64::MAX);
                self.ended = Some(lowest.min(kept.sequence));
            }
            Some(Kind::StepThought | Kind::StepToolCall | Kind::StepMessage | Kind::StepError) => {
                let step = said(event).map(|data| Step::new(kept, data));
                self.steps.extend(step);
            }
            Some(Kind::ArtifactCreated) => self.artifacts.extend(said(event).map(|data| {
                let mut fields = Fields::default();
                fields.insert("time", time(event.time));
                let step = data.text("step");
                fields.extend(data);
                (step, fields)
            })),
            _ => {}
        }
    }

    /// Takes a beginning. One that was told after an end, and is later by its time, begins the run anew; an end that is earlier than its
    /// beginning, by another clock, was told after it.
    fn begin(&mut self, kept: &'a KeptEvent) {
        let is_anew = self.ended.is_some_and(|ended| ended < kept.sequence);
        if self.started.is_none() || is_anew {
            self.started = Some(kept);
            let later = self.ends.iter().map(|end| end.sequence);
            self.ended = later.filter(|place| *place > kept.sequence).min();
        }
    }

    /// The last end after its last beginning; where there is none, the last that was told later than that.
    fn end(&self) -> Option<&'a KeptEvent> {
        let place = |kept: &KeptEvent| (kept.event.time, kept.sequence);
        let Some(started) = self.started else {
            return self.ends.last().copied();
        };
        let last = |belongs: &dyn Fn(&KeptEvent) -> bool| {
            let mut ends = self.ends.iter().rev().copied();
            ends.find(|end| belongs(end))
        };
        last(&|end| place(end) > place(started))
            .or_else(|| last(&|end| end.sequence > started.sequence))
    }

    /// What is said of the run as a whole.
    fn head(&self, run: &'a str, now: i64) -> Fields<'a> {
        let (start, end) = (self.started, self.end().map(|kept| &kept.event));
        let started = start.map(|kept| kept.event.time);
        let from = started.or(self.first.map(|kept| kept.event.time));
        let state = RunState::new(from.unwrap_or(now), end, now);
        let mut head = Fields::default();
        head.insert("run", Value::from(run));
        head.insert("status", Value::from(state.status));
        head.insert("started", started.map_or(Value::Null, time));
        head.insert("finished", state.finished.map_or(Value::Null, time));
        head.insert("duration_ms", Value::from(state.duration_ms));
        if let Some(event) = self.first.map(|kept| &kept.event) {
            head.insert("source", Value::from(event.source.as_deref()));
            head.insert("correlation", Value::from(event.correlation.as_deref()));
            head.insert("traceparent", Value::from(event.trace.as_deref()));
        }
        let told = [start.map(|kept| &kept.event), end];
        for mut data in told.into_iter().flatten().filter_map(said) {
            // They are there already.
            data.remove("outcome");
            data.remove("duration_ms");
            head.extend(data);
        }
        head
    }

    fn counts(&self) -> Value {
        let of = |kind: &(&str, u64)| (kind.0.to_owned(), Value::from(kind.1));
        let mut counts: Map<String, Value> = self.kinds.iter().map(of).collect();
        counts.sort_keys();
        Value::Object(counts)
    }

    /// The steps with what stands in them, and the artifacts that no step has made.
    fn into_steps(self) -> (Vec<Fields<'a>>, Vec<Fields<'a>>) {
        let place = |(place, step): (usize, &Step<'a>)| (step.id.clone(), place);
        // Of two with one id the first is meant by others.
        let places: HashMap<Cow<'a, str>, usize> =
            self.steps.iter().enumerate().rev().map(place).collect();
        let parents = parents(&self.steps, &places);
        let mut loose = Vec::new();
        let mut steps = self.steps;
        for (step, artifact) in self.artifacts {
            match step.and_then(|step| places.get(&step)) {
                Some(place) => steps[*place].fields.push("artifacts", artifact),
                None => loose.push(artifact),
            }
        }
        (nest(steps, &parents), loose)
    }
}

impl<'a> Step<'a> {
    fn new(kept: &'a KeptEvent, mut data: Fields<'a>) -> Self {
        let event = &kept.event;
        let measured = data.remove("duration_ms").and_then(|field| field.number());
        let id = data.text("step").unwrap_or_default();
        let mut fields = Fields::default();
        fields.insert("step", Value::from(&*id));
        let kind = event.kind.strip_prefix("step.").unwrap_or(&event.kind);
        fields.insert("kind", Value::from(kind));
        fields.insert("time", time(event.time));
        fields.insert("duration_ms", Value::Null);
        let parent = data.text("parent");
        data.remove("step");
        fields.extend(data);
        Self {
            id,
            parent,
            // As much of it as there can be.
            span: (
                event
                    .time
                    .saturating_sub((measured.unwrap_or(0.0) * MILLI) as i64),
                event.time,
            ),
            measured,
            fields,
        }
    }

    /// With its children in it, in order.
    fn end(mut self, children: Vec<Self>) -> Self {
        for child in &children {
            self.span = (self.span.0.min(child.span.0), self.span.1.max(child.span.1));
        }
        let (from, until) = self.span;
        let spanned = || until.saturating_sub(from) as f64 / MILLI;
        let took = self.measured.or((!children.is_empty()).then(spanned));
        self.fields.insert("duration_ms", Value::from(took));
        if !children.is_empty() {
            let steps = children.into_iter().map(|child| child.fields);
            self.fields.insert("steps", Field::List(steps.collect()));
        }
        self
    }
}

/// What an event says. The store has only what was checked; an object is what every kind says.
fn said(event: &Event) -> Option<Fields<'_>> {
    serde_json::from_str(&event.data).ok()
}

/// For each step the place of its parent, where it has one that leads to the top without turning in a circle.
fn parents(steps: &[Step<'_>], places: &HashMap<Cow<'_, str>, usize>) -> Vec<Option<usize>> {
    let told = |(place, step): (usize, &Step<'_>)| {
        let parent = places.get(step.parent.as_ref()?);
        parent.copied().filter(|parent| *parent != place)
    };
    let mut parents: Vec<Option<usize>> = steps.iter().enumerate().map(told).collect();
    let mut depths: Vec<Option<usize>> = vec![None; steps.len()];
    for place in 0..steps.len() {
        let mut path = vec![place];
        while let Some(parent) = path.last().and_then(|last| parents[*last]) {
            if depths[parent].is_some() {
                break;
            }
            if path.contains(&parent) {
                // The circle is opened where it was entered.
                parents[parent] = None;
                break;
            }
            path.push(parent);
        }
        for place in path.into_iter().rev() {
            if depths[place].is_some() {
                continue;
            }
            let mut depth = parents[place].map_or(0, |parent| depths[parent].unwrap_or(0) + 1);
            if depth >= DEEPEST {
                // Beside what would have it in itself.
                parents[place] = parents[place].and_then(|parent| parents[parent]);
                depth = DEEPEST - 1;
            }
            depths[place] = Some(depth);
        }
    }
    parents
}

/// Puts each step into its parent.
fn nest<'a>(steps: Vec<Step<'a>>, parents: &[Option<usize>]) -> Vec<Fields<'a>> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    let mut waiting: Vec<usize> = vec![0; steps.len()];
    for (place, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            children[*parent].push(place);
            waiting[*parent] += 1;
        }
    }
    let mut steps: Vec<Option<Step<'a>>> = steps.into_iter().map(Some).collect();
    let mut ready: Vec<usize> = (0..steps.len())
        .filter(|place| waiting[*place] == 0)
        .collect();
    while let Some(place) = ready.pop() {
        let own = std::mem::take(&mut children[place]);
        let own = own
            .into_iter()
            .filter_map(|child| steps[child].take())
            .collect();
        steps[place] = steps[place].take().map(|step| step.end(own));
        if let Some(parent) = parents[place] {
            waiting[parent] -= 1;
            if waiting[parent] == 0 {
                ready.push(parent);
            }
        }
    }
    let top = steps.into_iter().flatten();
    top.map(|step| step.fields).collect()
}

/// RFC 3339 in UTC, to the microsecond.
pub fn time(microseconds: i64) -> Value {
    match jiff::Timestamp::from_microsecond(microseconds) {
        Ok(time) => format!("{time:.6}").into(),
        Err(_) => Value::Null,
    }
}

/// The wall clock, in microseconds since the Unix epoch.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
