//! `GET /api/v1/events`: events by what they are about, a page at a time, or as they come; and one by its id.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use serde::Serialize;

use super::question::{CHOOSING, cursor, filter, limit, order, written};
use super::shown::Shown;
use super::{answer, encoded, events as way, follow, unread};
use crate::http::negotiate::{JSON, Offer, choose};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::routes::parameters;
use crate::http::site::Shared;
use crate::http::stream::Link;
use crate::model::{KeptEvent, printable};

/// Events on a page, if nothing else is asked for, and at most.
const USUAL: usize = 100;
const MOST: usize = 1_000;
/// A page, or a stream for who asks for one.
const OFFERS: [Offer; 2] = [JSON[0], follow::OFFER];
const PAGING: [&str; 3] = ["limit", "order", "cursor"];

#[derive(Serialize)]
struct Page<'a> {
    events: Vec<Shown<'a>>,
    /// The cursor of the next page; nothing on the last one.
    next: Option<String>,
    /// The time was over before the page was full or all was looked at.
    partial: bool,
}

pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(link): Extension<Arc<Link>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    way(&shared)?;
    if choose(&headers, &OFFERS)? == 1 {
        let pairs = parameters(&uri, &[&CHOOSING[..], &[follow::LAST_PARAMETER]].concat())?;
        return follow::open(shared, link, &pairs, &headers).await;
    }
    let pairs = parameters(&uri, &[&CHOOSING[..], &PAGING].concat())?;
    let (filter, from) = (filter(&pairs)?, cursor(&pairs)?);
    let (most, order) = (limit(&pairs, USUAL, MOST)?, order(&pairs)?);
    answer(&shared, &headers, move |reader| {
        let found = reader.page(&filter, from, most, order).map_err(unread)?;
        let events = found.events.iter().map(shown).collect();
        let (next, partial) = (found.next.map(written), found.partial);
        encoded(&Page {
            events,
            next,
            partial,
        })
    })
    .await
}

pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    parameters(&uri, &[])?;
    answer(&shared, &headers, move |reader| {
        let found = reader.event(&id).map_err(unread)?;
        let id = printable(&id, 128);
        let none = || Problem::not_found(format!("no event `{id}` is kept"));
        encoded(&shown(&found.ok_or_else(none)?))
    })
    .await
}

fn shown(kept: &KeptEvent) -> Shown<'_> {
    Shown::of(kept.sequence, &kept.event)
}
