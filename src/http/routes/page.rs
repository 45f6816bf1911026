//! What people look at: the status page, a probe's page, the summary, and how they stay live; and the forms on them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::routing::{get, post};
use serde_json::json;

use super::actions::{ask, known};
use super::index::is_on;
use super::verdict::Report;
use super::{parameters, value};
use crate::history::History;
use crate::http::bodies::{Document, Edition, Rendered};
use crate::http::negotiate::{JSON, Offer, choose};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::site::Shared;
use crate::model::{Status, printable};
use crate::page::{self, Asset, Exports, Moment, Outcome, RenderError};

/// What a page is.
pub(super) const HTML: Offer = Offer {
    media: "text/html",
    version: None,
    content_type: "text/html; charset=utf-8",
};
/// Nothing from elsewhere and nothing inline: text that a guest put into a page has nothing to do there.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// An asset's address changes with its content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(super) fn routes() -> Router<Arc<Shared>> {
    let assets = page::ASSETS.into_iter().enumerate();
    let router = assets.fold(Router::new(), |router, (index, asset)| {
        let serve = move |State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap| async move {
            serve_asset(&shared, index, &asset, &uri, &headers).await
        };
        router.route(asset.path, get(serve))
    });
    router
        .route("/page/live", get(live))
        .route("/probes/{name}", get(probe))
        .route("/probes/{name}/{action}", post(act))
        .route("/status", get(status))
}

/// What pages are made of besides an edition; taken along to wherever it is rendered.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    history: Option<History>,
    config: page::Config,
    can_act: bool,
    exports: Exports,
}

impl Scene {
    pub(super) fn of(shared: &Shared) -> Self {
        let handles = &shared.handles;
        Self {
            history: handles.history.clone(),
            config: handles.page.clone(),
            can_act: handles.actions.is_some(),
            exports: Exports {
                events: is_on(shared, "/api/v1/events"),
                backups: is_on(shared, "/api/v1/backups"),
                snapshots: is_on(shared, "/api/v1/snapshots"),
            },
        }
    }

