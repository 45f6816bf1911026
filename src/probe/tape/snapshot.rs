//! Questions about the last snapshot, with their answers.

use serde::{Deserialize, Serialize};

use super::blob::Real;
use super::{Role, Tape};

/// One question and its answer. Nothing is an answer too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotAnswer {
    ask: Ask,
    /// The metric's name or the JSON Pointer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    of: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    /// Of `latest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<Real>,
    /// Of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// The functions of `probity:host/snapshot` whose answers are the world's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ask {
    Latest,
    Json,
    Hostname,
}

impl SnapshotAnswer {
    fn to(ask: Ask, of: &str, labels: &[String]) -> Self {
        Self {
            ask,
            of: of.to_owned(),
            labels: labels.to_vec(),
            number: None,
            text: None,
        }
    }

    fn bytes(&self) -> usize {
        let labels: usize = self.labels.iter().map(String::len).sum();
        self.of.len() + labels + self.text.as_ref().map_or(16, String::len)
    }
}

impl Tape {
    /// The newest number of a series.
    pub(in crate::probe) fn latest(
        &self,
        metric: &str,
        labels: &[String],
        live: impl FnOnce() -> Option<f64>,
    ) -> Option<f64> {
        let question = || SnapshotAnswer::to(Ask::Latest, metric, labels);
        let live = |question| SnapshotAnswer {
            number: live().map(Real),
            ..question
        };
        self.ask(question, live).number.map(|number| number.0)
    }

    /// A part of the document.
    pub(in crate::probe) fn json(
        &self,
        pointer: &str,
        live: impl FnOnce() -> Option<String>,
    ) -> Option<String> {
        let question = || SnapshotAnswer::to(Ask::Json, pointer, &[]);
        let live = |question| SnapshotAnswer {
            text: live(),
            ..question
        };
        self.ask(question, live).text
    }

    /// The machine's name.
    pub(in crate::probe) fn hostname(&self, live: impl FnOnce() -> Option<String>) -> String {
        let question = || SnapshotAnswer::to(Ask::Hostname, "", &[]);
        let live = |question| SnapshotAnswer {
            text: live(),
            ..question
        };
        self.ask(question, live).text.unwrap_or_default()
    }

    fn ask(
        &self,
        question: impl Fn() -> SnapshotAnswer,
        live: impl FnOnce(SnapshotAnswer) -> SnapshotAnswer,
    ) -> SnapshotAnswer {
        let Some(deck) = self.deck() else {
            return live(question());
        };
        if deck.role != Role::Replaying {
            let answer = live(question());
            deck.record(answer.bytes(), &answer.of, |run| {
                run.snapshot.push(answer.clone())
            });
            return answer;
        }
        let asked = question();
        let is_it = |one: &SnapshotAnswer| {
            (one.ask, &one.of, &one.labels) == (asked.ask, &asked.of, &asked.labels)
        };
        let found = deck.with_run(|run| run.snapshot.next_or_last(is_it).cloned());
        found.flatten().unwrap_or_else(|| {
            deck.miss(&format!(
                "the snapshot's {:?} {} {:?}",
                asked.ask, asked.of, asked.labels
            ));
            asked
        })
    }
}
