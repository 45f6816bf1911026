//! `/metrics`: Prometheus text or OpenMetrics, as the scraper prefers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Response, Uri};
use axum::routing::get;

use super::parameters;
use crate::export::{Encoder, Format};
use crate::http::bodies::{Document, Edition, Rendered};
use crate::http::negotiate::{Offer, choose};
use crate::http::problem::Problem;
use crate::http::site::Shared;
use crate::model::TallyCounter;

const OFFERS: [Offer; 2] = [
    Offer {
        media: "text/plain",
        version: Some("0.0.4"),
        content_type: "text/plain; version=0.0.4; charset=utf-8",
    },
    Offer {
        media: "application/openmetrics-text",
        version: Some("1.0.0"),
        content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    },
];

/// An encoder for each offer, kept because they remember all but the numbers.
#[derive(Debug)]
pub(in crate::http) struct MetricEncoders {
    encoders: [Mutex<Encoder>; 2],
    left_out: TallyCounter,
}

impl MetricEncoders {
    /// Encoders that remember nothing yet; `left_out` counts series that an exposition could not hold.
    pub(in crate::http) fn new(left_out: TallyCounter) -> Self {
        let formats = [Format::Prometheus, Format::OpenMetrics];
        Self {
            encoders: formats.map(|format| Mutex::new(Encoder::new(format))),
            left_out,
        }
    }

    fn render(&self, offer: usize, edition: &Edition) -> Rendered {
        let encoder = &self.encoders[offer];
        // One body is made at a time, so nobody waits here but a straggler of the edition before.
        let mut encoder = encoder.lock().unwrap_or_else(PoisonError::into_inner);
        let encoded = encoder.encode(&edition.snapshot, edition.now);
        self.left_out.add(encoded.left_out as u64);
        (OFFERS[offer].header(), encoded.bytes)
    }
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    let offer = choose(&headers, &OFFERS)?;
    let document = [Document::PrometheusText, Document::OpenMetrics][offer];
    let encoders = shared.encoders.clone();
    let body = shared
        .edition()?
        .body(document, move |edition| Ok(encoders.render(offer, edition)))
        .await?;
    body.answer(&headers, Some(ACCEPT)).await
}
