//! Ready bodies: each document is encoded at most once for a snapshot and a second of its age.
//!
//! The age belongs to the key because a snapshot that is no longer replaced must look as old as it is. All who ask
//! for a document that is being encoded wait for that one encoding. No `Age` header is sent: it would speak of the
//! body's age, which is under a second, and documents say their own `age_ms`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::{Body as ResponseBody, Bytes};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, VARY};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use tokio::sync::OnceCell;

use super::negotiate::{has_already, prefers_gzip};
use super::problem::Problem;
use crate::model::TallyCounter;
use crate::snapshot::Snapshot;

/// Documents kept besides the fixed ones; a client that asks for ever new ones gets them, but unkept.
const MAX_PARTS: usize = 64;
/// From this many series on a document takes a millisecond or more, too long for a thread that serves others: JSON is
/// built as a tree first and costs microseconds a series.
const HEAVY_JSON_SERIES: usize = 500;
/// The same by what series are charged, since one can have hundreds of buckets and long labels.
const HEAVY_JSON_CHARGE: usize = 256 << 10;
/// What a byte of a check's details counts for beside that: there can be a value in every second one.
const DETAILS_WEIGHT: usize = 8;
/// The same for text, which costs some 40 ns a plain series of 150 bytes; handing a small one to another thread would
/// cost more than encoding it.
const HEAVY_TEXT_CHARGE: usize = 3 << 20;
/// From this size on compressing takes milliseconds.
const HEAVY_BYTES: usize = 64 << 10;
/// Below this size compressing saves less than a packet.
const MIN_COMPRESSED: usize = 1 << 10;

/// A document ready to be sent.
#[derive(Debug)]
pub(super) struct Body {
    content_type: HeaderValue,
    /// Strong, over the plain bytes; with another ending for the compressed ones.
    tag: HeaderValue,
    gzip_tag: HeaderValue,
    plain: Bytes,
    gzip: OnceCell<Bytes>,
}

/// What a renderer gives: content type and bytes.
pub(super) type Rendered = (HeaderValue, Vec<u8>);
type Slot = Arc<OnceCell<Arc<Body>>>;

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document<'a> {
    /// Everything, as JSON.
    Snapshot,
    /// Metrics in the first format offered.
    PrometheusText,
    /// Metrics in the second.
    OpenMetrics,
    /// Health with all details.
    Health,
    /// All probes.
    Probes,
    /// Any other, by path and query.
    Part(&'a str),
    /// A page for people, or what keeps it live, by path and query; an address may give documents of both kinds.
    Page(&'a str),
}

impl<'a> Document<'a> {
    /// The one at an address, whoever it is encoded for.
    pub(super) fn at(address: &'a str) -> Self {
        match address {
            "/snapshot" => Self::Snapshot,
            other => Self::Part(other),
        }
    }

    /// Under which name it is kept, unless it has a place of its own.
    fn name(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Part(name) => Some((*name).into()),
            Self::Page(name) => Some(format!("page {name}").into()),
            _ => None,
        }
    }

    /// Whether it is rendered on a thread of its own.
    fn is_heavy(self, snapshot: &Snapshot) -> bool {
        let schemas = || snapshot.sources.iter().map(|source| &*source.schema);
        let charge: usize = schemas().map(|schema| schema.text).sum();
        match self {
            Self::PrometheusText | Self::OpenMetrics => charge >= HEAVY_TEXT_CHARGE,
            // It goes through the past of many series.
            Self::Page(_) => true,
            _ => {
                let series: usize = schemas().map(|schema| schema.series.len()).sum();
                let details = snapshot.health.checks.iter().flat_map(|one| &one.details);
                let details: usize = details.map(|details| details.text().len()).sum();
                series >= HEAVY_JSON_SERIES
                    || charge + details * DETAILS_WEIGHT >= HEAVY_JSON_CHARGE
            }
        }
    }
}

/// One snapshot at one second of its age, with the documents encoded of it so far.
#[derive(Debug)]
pub(super) struct Edition {
    /// The snapshot.
    pub(super) snapshot: Arc<Snapshot>,
    /// The moment at which all its documents are shown.
    pub(super) now: Instant,
    /// Whether the program is about to stop.
    pub(super) draining: bool,
    second: u64,
    fixed: [Slot; 5],
    parts: Mutex<HashMap<String, Slot>>,
    encoded: TallyCounter,
}

/// The newest edition.
#[derive(Debug)]
pub(super) struct Editions {
    newest: Mutex<Option<Arc<Edition>>>,
    encoded: TallyCounter,
}

impl Editions {
    /// No edition yet; `encoded` counts the documents rendered.
    pub(super) fn new(encoded: TallyCounter) -> Self {
        Self {
            newest: Mutex::default(),
            encoded,
        }
    }

    /// The edition of `snapshot` for now; a new one is empty and costs next to nothing.
    pub(super) fn of(&self, snapshot: Arc<Snapshot>, draining: bool) -> Arc<Edition> {
        let now = Instant::now();
        let second = now.saturating_duration_since(snapshot.published).as_secs();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(edition) = &*newest {
            // Another reader may have been faster with a newer one.
            let known = (edition.snapshot.sequence, edition.second);
            if known >= (snapshot.sequence, second) && edition.draining == draining {
                return edition.clone();
            }
        }
        let edition = Arc::new(Edition {
            snapshot,
            now,
            draining,
            second,
            fixed: Default::default(),
            parts: Mutex::default(),
            encoded: self.encoded.clone(),
        });
        *newest = Some(edition.clone());
        edition
    }
}

