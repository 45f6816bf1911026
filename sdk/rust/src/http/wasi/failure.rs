//! What went wrong with an exchange, in words.

use wasip2::http::types::{ErrorCode, http_error_code};
use wasip2::io::streams::StreamError;

use crate::Failure;
use crate::http::Url;

pub(super) fn refused(code: &ErrorCode, url: &Url) -> Failure {
    let why = match code {
        ErrorCode::HttpRequestDenied => return url.not_granted(),
        ErrorCode::DestinationIpProhibited => {
            return Failure::denied("the host's address is not one that may be reached");
        }
        ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestHeaderSectionSize(_) => {
            return Failure::bad_config("its method, URL or headers are not ones that can be sent");
        }
        ErrorCode::InternalError(Some(words)) => return Failure::unavailable(words.clone()),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            return Failure::unavailable(format!("the name {} is not known", url.host()));
        }
        ErrorCode::ConnectionRefused => "the connection was refused",
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::HttpResponseTimeout => "there was no answer in time",
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            "the connection broke off"
        }
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            "there is no way to it"
        }
        ErrorCode::ConnectionLimitReached => "too many requests are under way",
        ErrorCode::HttpProtocolError => "the answer is not HTTP",
        ErrorCode::HttpResponseHeaderSectionSize(_) => "the answer's headers are too large",
        ErrorCode::HttpRequestBodySize(_) => "the request is too large (`limits.http_request`)",
        ErrorCode::TlsCertificateError => "the server's certificate is not trusted",
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
            "there was no agreement on TLS"
        }
        ErrorCode::HttpResponseBodySize(_) => "the answer is too large (`limits.http_response`)",
        _ => "the request failed",
    };
    Failure::unavailable(why)
}

pub(super) fn broken(error: &StreamError, url: &Url) -> Failure {
    match error {
        StreamError::Closed => Failure::unavailable("the connection broke off"),
        StreamError::LastOperationFailed(error) => match http_error_code(error) {
            Some(code) => refused(&code, url),
            None => Failure::unavailable("the connection broke off"),
        },
    }
}

pub(super) fn defect(what: &'static str) -> Failure {
    Failure::other(what)
}
