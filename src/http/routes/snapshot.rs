//! `/snapshot`: the whole document, parts of it by path, fields of it by `?fields=`, and a summary by `?format=text`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use axum::routing::get;
use serde_json::{Map, Value};

use super::page::Scene;
use super::select::{Fields, pointer, project};
use super::{parameters, value};
use crate::http::bodies::{Document, Edition, Rendered};
use crate::http::negotiate::{JSON, Offer, choose};
use crate::http::problem::Problem;
use crate::http::site::Shared;
use crate::model::printable;
use crate::snapshot::{PARTS, document, part};

const TEXT: Offer = Offer {
    media: "text/plain",
    version: None,
    content_type: "text/plain; charset=utf-8",
};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/snapshot", get(snapshot))
        .route("/snapshot/{*path}", get(snapshot))
}

async fn snapshot(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let pairs = parameters(&uri, &["fields", "format"])?;
    match value(&pairs, "format") {
        None | Some("json") => {}
        Some("text") => return summary(&shared, &uri, &headers, &pairs).await,
        Some(other) => {
            let other = printable(other, 64);
            let detail = format!("unknown format `{other}` (known: json, text)");
            return Err(Problem::bad_request(detail).member("parameter", "format".into()));
        }
    }
    choose(&headers, JSON)?;
    let wanted = uri.clone();
    let whole = uri.path() == "/snapshot" && pairs.is_empty();
    let key = uri.path_and_query().map_or("", |key| key.as_str());
    let key = if whole {
        Document::Snapshot
    } else {
        Document::Part(key)
    };
    let body = shared
        .edition()?
        .body(key, move |edition| render(edition, &wanted, &pairs))
        .await?;
    body.answer(&headers, None).await
}

/// A dozen lines for a terminal or a bot. Only of the whole.
async fn summary(
    shared: &Shared,
    uri: &Uri,
    headers: &HeaderMap,
    pairs: &[(String, String)],
) -> Result<Response<Body>, Problem> {
    if uri.path() != "/snapshot" || pairs.len() > 1 {
        let detail = "`format=text` is a summary of the whole, without a path and without `fields`";
        return Err(Problem::bad_request(detail).member("parameter", "format".into()));
    }
    let scene = Scene::of(shared);
    let body = shared
        .edition()?
        .body(Document::Page("/snapshot?format=text"), move |edition| {
            let text = scene.with(edition, crate::page::text);
            Ok((TEXT.header(), text.into_bytes()))
        })
        .await?;
    body.answer(headers, None).await
}

fn render(edition: &Edition, uri: &Uri, pairs: &[(String, String)]) -> Result<Rendered, Problem> {
    let fields = pairs.iter().filter(|(name, _)| name == "fields");
    let fields = Fields::parse(fields.map(|(_, value)| value.as_str()))?;
    let value = match segments(uri)?.split_first() {
        Some((first, rest)) => {
            let part = part(&edition.snapshot, first, edition.now).ok_or_else(|| no_part(first))?;
            let value = pointer(part, rest).ok_or_else(|| no_part(uri.path()))?;
            project(value, &fields, "")?
        }
        None => top_level(edition, &fields)?,
    };
    encode(&value)
}

/// The fields of the document that are wanted, or all of it.
///
/// # Errors
/// 404 for a part that the snapshot does not have, 400 for a field below one.
pub(in crate::http) fn render_fields(
    edition: &Edition,
    fields: &Fields,
) -> Result<Rendered, Problem> {
    encode(&top_level(edition, fields)?)
}

fn encode(value: &Value) -> Result<Rendered, Problem> {
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Problem::internal(format!("a snapshot is no JSON: {error}")))?;
    Ok((JSON[0].header(), bytes))
}

/// Only the parts asked for are built.
fn top_level(edition: &Edition, fields: &Fields) -> Result<Value, Problem> {
    if fields.is_everything() {
        return Ok(document(&edition.snapshot, edition.now));
    }
    let mut object = Map::new();
    for (name, below) in fields.names() {
        let part = part(&edition.snapshot, name, edition.now).ok_or_else(|| no_part(name))?;
        object.insert(name.to_owned(), project(part, below, name)?);
    }
    Ok(Value::Object(object))
}

/// The path below `/snapshot`, split at slashes and decoded.
fn segments(uri: &Uri) -> Result<Vec<String>, Problem> {
    let below = uri.path().strip_prefix("/snapshot").unwrap_or_default();
    let split = below.split('/').filter(|segment| !segment.is_empty());
    split.map(decode).collect()
}

/// Percent signs, then JSON pointer's own escapes: `~1` for a slash inside a name.
fn decode(segment: &str) -> Result<String, Problem> {
    let malformed = || Problem::bad_request("the path has a malformed percent sign");
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = rest.split_off(..2).ok_or_else(malformed)?;
            // A sign is none, though a number may have one.
            let digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
            let value = digits.reduce(|high, low| Some(high? << 4 | low?)).flatten();
            let value = value.ok_or_else(malformed)?;
            bytes.push(u8::try_from(value).map_err(|_| malformed())?);
        } else {
            bytes.push(*first);
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    Ok(text.replace("~1", "/").replace("~0", "~"))
}

fn no_part(name: &str) -> Problem {
    let name = printable(name, 128);
    let parts = PARTS.iter().map(|part| Value::from(*part)).collect();
    Problem::not_found(format!("the snapshot has no `{name}`")).member("parts", Value::Array(parts))
}
