//! HTTP exchanges: requests by method and URL, and what the servers answered.

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use wasmtime_wasi_http::Error;

use super::blob::Blob;
use super::{Deck, Role};

/// One exchange. With neither an error nor a status the server never answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::probe) struct HttpAnswer {
    method: String,
    /// As the guest wrote it, with placeholders for secrets.
    url: String,
    /// Why there was no answer, or why it broke off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, Blob)>,
    #[serde(default, skip_serializing_if = "is_empty")]
    body: Blob,
    /// The sizes of the pieces in which the body came, where it was more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pieces: Vec<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trailers: Vec<(String, Blob)>,
    /// Where the body ends, if that is not its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends: Option<HttpEnd>,
}

/// How a recorded body ends that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::probe) enum HttpEnd {
    /// The guest read no further.
    Unread,
    /// The server said no more.
    Silent,
}

fn is_empty(blob: &Blob) -> bool {
    blob.0.is_empty()
}

/// Where an exchange stands on a tape that is being recorded.
#[derive(Debug, Clone, Copy)]
pub(in crate::probe) struct HttpPlace {
    run: usize,
    index: usize,
}

/// What a tape says to a request.
pub(in crate::probe) enum HttpReplay {
    Answer(Box<HttpReplayed>),
    Error(Error),
    /// The server never answered.
    Silence,
}

/// An answer off the tape.
pub(in crate::probe) struct HttpReplayed {
    pub(in crate::probe) status: u16,
    pub(in crate::probe) headers: HeaderMap,
    /// The body's pieces, the first one first.
    pub(in crate::probe) pieces: Vec<Bytes>,
    pub(in crate::probe) trailers: Option<HeaderMap>,
    pub(in crate::probe) error: Option<Error>,
    pub(in crate::probe) ends: Option<HttpEnd>,
}

impl HttpAnswer {
    /// What is wrong in it, where somebody has edited it.
    pub(super) fn fault(&self) -> Option<String> {
        let at = format!("{} {}", self.method, self.url);
        if self
            .status
            .is_some_and(|status| !(100..1000).contains(&status))
        {
            return Some(format!("{at}: a status has three digits"));
        }
        let mut fields = self.headers.iter().chain(&self.trailers);
        if let Some((name, _)) = fields.find(|field| self::field(field).is_none()) {
            return Some(format!("{at}: `{name}` is no header"));
        }
        let unknown = self.error.as_deref().filter(|text| error(text).is_none());
        unknown.map(|text| format!("{at}: `{text}` is no error of wasi:http"))
    }

    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    fn replayed(&self) -> HttpReplay {
        let error = self.error.as_deref().and_then(error);
        let Some(status) = self.status else {
            return error.map_or(HttpReplay::Silence, HttpReplay::Error);
        };
        let fields = |list: &[(String, Blob)]| list.iter().filter_map(field).collect::<HeaderMap>();
        let trailers = (!self.trailers.is_empty()).then(|| fields(&self.trailers));
        HttpReplay::Answer(Box::new(HttpReplayed {
            status,
            headers: appended(&self.headers),
            pieces: self.cut(),
            trailers,
            error,
            ends: self.ends,
        }))
    }

    /// The body in its pieces; what an edited body has more than they say is one more, and what it has less is not there.
    fn cut(&self) -> Vec<Bytes> {
        let mut rest = Bytes::copy_from_slice(&self.body.0);
        let mut pieces = Vec::new();
        for size in &self.pieces {
            pieces.push(rest.split_to((*size).min(rest.len())));
        }
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

fn field((name, value): &(String, Blob)) -> Option<(HeaderName, HeaderValue)> {
    Some((
        HeaderName::from_bytes(name.as_bytes()).ok()?,
        HeaderValue::from_bytes(&value.0).ok()?,
    ))
}

/// With every value of a name that stands there more than once.
fn appended(list: &[(String, Blob)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list.iter().filter_map(field) {
        map.append(name, value);
    }
    map
}

fn fields(map: &HeaderMap) -> Vec<(String, Blob)> {
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), Blob(value.as_bytes().to_vec())))
        .collect()
}

impl Deck {
    /// What the tape says to a request, if it is one that is replayed.
    pub(in crate::probe) fn http_replay(&self, method: &str, url: &str) -> Option<HttpReplay> {
        if self.role != Role::Replaying {
            return None;
        }
        let is_it = |one: &HttpAnswer| one.method == method && one.url == url;
        let found = self.with_run(|run| run.http.next(is_it).map(HttpAnswer::replayed));
        Some(found.flatten().unwrap_or_else(|| {
            let missed = self.miss(&format!("{method} {url}"));
            HttpReplay::Error(Error::InternalError(Some(missed.message)))
        }))
    }

