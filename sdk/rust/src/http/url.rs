//! The parts of an HTTP URL.

use crate::{Failure, Result};

/// An `http` or `https` URL in its parts, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether it is `https`.
    pub is_secure: bool,
    /// Host, and port where one is given: `example.com:8080`, `[::1]`.
    pub authority: String,
    /// From the first slash on, with the query: `/status?full`; `/` when there is none.
    pub path: String,
}

impl Url {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// `bad-config` when it is no `http` or `https` URL, or has a user's name in it.
    pub fn parse(text: &str) -> Result<Self> {
        let told =
            |why: &str| Failure::bad_config(format!("`{text}` is no URL for a request: {why}"));
        let (is_secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://"))
        {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(told("it begins with neither http:// nor https://")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(told(
                "a name and password belong into a header and a secret",
            ));
        }
        if authority.is_empty() || text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(told("there is no host, or a blank"));
        }
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Self {
            is_secure,
            authority: authority.to_owned(),
            path,
        })
    }

    /// The host without its port; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        match self.authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.authority.split(':').next().unwrap_or_default(),
        }
    }

    /// Scheme, host and port, as the operator grants them: `https://example.com`.
    pub fn origin(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// That requests there are not granted, with the line that grants them.
    pub(super) fn not_granted(&self) -> Failure {
        let origin = self.origin();
        Failure::denied(format!(
            "{origin} is not granted: add `grant = {{ http = [\"{origin}\"] }}` to this probe's section"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        for (text, secure, authority, host, path) in [
            ("http://a", false, "a", "a", "/"),
            (
                "https://a.b:8443/x/y?q=/#f",
                true,
                "a.b:8443",
                "a.b",
                "/x/y?q=/",
            ),
            ("http://[::1]:80?auto", false, "[::1]:80", "::1", "/?auto"),
        ] {
            let url = Url::parse(text).expect(text);
            assert_eq!(
                (url.is_secure, url.authority.as_str(), url.host()),
                (secure, authority, host)
            );
            assert_eq!(url.path, path);
        }
        for text in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http:///x",
            "http://a:b@c/",
            "http://a b/",
        ] {
            assert_eq!(Url::parse(text).expect_err(text).code(), "bad-config");
        }
    }
}