impl Edition {
    /// The document, rendered by whoever asks first.
    ///
    /// # Errors
    /// What `render` gives; an error is not kept.
    pub(super) async fn body<F>(
        self: &Arc<Self>,
        document: Document<'_>,
        render: F,
    ) -> Result<Arc<Body>, Problem>
    where
        F: FnOnce(&Edition) -> Result<Rendered, Problem> + Send + 'static,
    {
        let slot = self.slot(document);
        if let Some(body) = slot.get() {
            return Ok(body.clone());
        }
        let heavy = document.is_heavy(&self.snapshot);
        let body = slot.get_or_try_init(|| self.render(heavy, render)).await;
        if let (Err(_), Some(name)) = (&body, document.name()) {
            // A document that is not there takes no place.
            self.lock_parts().remove(&*name);
        }
        body.cloned()
    }

    async fn render<F>(self: &Arc<Self>, heavy: bool, render: F) -> Result<Arc<Body>, Problem>
    where
        F: FnOnce(&Edition) -> Result<Rendered, Problem> + Send + 'static,
    {
        self.encoded.increment();
        let edition = self.clone();
        let make = move || render(&edition).map(|rendered| Arc::new(Body::new(rendered)));
        off_loop(heavy, make).await?
    }

    fn slot(&self, document: Document<'_>) -> Slot {
        let index = match document {
            Document::Snapshot => 0,
            Document::PrometheusText => 1,
            Document::OpenMetrics => 2,
            Document::Health => 3,
            Document::Probes => 4,
            Document::Part(_) | Document::Page(_) => {
                return self.part_slot(&document.name().unwrap_or_default());
            }
        };
        self.fixed[index].clone()
    }

    fn part_slot(&self, name: &str) -> Slot {
        let mut parts = self.lock_parts();
        match parts.get(name) {
            Some(slot) => slot.clone(),
            None if parts.len() < MAX_PARTS => parts.entry(name.to_owned()).or_default().clone(),
            None => Slot::default(),
        }
    }

    fn lock_parts(&self) -> std::sync::MutexGuard<'_, HashMap<String, Slot>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs long work on a thread of its own, short work here.
async fn off_loop<T: Send + 'static>(
    heavy: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    if !heavy {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::internal(format!("encoding failed: {error}")))
}

impl Body {
    /// A body whose entity tag is a hash of its bytes.
    pub(super) fn new((content_type, plain): Rendered) -> Self {
        Self::ready(content_type, plain.into())
    }

    /// The same of bytes that somebody else accounts for.
    pub(super) fn ready(content_type: HeaderValue, plain: Bytes) -> Self {
        let hash = blake3::hash(&plain).to_hex();
        // Half the hash: chance still does not make two equal.
        let hash = &hash.as_str()[..32];
        let tag = |ending| {
            HeaderValue::try_from(format!("\"{hash}{ending}\""))
                .expect("hex digits are a header value")
        };
        Self {
            content_type,
            tag: tag(""),
            gzip_tag: tag("-gzip"),
            plain,
            gzip: OnceCell::new(),
        }
    }

    /// The plain bytes.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.plain
    }

    /// The entity tag of the plain bytes: another for other bytes.
    pub(super) fn tag(&self) -> &HeaderValue {
        &self.tag
    }

    /// The answer to a request with these headers: 304 when the client has it already, compressed when it
    /// prefers that. `varies` says which header chose this document among others.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: &HeaderMap,
        varies: Option<HeaderName>,
    ) -> Result<Response<ResponseBody>, Problem> {
        let gzip = self.plain.len() >= MIN_COMPRESSED && prefers_gzip(request);
        let tag = if gzip { &self.gzip_tag } else { &self.tag };
        let known = has_already(request, tag);
        let mut response = if known {
            let mut response = Response::new(ResponseBody::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else if gzip {
            Response::new(ResponseBody::from(self.gzip().await?))
        } else {
            Response::new(ResponseBody::from(self.plain.clone()))
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, tag.clone());
        headers.append(VARY, HeaderValue::from(ACCEPT_ENCODING));
        if let Some(name) = varies {
            headers.append(VARY, HeaderValue::from(name));
        }
        if !known {
            headers.insert(CONTENT_TYPE, self.content_type.clone());
            if gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        Ok(response)
    }

    async fn gzip(self: &Arc<Self>) -> Result<Bytes, Problem> {
        let body = self.clone();
        let compressed = self
            .gzip
            .get_or_try_init(|| async {
                let heavy = body.plain.len() >= HEAVY_BYTES;
                off_loop(heavy, move || compress(&body.plain)).await?
            })
            .await;
        compressed.cloned()
    }
}

/// The fastest level: a document lives for a second, and text shrinks to a tenth even so.
fn compress(plain: &[u8]) -> Result<Bytes, Problem> {
    let out = Vec::with_capacity(plain.len() / 4);
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written
        .map(Bytes::from)
        .map_err(|error| Problem::internal(format!("compressing failed: {error}")))
}

#[cfg(test)]
#[path = "bodies_tests.rs"]
mod tests;