    /// A request goes out that is recorded.
    pub(in crate::probe) fn http_asked(&self, method: &str, url: &str) -> Option<HttpPlace> {
        let answer = HttpAnswer {
            method: method.to_owned(),
            url: url.to_owned(),
            error: None,
            status: None,
            headers: Vec::new(),
            body: Blob::default(),
            pieces: Vec::new(),
            trailers: Vec::new(),
            ends: None,
        };
        let bytes = method.len() + url.len();
        let (run, index) = self.record(bytes, url, |run| run.http.push(answer))?;
        Some(HttpPlace { run, index })
    }

    /// It failed, or its answer broke off.
    pub(in crate::probe) fn http_failed(&self, place: HttpPlace, why: &Error) {
        match name(why) {
            Some(name) => self.at_http(place, |answer| answer.error = Some(name)),
            None => {
                let what = format!("the HTTP error {why:?}");
                self.unrecordable(&what);
            }
        }
    }

    /// An answer begins.
    pub(in crate::probe) fn http_began(&self, place: HttpPlace, status: u16, headers: &HeaderMap) {
        let bytes = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len());
        if self.has_room(bytes.sum(), "an answer's headers") {
            self.at_http(place, |answer| {
                (answer.status, answer.headers) = (Some(status), fields(headers));
                // Until it has come to its end.
                answer.ends = Some(HttpEnd::Unread);
            });
        }
    }

    /// A piece of its body came.
    pub(in crate::probe) fn http_piece(&self, place: HttpPlace, piece: &[u8]) {
        if piece.is_empty() || !self.has_room(piece.len(), "an answer's body") {
            return;
        }
        self.at_http(place, |answer| {
            answer.body.0.extend_from_slice(piece);
            answer.pieces.push(piece.len());
        });
    }

    /// Its trailers came.
    pub(in crate::probe) fn http_trailers(&self, place: HttpPlace, trailers: &HeaderMap) {
        self.at_http(place, |answer| answer.trailers = fields(trailers));
    }

    /// It has come to an end.
    pub(in crate::probe) fn http_ended(&self, place: HttpPlace, ends: Option<HttpEnd>) {
        self.at_http(place, |answer| {
            answer.ends = ends;
            if answer.pieces.len() == 1 {
                answer.pieces.clear();
            }
        });
    }

    fn at_http(&self, place: HttpPlace, change: impl FnOnce(&mut HttpAnswer)) {
        self.with_document(|document| {
            let run = document.runs.get_mut(place.run)?;
            run.http.at(place.index).map(change)
        });
    }
}

/// Makes an error.
type Plain = fn() -> Error;

/// The errors without anything in them, by their names in `wasi:http`.
const ERRORS: [(&str, Plain); 25] = [
    ("DnsTimeout", || Error::DnsTimeout),
    ("DestinationNotFound", || Error::DestinationNotFound),
    ("DestinationUnavailable", || Error::DestinationUnavailable),
    ("DestinationIpProhibited", || Error::DestinationIpProhibited),
    ("DestinationIpUnroutable", || Error::DestinationIpUnroutable),
    ("ConnectionRefused", || Error::ConnectionRefused),
    ("ConnectionTerminated", || Error::ConnectionTerminated),
    ("ConnectionTimeout", || Error::ConnectionTimeout),
    ("ConnectionReadTimeout", || Error::ConnectionReadTimeout),
    ("ConnectionWriteTimeout", || Error::ConnectionWriteTimeout),
    ("ConnectionLimitReached", || Error::ConnectionLimitReached),
    ("TlsProtocolError", || Error::TlsProtocolError),
    ("TlsCertificateError", || Error::TlsCertificateError),
    ("HttpRequestDenied", || Error::HttpRequestDenied),
    ("HttpRequestLengthRequired", || {
        Error::HttpRequestLengthRequired
    }),
    ("HttpRequestMethodInvalid", || {
        Error::HttpRequestMethodInvalid
    }),
    ("HttpRequestUriInvalid", || Error::HttpRequestUriInvalid),
    ("HttpRequestUriTooLong", || Error::HttpRequestUriTooLong),
    ("HttpResponseIncomplete", || Error::HttpResponseIncomplete),
    ("HttpResponseTimeout", || Error::HttpResponseTimeout),
    ("HttpUpgradeFailed", || Error::HttpUpgradeFailed),
    ("HttpProtocolError", || Error::HttpProtocolError),
    ("LoopDetected", || Error::LoopDetected),
    ("ConfigurationError", || Error::ConfigurationError),
    ("InternalError", || Error::InternalError(None)),
];

