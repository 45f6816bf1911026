//! HTTP: one request with an optional secret in its header.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, OutgoingRequest, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

use super::{Answer, name, secrets, setting, told};

fn send(url: &str) -> Result<FutureIncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let headers = Fields::new();
    let secret = setting("secret");
    if !secret.is_empty() {
        let text = secrets::placeholder(&secret).map_err(told)?;
        let value = format!("Bearer {text}").into_bytes();
        headers.append("authorization", &value).map_err(name)?;
    }
    let request = OutgoingRequest::new(headers);
    let scheme = if scheme == "https" {
        Scheme::Https
    } else {
        Scheme::Http
    };
    request.set_scheme(Some(&scheme)).map_err(name)?;
    // A request without a path is for the root.
    let (authority, path) = match rest.find('/') {
        Some(slash) => (&rest[..slash], Some(&rest[slash..])),
        None => (rest, None),
    };
    request.set_authority(Some(authority)).map_err(name)?;
    request.set_path_with_query(path).map_err(name)?;
    handle(request, None).map_err(name)
}

fn wait(answer: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    answer.subscribe().block();
    let answer = answer.get().ok_or("no answer")?;
    answer.map_err(name)?.map_err(name)
}

/// Status, `Location` and body, at most 200 bytes of that.
pub fn get(url: &str) -> Answer {
    let response = wait(&send(url)?)?;
    let headers = response.headers();
    let location = headers.get("location");
    let location = location
        .first()
        .map(|value| String::from_utf8_lossy(value).into_owned());
    let body = response.consume().map_err(name)?;
    let stream = body.stream().map_err(name)?;
    let mut text = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(bytes) => text.extend(bytes),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(name(http_error_code(&error)));
            }
        }
    }
    let shown = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
    Ok(format!(
        "{} {}{shown}",
        response.status(),
        location.unwrap_or_default()
    ))
}

/// Begins requests until the host refuses, keeps them all, and says how many there are and why no more.
pub fn abandon(url: &str) -> Answer {
    let mut kept = Vec::new();
    loop {
        let sent = send(url)?;
        match wait(&sent) {
            Ok(response) => kept.push(response),
            Err(error) => return Ok(format!("{} and then {error}", kept.len())),
        }
    }
}
