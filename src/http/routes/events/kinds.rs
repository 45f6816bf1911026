//! `/api/v1/kinds`: the kinds of events that are taken, with their schemas.

use std::sync::Arc;

use axum::Router;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, Uri};
use axum::routing::get;
use serde_json::{Value, json};

use super::{encoded, events};
use crate::http::bodies::Body;
use crate::http::negotiate::{JSON, Offer, choose};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::routes::window::refused;
use crate::http::routes::{parameters, value};
use crate::http::site::Shared;
use crate::model::printable;

/// A schema is JSON, and says so.
const OFFERS: [Offer; 2] = [Offer::plain("application/schema+json"), JSON[0]];
/// The address of the schema that every event as it is sent has to fit.
const ENVELOPE: &str = "event";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/kinds", get(list))
        .route("/api/v1/kinds/{kind}", get(one))
}

async fn list(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    parameters(&uri, &[])?;
    choose(&headers, JSON)?;
    let kinds = events(&shared)?.schemas().kinds().iter().map(|kind| {
        json!({
            "name": &*kind.name,
            "version": kind.version,
            "about": &*kind.about,
            "declared": kind.known.is_none(),
            "schema": format!("/api/v1/kinds/{}?version={}", kind.name, kind.version),
        })
    });
    let document = json!({
        "event": format!("/api/v1/kinds/{ENVELOPE}"),
        "kinds": kinds.collect::<Vec<_>>(),
    });
    send(&headers, JSON[0].header(), &document).await
}

async fn one(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    let pairs = parameters(&uri, &["version"])?;
    let media = OFFERS[choose(&headers, &OFFERS)?].header();
    let schemas = events(&shared)?.schemas();
    if name == ENVELOPE {
        return send(&headers, media, schemas.envelope()).await;
    }
    let version = value(&pairs, "version").map(|text| {
        let number = text.parse::<u32>();
        number.map_err(|_| refused("version", text, "must be a whole number"))
    });
    let found = schemas.find(&name, version.transpose()?);
    let kind = found.ok_or_else(|| {
        let name = printable(&name, 128);
        Problem::not_found(format!(
            "there is no kind `{name}`, or not in this version; /api/v1/kinds lists those that there are"
        ))
    })?;
    send(&headers, media, kind.schema()).await
}

async fn send(
    headers: &HeaderMap,
    media: HeaderValue,
    document: &Value,
) -> Result<Response<ResponseBody>, Problem> {
    let body = Arc::new(Body::new((media, encoded(document)?)));
    body.answer(headers, None).await
}