/// An error as text; nothing for one that this host never gives.
fn name(error: &Error) -> Option<String> {
    Some(match error {
        Error::DnsError { rcode, .. } => {
            format!("DnsError: {}", rcode.as_deref().unwrap_or_default())
        }
        Error::TlsAlertReceived {
            alert_id,
            alert_message,
        } => {
            let message = alert_message.as_deref().unwrap_or_default();
            format!("TlsAlertReceived: {} {message}", (*alert_id)?)
        }
        Error::InternalError(None) => "InternalError".to_owned(),
        Error::InternalError(Some(text)) => format!("InternalError: {text}"),
        Error::HttpRequestBodySize(Some(size)) => format!("HttpRequestBodySize: {size}"),
        Error::HttpResponseBodySize(Some(size)) => format!("HttpResponseBodySize: {size}"),
        Error::HttpResponseHeaderSectionSize(Some(size)) => {
            format!("HttpResponseHeaderSectionSize: {size}")
        }
        plain => {
            let shown = format!("{plain:?}");
            let (name, _) = ERRORS.iter().find(|(name, _)| *name == shown)?;
            (*name).to_owned()
        }
    })
}

/// The error of such a text.
fn error(text: &str) -> Option<Error> {
    let Some((name, rest)) = text.split_once(": ") else {
        let known = ERRORS.iter().find(|(name, _)| *name == text);
        return known.map(|(_, error)| error());
    };
    Some(match name {
        "DnsError" => Error::DnsError {
            rcode: Some(rest.to_owned()),
            info_code: None,
        },
        "TlsAlertReceived" => {
            let (id, message) = rest.split_once(' ')?;
            Error::TlsAlertReceived {
                alert_id: Some(id.parse().ok()?),
                alert_message: Some(message.to_owned()),
            }
        }
        "InternalError" => Error::InternalError(Some(rest.to_owned())),
        "HttpRequestBodySize" => Error::HttpRequestBodySize(Some(rest.parse().ok()?)),
        "HttpResponseBodySize" => Error::HttpResponseBodySize(Some(rest.parse().ok()?)),
        "HttpResponseHeaderSectionSize" => {
            Error::HttpResponseHeaderSectionSize(Some(rest.parse().ok()?))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_that_is_given_comes_back() {
        let plain = ERRORS.iter().map(|(_, error)| error());
        let others = [
            Error::DnsError {
                rcode: Some("failed to look up: no such name".into()),
                info_code: None,
            },
            Error::TlsAlertReceived {
                alert_id: Some(40),
                alert_message: Some("HandshakeFailure".into()),
            },
            Error::InternalError(Some("why: so".into())),
            Error::HttpRequestBodySize(Some(7)),
            Error::HttpResponseBodySize(Some(7)),
            Error::HttpResponseHeaderSectionSize(Some(7)),
        ];
        for one in plain.chain(others) {
            let text = name(&one).expect("it has a name");
            let again = error(&text).map(|error| format!("{error:?}"));
            assert_eq!(again, Some(format!("{one:?}")), "{text}");
        }
        for text in ["", "Nonsense", "Nonsense: 1", "HttpResponseBodySize: many"] {
            assert!(error(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_edited_body_is_cut_as_far_as_it_goes() {
        let cut = |body: &str, pieces: &[usize]| {
            let answer = HttpAnswer {
                body: Blob(body.into()),
                pieces: pieces.to_vec(),
                ..serde_json::from_str("{\"method\":\"GET\",\"url\":\"http://a/\"}").expect("one")
            };
            let texts = answer.cut().into_iter();
            texts
                .map(|piece| String::from_utf8_lossy(&piece).into_owned())
                .collect::<Vec<_>>()
                .join("|")
        };
        assert_eq!(cut("abcdef", &[2, 4]), "ab|cdef");
        assert_eq!(cut("abcdef", &[2]), "ab|cdef");
        assert_eq!(cut("abc", &[2, 4]), "ab|c");
        assert_eq!(cut("", &[2]), "");
        assert_eq!(cut("abc", &[]), "abc");
    }
}
