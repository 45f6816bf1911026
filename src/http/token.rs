//! The token that requests carry: as a program shows it (`Bearer`, RFC 6750), or as a browser does (`Basic`, RFC 7617).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use axum::http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::negotiate::{Offer, choose};
use super::problem::{MEDIA, Problem};
use super::server::HttpError;

/// The largest token file: a token fits into a header many times over.
const MAX_FILE_BYTES: u64 = 8 << 10;

/// What a person reads who was asked by the browser and gave no token.
const FOR_PEOPLE: &str = "This Probity wants its token.\n\n\
     Load the page again and give the token as the password; the user name is not looked at.\n\
     Programs send the header `Authorization: Bearer TOKEN`.\n";

/// The token, hashed, so that comparing takes the same time whatever differs.
#[derive(Debug)]
pub(super) struct Token(blake3::Hash);

/// How a request shows the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// By a program, which sends it where it means to.
    Bearer,
    /// By a browser, which sends it along with whatever a page makes it ask for.
    Basic,
}

impl Token {
    /// Reads the first line of a regular file of at most [`MAX_FILE_BYTES`].
    ///
    /// # Errors
    /// [`HttpError::Token`] when the file cannot be read, is another one, or holds no token.
    pub(super) fn read(path: &Path) -> Result<Self, HttpError> {
        let fault = |reason: String| HttpError::Token {
            path: path.to_owned(),
            reason,
        };
        let text = read_file(path).map_err(|error| fault(error.to_string()))?;
        match text.lines().next().map(str::trim) {
            Some(token) if !token.is_empty() => Ok(Self(blake3::hash(token.as_bytes()))),
            _ => Err(fault("its first line is empty".into())),
        }
    }

    /// How these headers show the token; nothing when they do not.
    pub(super) fn shown(&self, headers: &HeaderMap) -> Option<Shown> {
        let (shown, given) = read(headers.get(AUTHORIZATION)?)?;
        // Comparing hashes of blake3 takes constant time.
        (blake3::hash(&given) == self.0).then_some(shown)
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    // Anything but a regular file could wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    let mut file = File::open(path)?.take(MAX_FILE_BYTES + 1);
    file.read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        let reason = format!("it holds more than {} KiB", MAX_FILE_BYTES >> 10);
        return Err(io::Error::other(reason));
    }
    Ok(text)
}

fn read(value: &HeaderValue) -> Option<(Shown, Vec<u8>)> {
    let value = value.as_bytes();
    let (scheme, rest) = value.split_at_checked(value.iter().position(|byte| *byte == b' ')?)?;
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some((Shown::Bearer, rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    // `USER:PASSWORD`; a user's name has no colon.
    let pair = STANDARD.decode(rest).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some((Shown::Basic, pair[colon + 1..].trim_ascii().to_owned()))
}

/// 401 with both ways to show the token; in words for who reads pages.
pub(super) fn wanted(headers: &HeaderMap) -> Problem {
    let bearer = HeaderValue::from_static("Bearer realm=\"probity\"");
    let basic = HeaderValue::from_static("Basic realm=\"probity\", charset=\"UTF-8\"");
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "a token is needed")
        .header(WWW_AUTHENTICATE, bearer)
        .header(WWW_AUTHENTICATE, basic);
    match choose(headers, &[Offer::plain(MEDIA), Offer::plain("text/html")]) {
        Ok(1) => problem.in_words(FOR_PEOPLE),
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_read_in_either_form() {
        let token = Token(blake3::hash(b"open sesame"));
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (value, shown) in [
            ("Bearer open sesame".to_owned(), Some(Shown::Bearer)),
            ("bEARER  open sesame ".to_owned(), Some(Shown::Bearer)),
            ("Bearer".to_owned(), None),
            ("Bearer ".to_owned(), None),
            ("Bearer open".to_owned(), None),
            ("Digest open sesame".to_owned(), None),
            (basic(":open sesame"), Some(Shown::Basic)),
            (basic("anybody:open sesame"), Some(Shown::Basic)),
            (basic("open sesame:"), None),
            (basic("open sesame"), None),
            (basic("me:open:sesame"), None),
            ("Basic open sesame".to_owned(), None),
            ("Basic".to_owned(), None),
            ("".to_owned(), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert_eq!(token.shown(&headers), shown, "`{value}`");
        }
    }
}
