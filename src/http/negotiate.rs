//! What the client can read: media types, encodings, and what it already has (RFC 9110, sections 12 and 13).

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::problem::Problem;

/// A media type that a route can answer with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    /// `type/subtype`.
    pub(super) media: &'static str,
    /// Its `version` parameter, where it has one.
    pub(super) version: Option<&'static str>,
    /// The whole `Content-Type`.
    pub(super) content_type: &'static str,
}

impl Offer {
    /// A media type without parameters.
    pub(super) const fn plain(media: &'static str) -> Self {
        Self {
            media,
            version: None,
            content_type: media,
        }
    }

    /// The `Content-Type` header.
    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::from_static(self.content_type)
    }
}

/// What most routes offer.
pub(super) const JSON: &[Offer] = &[Offer::plain("application/json")];

/// The index of the offer that the client likes best; at equal liking the earlier one.
///
/// # Errors
/// 406 with the offers when it can read none of them.
pub(super) fn choose(headers: &HeaderMap, offers: &[Offer]) -> Result<usize, Problem> {
    if !headers.contains_key(ACCEPT) {
        return Ok(0);
    }
    let mut best: Option<(usize, f32)> = None;
    for (index, offer) in offers.iter().enumerate() {
        let liking = liking(headers, offer);
        if liking > best.map_or(0.0, |(_, most)| most) {
            best = Some((index, liking));
        }
    }
    best.map(|(index, _)| index).ok_or_else(|| {
        let offered: Vec<Value> = offers
            .iter()
            .map(|offer| offer.content_type.into())
            .collect();
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "none of the media types in Accept is offered here",
        )
        .member("offered", offered.into())
    })
}

/// The quality of the most specific range that the offer falls into; 0 when it falls into none.
fn liking(headers: &HeaderMap, offer: &Offer) -> f32 {
    let mut best = (0, 0.0);
    for element in elements(headers, &ACCEPT) {
        let (range, parameters) = element.split_once(';').unwrap_or((element, ""));
        let Some(specific) = specificity(range.trim(), offer.media) else {
            continue;
        };
        let Some((matched, quality)) = parameters_fit(parameters, offer) else {
            continue;
        };
        if specific + matched > best.0 {
            best = (specific + matched, quality);
        }
    }
    best.1
}

/// How closely a range names a media type, or nothing when it does not.
fn specificity(range: &str, media: &str) -> Option<u32> {
    if range == "*/*" {
        return Some(1);
    }
    if range.eq_ignore_ascii_case(media) {
        return Some(3);
    }
    let kind = range.strip_suffix("/*")?;
    let (offered, _) = media.split_once('/')?;
    kind.eq_ignore_ascii_case(offered).then_some(2)
}

/// How many parameters of a range name the offer's, and its quality; nothing when one contradicts.
/// Parameters that say nothing about version or character set (such as Prometheus' `escaping`) are passed over.
fn parameters_fit(parameters: &str, offer: &Offer) -> Option<(u32, f32)> {
    let (mut matched, mut quality) = (0, 1.0);
    for parameter in parameters.split(';').map(str::trim) {
        let Some((key, value)) = parameter.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => quality = quality_of(value),
            "version" if offer.version == Some(value) => matched += 1,
            "charset" if value.eq_ignore_ascii_case("utf-8") => matched += 1,
            "version" | "charset" => return None,
            _ => {}
        }
    }
    Some((matched, quality))
}

fn quality_of(text: &str) -> f32 {
    let quality = text.parse().unwrap_or(0.0);
    if (0.0..=1.0).contains(&quality) {
        quality
    } else {
        0.0
    }
}

/// Whether the client prefers gzip to the plain bytes.
pub(super) fn prefers_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for element in elements(headers, &ACCEPT_ENCODING) {
        let (coding, parameters) = element.split_once(';').unwrap_or((element, ""));
        let quality = parameters
            .split(';')
            .find_map(|parameter| parameter.trim().strip_prefix("q="))
            .map_or(1.0, |value| quality_of(value.trim()));
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(quality),
            "identity" => identity = Some(quality),
            "*" => any = Some(quality),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

/// Whether `If-None-Match` names this entity tag (quotes included) by weak comparison, or any by `*`.
pub(super) fn has_already(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.as_bytes();
    headers.get_all(IF_NONE_MATCH).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        value == b"*" || lists(value, tag)
    })
}

/// Entity tags may hold commas, so they are found by their quotes.
fn lists(mut value: &[u8], tag: &[u8]) -> bool {
    while let Some(start) = value.iter().position(|byte| *byte == b'"') {
        let rest = &value[start + 1..];
        let Some(length) = rest.iter().position(|byte| *byte == b'"') else {
            return false;
        };
        if &value[start..start + length + 2] == tag {
            return true;
        }
        value = &rest[length + 1..];
    }
    false
}

/// The comma-separated elements of all lines of a header that are text.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: [Offer; 2] = [
        Offer {
            media: "text/plain",
            version: Some("0.0.4"),
            content_type: "text/plain; version=0.0.4; charset=utf-8",
        },
        Offer {
            media: "application/openmetrics-text",
            version: Some("1.0.0"),
            content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
        },
    ];

    fn with(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn the_media_type_is_the_one_the_client_likes_best() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let classic =
            "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.8";
        for (accept, wanted) in [
            ("", None),
            ("*/*", Some(0)),
            ("text/*", Some(0)),
            (prometheus_2, Some(1)),
            (prometheus_3, Some(1)),
            (classic, Some(0)),
            ("application/*, text/*;q=0.5", Some(1)),
            ("TEXT/PLAIN", Some(0)),
            ("text/plain; charset=UTF-8; version=\"0.0.4\"", Some(0)),
            ("text/plain;version=1.0.0", None),
            ("text/plain;charset=latin1", None),
            ("text/plain;q=0, */*;q=0.1", Some(1)),
            ("application/openmetrics-text;version=0.0.1", None),
            ("image/png", None),
            ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", Some(0)),
            ("text/plain;q=banana", None),
        ] {
            let chosen = choose(&with(ACCEPT, &[accept]), &METRICS).ok();
            assert_eq!(chosen, wanted, "{accept}");
        }
        assert_eq!(choose(&HeaderMap::new(), &METRICS).ok(), Some(0));
        let lines = with(ACCEPT, &["image/png", "application/openmetrics-text"]);
        assert_eq!(choose(&lines, &METRICS).ok(), Some(1));
    }

    #[test]
    fn gzip_is_chosen_only_by_those_who_ask_for_it() {
        for (accept, wanted) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("identity, gzip;q=0.5", false),
            ("br, zstd", false),
            ("", false),
        ] {
            let headers = with(ACCEPT_ENCODING, &[accept]);
            assert_eq!(prefers_gzip(&headers), wanted, "{accept}");
        }
        assert!(!prefers_gzip(&HeaderMap::new()));
    }

    #[test]
    fn entity_tags_are_found_in_lists_by_weak_comparison() {
        let tag = HeaderValue::from_static("\"a,b\"");
        for (value, wanted) in [
            ("\"a,b\"", true),
            ("W/\"a,b\"", true),
            ("\"x\", W/\"y\" , \"a,b\"", true),
            ("*", true),
            ("\"a\"", false),
            ("a,b", false),
            ("\"a,b", false),
            ("", false),
        ] {
            let headers = with(IF_NONE_MATCH, &[value]);
            assert_eq!(has_already(&headers, &tag), wanted, "{value}");
        }
    }
}
