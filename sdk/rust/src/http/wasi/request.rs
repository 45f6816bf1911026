//! How a request is sent.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};

use super::Deadline;
use super::failure::{broken, defect, refused};
use crate::http::{Request, Url};
use crate::{Failure, Result};

/// Sends it; its answer is waited for later.
pub(super) fn send(
    request: &Request,
    url: &Url,
    deadline: &Deadline,
) -> Result<FutureIncomingResponse> {
    let outgoing = prepare(request, url)?;
    // One that is not asked for is empty.
    let body = match request.body.as_slice() {
        [] => None,
        _ => Some(
            outgoing
                .body()
                .map_err(|()| defect("the request has no body"))?,
        ),
    };
    let options = RequestOptions::new();
    let patience = u64::try_from(deadline.patience.as_nanos()).ok();
    let limits = [
        options.set_connect_timeout(patience),
        options.set_first_byte_timeout(patience),
        options.set_between_bytes_timeout(patience),
    ];
    if limits.iter().any(core::result::Result::is_err) {
        return Err(defect("the host takes no timeouts"));
    }
    let answer =
        outgoing_handler::handle(outgoing, Some(options)).map_err(|code| refused(&code, url))?;
    match body {
        Some(body) => write(body, &request.body, deadline, url).map(|()| answer),
        None => Ok(answer),
    }
}

fn prepare(request: &Request, url: &Url) -> Result<OutgoingRequest> {
    let headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let headers = Fields::from_list(&headers).map_err(|_| {
        Failure::bad_config("one of the request's headers is not one that a probe may send")
    })?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if url.is_secure {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let set = [
        outgoing.set_method(&method(&request.method)),
        outgoing.set_scheme(Some(&scheme)),
        outgoing.set_authority(Some(&url.authority)),
        outgoing.set_path_with_query(Some(&url.path)),
    ];
    match set.iter().all(core::result::Result::is_ok) {
        true => Ok(outgoing),
        false => Err(Failure::bad_config(format!(
            "{} {} cannot be sent",
            request.method, request.url
        ))),
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: OutgoingBody, mut bytes: &[u8], deadline: &Deadline, url: &Url) -> Result<()> {
    let stream = body
        .write()
        .map_err(|()| defect("the request's body cannot be written"))?;
    let ready = stream.subscribe();
    let told = |error| broken(&error, url);
    while !bytes.is_empty() {
        deadline.wait(&ready)?;
        let room = stream.check_write().map_err(told)?;
        let room = usize::try_from(room).unwrap_or(bytes.len());
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.write(now).map_err(told)?;
        bytes = later;
    }
    stream.flush().map_err(told)?;
    deadline.wait(&ready)?;
    drop((ready, stream));
    OutgoingBody::finish(body, None).map_err(|code| refused(&code, url))
}
