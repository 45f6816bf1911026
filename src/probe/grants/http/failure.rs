//! What went wrong with an exchange, in the words of `wasi:http`.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use wasmtime_wasi_http::Error;

use super::MAX_HEADER_BYTES;

/// Why no connection was made.
pub(super) fn of_connect(error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::TimedOut => Error::ConnectionTimeout,
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
            Error::DestinationIpUnroutable
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Error::ConnectionTerminated,
        _ => Error::DestinationUnavailable,
    }
}

/// Why the server is not spoken to over TLS.
pub(super) fn of_tls(error: &io::Error) -> Error {
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        Some(_) => Error::TlsProtocolError,
        None => of_connect(error),
    }
}

/// Why a request or its answer broke off.
pub(super) fn of_hyper(error: hyper::Error) -> Error {
    if error.is_parse_too_large() {
        let limit = u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX);
        return Error::HttpResponseHeaderSectionSize(Some(limit));
    }
    if error.is_parse() {
        return Error::HttpProtocolError;
    }
    if error.is_incomplete_message() {
        return Error::HttpResponseIncomplete;
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        // A request's body that grew too large comes back as hyper's reason to give up.
        if let Some(Error::HttpRequestBodySize(size)) = inner.downcast_ref() {
            return Error::HttpRequestBodySize(*size);
        }
        if let Some(inner) = inner.downcast_ref::<io::Error>() {
            return match inner.kind() {
                ErrorKind::InvalidData | ErrorKind::InvalidInput => Error::HttpProtocolError,
                ErrorKind::UnexpectedEof => Error::HttpResponseIncomplete,
                _ => Error::ConnectionTerminated,
            };
        }
        cause = inner.source();
    }
    if error.is_closed() || error.is_canceled() {
        Error::ConnectionTerminated
    } else {
        Error::HttpProtocolError
    }
}
