//! Placeholders: texts that stand for secrets in a guest's hands, and their replacement on the way out.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderValue};
use rustls::crypto::ring;

use super::Grants;
use super::denied::Attempt;
use super::origin::Origin;
use super::secrets::{Secret, Secrets};
use crate::model::Failure;
use crate::probe::tape::Tape;

/// How every placeholder begins; the rest is random.
const PREFIX: &str = "probity-secret-";
/// Nobody guesses 128 bits.
const RANDOM_BYTES: usize = 16;

/// One probe's granted secrets.
pub(super) struct GrantedSecrets(Vec<Granted>);

struct Granted {
    name: String,
    secret: Arc<Secret>,
    /// What stands for it; nothing when only the secret itself is granted.
    placeholder: Option<String>,
    revealed: bool,
}

/// Why a request with a placeholder in it is not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfilled {
    /// The secret must not go there.
    Denied(Attempt),
    /// The secret, by name, holds bytes that cannot stand there.
    Unfit(String),
}

impl GrantedSecrets {
    /// The secrets that are granted, each with a placeholder of its own.
    ///
    /// # Errors
    /// `grant` when one of them is not there, or the machine has no random numbers.
    pub(super) fn new(grants: &Grants, secrets: &Secrets, tape: &Tape) -> Result<Self, Failure> {
        let mut names: Vec<&String> = grants.secrets.iter().chain(&grants.reveal).collect();
        names.sort();
        names.dedup();
        let granted = names.into_iter().map(|name| {
            let secret = secrets.get(name).ok_or_else(|| {
                Failure::new("grant", format!("there is no secret `{name}` in [secrets]"))
            })?;
            let by_placeholder = grants.secrets.contains(name);
            Ok(Granted {
                name: name.clone(),
                secret: secret.clone(),
                placeholder: by_placeholder
                    .then(|| placeholder(tape, name))
                    .transpose()?,
                revealed: grants.reveal.contains(name),
            })
        });
        Ok(Self(granted.collect::<Result<_, _>>()?))
    }

    /// The text that stands for a secret, if that is granted.
    pub(super) fn placeholder(&self, name: &str) -> Option<&str> {
        let granted = self.0.iter().find(|one| one.name == name)?;
        granted.placeholder.as_deref()
    }

    /// The secret itself, if that is granted.
    pub(super) fn reveal(&self, name: &str) -> Option<&[u8]> {
        let granted = self.0.iter().find(|one| one.name == name)?;
        granted.revealed.then_some(&granted.secret.value)
    }

    /// Puts the secrets into the header values that carry their placeholders.
    ///
    /// # Errors
    /// When one of them must not go to `origin`, or fits no header; the headers must not be sent then.
    pub(super) fn fill_headers(
        &self,
        headers: &mut HeaderMap,
        origin: &Origin,
    ) -> Result<(), Unfilled> {
        for value in headers.values_mut() {
            let mut filled = None;
            for (granted, placeholder) in self.standing_in(value.as_bytes()) {
                granted.check(origin)?;
                let current = filled.as_deref().unwrap_or(value.as_bytes());
                filled = Some(replace(
                    current,
                    placeholder.as_bytes(),
                    &granted.secret.value,
                ));
                HeaderValue::from_bytes(filled.as_deref().unwrap_or_default())
                    .map_err(|_| Unfilled::Unfit(granted.name.clone()))?;
            }
            if let Some(filled) = filled {
                *value = HeaderValue::from_bytes(&filled).expect("it was one above");
                value.set_sensitive(true);
            }
        }
        Ok(())
    }

    /// Puts the secrets into a query, percent-encoded. Nothing when it carries no placeholder. A path is left as it is:
    /// it ends up in the logs of every proxy and server on its way.
    ///
    /// # Errors
    /// When one of them must not go to `origin`.
    pub(super) fn fill_query(
        &self,
        path_and_query: &str,
        origin: &Origin,
    ) -> Result<Option<String>, Unfilled> {
        let Some((path, query)) = path_and_query.split_once('?') else {
            return Ok(None);
        };
        let mut filled = None;
        for (granted, placeholder) in self.standing_in(query.as_bytes()) {
            granted.check(origin)?;
            let current = filled.as_deref().unwrap_or(query);
            filled = Some(current.replace(placeholder, &percent_encoded(&granted.secret.value)));
        }
        Ok(filled.map(|query| format!("{path}?{query}")))
    }

    /// The secrets whose placeholders are in `text`.
    fn standing_in(&self, text: &[u8]) -> Vec<(&Granted, &str)> {
        if !contains(text, PREFIX.as_bytes()) {
            return Vec::new();
        }
        let standing = self.0.iter().filter_map(|granted| {
            let placeholder = granted.placeholder.as_deref()?;
            contains(text, placeholder.as_bytes()).then_some((granted, placeholder))
        });
        standing.collect()
    }
}

impl Granted {
    fn check(&self, origin: &Origin) -> Result<(), Unfilled> {
        let origins = &self.secret.origins;
        if origins.is_empty() || origins.contains(origin) {
            return Ok(());
        }
        let attempt = Attempt::secret_to(&self.name, &origin.to_string());
        Err(Unfilled::Denied(attempt))
    }
}

