//! Documents of the newest snapshot that somebody listens to: each encoded once for all of them, and only the newest kept.
//!
//! A new kind of document is a row in [`KINDS`]: its topic, and a function from the snapshot to bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwapOption;
use axum::body::Bytes;

use super::{StreamTally, busy, frame};
use crate::http::bodies::{Body, Document, Edition, Rendered};
use crate::http::problem::Problem;
use crate::http::routes::{Fields, render_fields};

/// Different documents at most, each encoded anew with every change.
const MAX_VIEWS: usize = 32;

/// What the status page listens to.
const USUAL: &str = "/snapshot?fields=sequence";

/// One kind of document.
#[derive(Debug)]
pub(in crate::http) struct Kind {
    /// What it is called in `?topics=`, and the name of its events.
    pub(super) topic: &'static str,
    /// The address at which the same document can be asked for: encoded for one, it is there for the other.
    pub(super) address: &'static str,
    /// Whether `?parts=` chooses from it.
    pub(super) has_parts: bool,
    /// Makes the document, or the parts of it that are wanted.
    pub(super) render: fn(&Edition, &Fields) -> Result<Rendered, Problem>,
}

/// All kinds. The status page's live part takes its row here.
pub(in crate::http) static KINDS: [Kind; 1] = [Kind {
    topic: "snapshot",
    address: "/snapshot",
    has_parts: true,
    render: render_fields,
}];

/// One document that somebody listens to.
#[derive(Debug)]
pub(super) struct View {
    kind: &'static Kind,
    parts: Fields,
    /// Its address with the parts.
    name: String,
    newest: ArcSwapOption<Newest>,
}

/// A view's newest frame.
#[derive(Debug)]
pub(super) struct Newest {
    /// Counts the frames of the view from 1.
    pub(super) number: u64,
    /// The event; nothing when the document can no longer be made.
    pub(super) frame: Option<Bytes>,
    /// What the document's bytes come to.
    tag: Option<axum::http::HeaderValue>,
}

impl View {
    fn new(kind: &'static Kind, parts: Fields) -> Self {
        let name = match parts.is_everything() {
            true => kind.address.to_owned(),
            false => format!("{}?fields={parts}", kind.address),
        };
        Self {
            kind,
            parts,
            name,
            newest: ArcSwapOption::empty(),
        }
    }

    /// The newest frame, unless it is number `known`.
    pub(super) fn after(&self, known: u64) -> Option<Arc<Newest>> {
        let newest = self.newest.load_full()?;
        (newest.number != known).then_some(newest)
    }

    /// Whether it was never encoded.
    pub(super) fn is_empty(&self) -> bool {
        self.newest.load().is_none()
    }

    /// The document of `edition`.
    ///
    /// # Errors
    /// 400 when a part is not there.
    pub(super) async fn body(
        self: &Arc<Self>,
        edition: &Arc<Edition>,
    ) -> Result<Arc<Body>, Problem> {
        let view = self.clone();
        let render = move |edition: &Edition| (view.kind.render)(edition, &view.parts);
        edition.body(Document::at(&self.name), render).await
    }

    /// Makes the frame for `edition`; one whose document is as it was before is none.
    pub(super) async fn encode(self: &Arc<Self>, edition: &Arc<Edition>, tally: &StreamTally) {
        let before = self.newest.load_full();
        let number = before.as_ref().map_or(0, |before| before.number) + 1;
        let newest = match self.body(edition).await {
            Ok(body) => {
                let known = before.and_then(|before| before.tag.clone());
                if known.as_ref() == Some(body.tag()) {
                    return;
                }
                tally.frames_encoded.increment();
                Newest {
                    number,
                    frame: Some(frame::event(self.kind.topic, None, body.bytes())),
                    tag: Some(body.tag().clone()),
                }
            }
            Err(problem) => {
                let status = problem.status();
                tracing::debug!(view = self.name, %status, "a live document cannot be made");
                Newest {
                    number,
                    frame: None,
                    tag: None,
                }
            }
        };
        self.newest.store(Some(Arc::new(newest)));
    }
}

/// The views that somebody listens to, by name.
#[derive(Debug, Default)]
pub(super) struct Views(Mutex<HashMap<String, Weak<View>>>);

impl Views {
    /// The view of these parts of a kind of document, a new one where nobody listens to it yet.
    ///
    /// # Errors
    /// 503 when there are too many.
    pub(super) fn get(
        &self,
        kind: &'static Kind,
        parts: Fields,
        tally: &StreamTally,
    ) -> Result<Arc<View>, Problem> {
        let mut views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        views.retain(|_, view| view.strong_count() > 0);
        let new = View::new(kind, parts);
        if let Some(view) = views.get(&new.name).and_then(Weak::upgrade) {
            return Ok(view);
        }
        // What the status page and those without wishes listen to is never crowded out by others' choices.
        let usual = new.parts.is_everything() || new.name == USUAL;
        if views.len() >= MAX_VIEWS && !usual {
            tally.refused_views.increment();
            return Err(busy(format!(
                "{MAX_VIEWS} different choices of parts are listened to already, and no more are made at once"
            )));
        }
        let view = Arc::new(new);
        views.insert(view.name.clone(), Arc::downgrade(&view));
        Ok(view)
    }

    /// Those that somebody listens to now.
    pub(super) fn all(&self) -> Vec<Arc<View>> {
        let views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        views.values().filter_map(Weak::upgrade).collect()
    }
}