    /// Hands `make` the moment that an edition is of.
    pub(super) fn with<T>(&self, edition: &Edition, make: impl FnOnce(&Moment<'_>) -> T) -> T {
        let view = self.history.as_ref().map(History::view);
        let report = Report::new(Some(&edition.snapshot), edition.draining, edition.now);
        let live = report.verdicts.into_iter();
        let live: Vec<(String, String)> = live
            .filter(|verdict| verdict.live && verdict.status == Status::Fail)
            .map(|verdict| (verdict.name, verdict.reason))
            .collect();
        make(&Moment {
            snapshot: &edition.snapshot,
            history: view.as_deref(),
            now: edition.now,
            live_failures: &live,
            can_act: self.can_act,
            config: &self.config,
            exports: self.exports,
        })
    }
}

/// A template that does not fit is a defect, and only the log learns of it.
pub(super) fn rendered(
    offer: &Offer,
    page: Result<String, RenderError>,
) -> Result<Rendered, Problem> {
    let page = page.map_err(|error| Problem::internal(format!("page: {error}")))?;
    Ok((offer.header(), page.into_bytes()))
}

fn check_on(on: bool, what: &str) -> Result<(), Problem> {
    let detail = || format!("{what} is switched off here");
    on.then_some(()).ok_or_else(|| Problem::not_found(detail()))
}

/// The status page. `/` leads here when HTML is wanted.
pub(super) async fn overview(
    shared: &Shared,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    check_on(shared.handles.page.enabled, "the status page")?;
    let outcome = outcome(shared, uri, &["outcome"])?;
    let Ok(edition) = shared.edition() else {
        return starting();
    };
    let scene = Scene::of(shared);
    let body = edition
        .body(Document::Page(&uri.to_string()), move |edition| {
            rendered(
                &HTML,
                scene.with(edition, |at| page::overview(at, outcome.as_ref())),
            )
        })
        .await?;
    Ok(guarded(body.answer(headers, Some(ACCEPT)).await?))
}

/// Before the first snapshot.
fn starting() -> Result<Response<Body>, Problem> {
    let (content_type, bytes) = rendered(&HTML, page::starting())?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    Ok(guarded(response))
}

async fn probe(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    check_on(shared.handles.page.enabled, "the status page")?;
    let outcome = outcome(&shared, &uri, &["outcome"])?;
    choose(&headers, &[HTML])?;
    let edition = shared.edition()?;
    let scene = Scene::of(&shared);
    if !has(&edition, &name) {
        return missing(&edition, &scene, &name);
    }
    let body = edition
        .body(Document::Page(&uri.to_string()), move |edition| {
            let page = scene.with(edition, |at| page::probe(at, &name, outcome.as_ref()));
            rendered(&HTML, page.map(Option::unwrap_or_default))
        })
        .await?;
    Ok(guarded(body.answer(&headers, None).await?))
}

fn has(edition: &Edition, probe: &str) -> bool {
    let mut probes = edition.snapshot.probes.iter();
    probes.any(|view| *view.identity.name == *probe)
}

fn missing(edition: &Edition, scene: &Scene, name: &str) -> Result<Response<Body>, Problem> {
    let name = printable(name, 128);
    let page = scene.with(edition, |at| page::missing_probe(at, &name));
    let (content_type, bytes) = rendered(&HTML, page)?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(guarded(response))
}

/// What changes on a page while its structure stays, as JSON.
async fn live(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    check_on(shared.handles.page.enabled, "the status page")?;
    let pairs = parameters(&uri, &["probe"])?;
    let name = value(&pairs, "probe").map(str::to_owned);
    choose(&headers, JSON)?;
    let edition = shared.edition()?;
    if let Some(name) = name.as_deref().filter(|name| !has(&edition, name)) {
        let name = printable(name, 128);
        return Err(Problem::not_found(format!("there is no probe `{name}`")));
    }
    let scene = Scene::of(&shared);
    let body = edition
        .body(Document::Page(&uri.to_string()), move |edition| {
            let (page, ages) = scene.with(edition, |at| {
                let page = match &name {
                    Some(name) => page::probe(at, name, None).map(Option::unwrap_or_default),
                    None => page::overview(at, None),
                };
                (page, [at.data_age(), at.age()])
            });
            let (_, page) = rendered(&HTML, page)?;
            let [age, published] = ages.map(|age| json!(age.as_millis() as u64));
            let mut frame = page::live(&String::from_utf8_lossy(&page));
            frame["age_ms"] = age;
            frame["published_ms"] = published;
            frame["sequence"] = json!(edition.snapshot.sequence);
            Ok((JSON[0].header(), frame.to_string().into_bytes()))
        })
        .await?;
    body.answer(&headers, None).await
}

async fn status(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    check_on(shared.handles.page.status, "the summary")?;
    parameters(&uri, &[])?;
    choose(&headers, &[HTML])?;
    let Ok(edition) = shared.edition() else {
        return starting();
    };
    let scene = Scene::of(&shared);
    let body = edition
        .body(Document::Page(&uri.to_string()), move |edition| {
            rendered(&HTML, scene.with(edition, page::status))
        })
        .await?;
    Ok(guarded(body.answer(&headers, None).await?))
}

/// A form on a page: what came of it is shown by the page that the browser is led back to.
async fn act(
    State(shared): State<Arc<Shared>>,
    Path((name, action)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response<Body>, Problem> {
    check_on(shared.handles.page.enabled, "the status page")?;
    let pairs = parameters(&uri, &["from"])?;
    let back = match value(&pairs, "from") {
        None => "/".to_owned(),
        Some("probe") => uri
            .path()
            .rsplit_once('/')
            .map_or("/", |(page, _)| page)
            .to_owned(),
        Some(_) => {
            let detail = "`from` is `probe`, or is left out";
            return Err(Problem::bad_request(detail).member("parameter", "from".into()));
        }
    };
    let action = known(&action)?;
    check_on(shared.handles.actions.is_some(), "acting on probes")?;
    let (ok, message) = match ask(&shared, &name, action).await {
        Ok(message) => (true, message),
        Err(problem) => (false, problem.detail().to_owned()),
    };
    let message = printable(&format!("{name}, {action}: {message}"), 1024);
    let number = shared.outcomes.keep(Outcome { ok, message });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::try_from(format!("{back}?outcome={number}"))
        .map_err(|error| Problem::internal(error.to_string()))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// The outcome that an address asks for, while it is kept.
fn outcome(shared: &Shared, uri: &Uri, known: &[&str]) -> Result<Option<Outcome>, Problem> {
    let pairs = parameters(uri, known)?;
    let Some(number) = value(&pairs, "outcome") else {
        return Ok(None);
    };
    let number = number.parse().map_err(|_| {
        let detail = "`outcome` is the number of what came of an action";
        Problem::bad_request(detail).member("parameter", "outcome".into())
    })?;
    Ok(shared.outcomes.of(number))
}

/// With what keeps a page to itself. Its forms tell where they come from, which `no-referrer` would hide.
fn guarded(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

async fn serve_asset(
    shared: &Shared,
    index: usize,
    asset: &Asset,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let page = &shared.handles.page;
    check_on(page.enabled || page.status, "the status page")?;
    let pairs = parameters(uri, &["v"])?;
    let named = value(&pairs, "v").is_some_and(|mark| mark == asset.mark());
    let mut response = shared.assets[index].answer(headers, None).await?;
    if named {
        response.headers_mut().insert(CACHE_CONTROL, FOR_EVER);
    }
    Ok(response)
}