/// A random one, or the same for each run of a tape.
fn placeholder(tape: &Tape, name: &str) -> Result<String, Failure> {
    let random = match tape.placeholder(name) {
        Some(taped) => taped,
        None => {
            let mut random = [0; RANDOM_BYTES];
            let source = ring::default_provider().secure_random;
            let refused = |_| Failure::new("grant", "the machine gives no random numbers");
            source.fill(&mut random).map_err(refused)?;
            random
        }
    };
    let mut text = PREFIX.to_owned();
    for byte in random {
        text += &format!("{byte:02x}");
    }
    Ok(text)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn replace(text: &[u8], part: &[u8], by: &[u8]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(text.len() + by.len());
    let mut rest = text;
    while let Some(at) = rest.windows(part.len()).position(|window| window == part) {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(by);
        rest = &rest[at + part.len()..];
    }
    filled.extend_from_slice(rest);
    filled
}

/// As RFC 3986 has it: all but the unreserved characters.
pub(in crate::probe) fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::secrets::tests::secrets;
    use super::*;

    const ORIGIN: &str = "https://api.example";

    fn granted(list: &[(&str, &[u8], &[&str])], names: &[&str], reveal: &[&str]) -> GrantedSecrets {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let grants = Grants {
            secrets: owned(names),
            reveal: owned(reveal),
            ..Grants::default()
        };
        GrantedSecrets::new(&grants, &secrets(list), &Tape::default()).unwrap()
    }

    fn header(value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).unwrap();
        HeaderMap::from_iter([(hyper::header::AUTHORIZATION, value)])
    }

    #[test]
    fn a_placeholder_is_replaced_wherever_it_stands_in_a_header() {
        let secrets = granted(&[("a", b"AAA", &[]), ("b", b"B", &[])], &["a", "b"], &[]);
        let (a, b) = (
            secrets.placeholder("a").unwrap(),
            secrets.placeholder("b").unwrap(),
        );
        assert_ne!(a, b);
        assert_eq!(a.len(), PREFIX.len() + 32);
        let mut headers = header(&format!("Bearer {a}:{b}:{a}"));
        secrets
            .fill_headers(&mut headers, &ORIGIN.parse().unwrap())
            .unwrap();
        let value = &headers[hyper::header::AUTHORIZATION];
        assert_eq!(value, "Bearer AAA:B:AAA");
        assert!(value.is_sensitive());
        let mut untouched = header("Bearer probity-secret-0123");
        secrets
            .fill_headers(&mut untouched, &ORIGIN.parse().unwrap())
            .unwrap();
        assert_eq!(untouched, header("Bearer probity-secret-0123"));
    }

    #[test]
    fn a_query_is_filled_percent_encoded_and_a_path_is_not() {
        let secrets = granted(&[("a", b"a b&=\xff~", &[])], &["a"], &[]);
        let placeholder = secrets.placeholder("a").unwrap();
        let origin = ORIGIN.parse().unwrap();
        let filled = secrets.fill_query(&format!("/x?key={placeholder}&n=1"), &origin);
        assert_eq!(
            filled.unwrap().as_deref(),
            Some("/x?key=a%20b%26%3D%FF~&n=1")
        );
        let path = format!("/{placeholder}");
        assert_eq!(secrets.fill_query(&path, &origin), Ok(None));
        assert_eq!(secrets.fill_query("/x?y", &origin), Ok(None));
    }

    #[test]
    fn a_secret_goes_only_where_it_may() {
        let secrets = granted(&[("a", b"AAA", &[ORIGIN])], &["a"], &[]);
        let placeholder = secrets.placeholder("a").unwrap();
        let there = ORIGIN.parse().unwrap();
        let elsewhere = "http://api.example".parse().unwrap();
        let mut headers = header(placeholder);
        let refused = secrets.fill_headers(&mut headers, &elsewhere);
        assert!(matches!(refused, Err(Unfilled::Denied(_))));
        let query = format!("/?{placeholder}");
        assert!(secrets.fill_query(&query, &elsewhere).is_err());
        assert!(secrets.fill_query(&query, &there).is_ok());
        secrets.fill_headers(&mut headers, &there).unwrap();
    }

    #[test]
    fn a_secret_that_would_break_the_header_is_named_and_not_sent() {
        let secrets = granted(&[("a", b"x\r\nHost: evil", &[])], &["a"], &[]);
        let mut headers = header(secrets.placeholder("a").unwrap());
        let refused = secrets.fill_headers(&mut headers, &ORIGIN.parse().unwrap());
        assert_eq!(refused, Err(Unfilled::Unfit("a".into())));
    }

    #[test]
    fn a_placeholder_and_the_secret_itself_are_two_grants() {
        let list: &[(&str, &[u8], &[&str])] =
            &[("a", b"A", &[]), ("b", b"B", &[]), ("c", b"C", &[])];
        let secrets = granted(list, &["a"], &["b"]);
        assert!(secrets.placeholder("a").is_some() && secrets.reveal("a").is_none());
        assert!(secrets.placeholder("b").is_none() && secrets.reveal("b") == Some(b"B"));
        assert!(secrets.placeholder("c").is_none() && secrets.reveal("c").is_none());
        let grants = Grants {
            secrets: vec!["none".into()],
            ..Grants::default()
        };
        let refused = GrantedSecrets::new(&grants, &Secrets::default(), &Tape::default())
            .err()
            .unwrap();
        assert_eq!(refused.code, "grant");
    }
}
