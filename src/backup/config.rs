//! Configuration of backups.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{Invalid, Span, check_range};

/// `[backup]`: where backups go, how often one is made, and how many are kept.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether backups are made and shown at all by a running Probity.
    pub enabled: bool,
    /// How often one is made by itself; unset: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// How often the newest archive is read through, whether it still is what was put there; unset: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_interval: Option<Span>,
    /// The kind of place that they go to.
    pub to: Place,
    /// The folder; unset: `backups` in the state folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Good backups kept; the oldest of more go.
    pub keep: u32,
    /// How long a good backup is kept; unset: as long as it is among those of `keep`. The one just made stays in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_for: Option<Span>,
    /// How hard zstd tries.
    pub level: i32,
    /// How long all of one backup may take.
    pub timeout: Span,
    /// `[backup.s3]`: the object storage.
    pub s3: S3Config,
}

/// A kind of place for backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A folder of this machine.
    Folder,
    /// Object storage that speaks S3.
    S3,
}

/// `[backup.s3]`: object storage that speaks S3.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// The bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What the objects' names begin with, before a slash; nothing else should lie there.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Scheme, host and port; unset: those of AWS for the region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path and not in the host.
    pub path_style: bool,
    /// Whether the endpoint may be without TLS.
    pub allow_http: bool,
    /// The secret of `[secrets]` that holds the access key's id; unset: `AWS_ACCESS_KEY_ID` of the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// The secret of `[secrets]` that holds the secret access key; unset: `AWS_SECRET_ACCESS_KEY` of the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// How long one request may take, each try of it.
    pub timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            every: None,
            verify_interval: None,
            to: Place::Folder,
            folder: None,
            keep: 7,
            keep_for: None,
            level: 3,
            timeout: Span::seconds(3_600),
            s3: S3Config::default(),
        }
    }
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            bucket: None,
            prefix: "probity".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: None,
            path_style: true,
            allow_http: false,
            access_key: None,
            secret_key: None,
            timeout: Span::seconds(60),
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        let (minute, day, year) = (60, 86_400, 8_760 * 3_600);
        let range = |least, most| (Span::seconds(least), Span::seconds(most));
        let mut span = |key, value, (least, most)| {
            check_range(&mut faults, key, value, least, most);
        };
        if let Some(every) = self.every {
            span("every", every, range(minute, year));
        }
        if let Some(interval) = self.verify_interval {
            span("verify_interval", interval, range(minute, year));
        }
        if let Some(keep_for) = self.keep_for {
            span("keep_for", keep_for, range(minute, 10 * year));
        }
        span("timeout", self.timeout, range(minute, day));
        span("s3.timeout", self.s3.timeout, range(1, 600));
        check_range(&mut faults, "keep", self.keep, 1, 1_000);
        check_range(&mut faults, "level", self.level, 1, 19);
        if let Some(folder) = self.folder.as_ref().filter(|one| !one.is_absolute()) {
            let rule = "must be an absolute path";
            faults.push(Invalid::new("folder", folder.display(), rule));
        }
        self.s3.check(self.to, &mut faults);
        faults
    }
}

impl S3Config {
    fn check(&self, to: Place, faults: &mut Vec<Invalid>) {
        let mut fault = |key: &str, value: &str, rule: &str| {
            faults.push(Invalid::new(format!("s3.{key}"), value, rule));
        };
        match self.bucket.as_deref() {
            None if to == Place::S3 => {
                fault("bucket", "", "must be set where `to` is \"s3\"");
            }
            Some(bucket) if !is_bucket(bucket) => {
                let rule = "must be 3 to 63 lower-case letters, digits, `-` and `.`";
                fault("bucket", bucket, rule);
            }
            None | Some(_) => {}
        }
        if !is_prefix(&self.prefix) {
            let rule =
                "must be words of letters, digits, `-`, `_` and `.`, with a `/` between them";
            fault("prefix", &self.prefix, rule);
        }
        if self.region.is_empty() || !self.region.bytes().all(|one| plain(one) && one != b'.') {
            fault(
                "region",
                &self.region,
                "must be letters, digits, `-` and `_`",
            );
        }
        if let Some(rule) = self
            .endpoint
            .as_deref()
            .and_then(|one| self.endpoint_fault(one))
        {
            // A password in it would be shown with the fault.
            fault("endpoint", "", rule);
        }
        match (&self.access_key, &self.secret_key) {
            (Some(name), None) => fault("access_key", name, "must have secret_key beside it"),
            (None, Some(name)) => fault("secret_key", name, "must have access_key beside it"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn endpoint_fault(&self, endpoint: &str) -> Option<&'static str> {
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return Some("must be like \"https://s3.example.com\"");
        };
        match scheme {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => return Some("must begin with https://, unless allow_http is set"),
            _ => return Some("must begin with https://"),
        }
        let is_host = |byte: u8| plain(byte) || matches!(byte, b':' | b'[' | b']');
        let good = !rest.is_empty() && rest.bytes().all(is_host);
        (!good).then_some("must be a scheme, a host and a port, without a path or a user")
    }
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn is_bucket(name: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    (3..=63).contains(&name.len()) && name.bytes().all(fits) && !name.contains("..")
}

fn is_prefix(prefix: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(plain) && !matches!(word, "." | "..");
    prefix.len() <= 512 && prefix.split('/').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config::default();
        change(&mut config);
        let faults = config.check();
        faults
            .into_iter()
            .map(|fault| format!("{} {}", fault.key, fault.rule))
            .collect()
    }

    #[test]
    fn object_storage_is_named_whole_and_without_secrets() {
        assert_eq!(faults(|_| ()), [""; 0]);
        assert_eq!(
            faults(|config| config.to = Place::S3),
            ["s3.bucket must be set where `to` is \"s3\""]
        );
        for (endpoint, allow_http, wanted) in [
            ("https://s3.example.com", false, None),
            ("http://127.0.0.1:9000", true, None),
            ("http://127.0.0.1:9000", false, Some("unless allow_http")),
            ("https://me:word@s3.example.com", false, Some("or a user")),
            ("https://s3.example.com/path", false, Some("without a path")),
            ("ftp://s3.example.com", true, Some("begin with https://")),
            ("s3.example.com", false, Some("must be like")),
            ("https://", false, Some("a host")),
        ] {
            let told = faults(|config| {
                config.s3.endpoint = Some(endpoint.to_owned());
                config.s3.allow_http = allow_http;
            });
            match wanted {
                Some(rule) => assert!(told[0].contains(rule), "{endpoint}: {told:?}"),
                None => assert_eq!(told, [""; 0], "{endpoint}"),
            }
            assert!(!told.concat().contains("word"), "{told:?}");
        }
    }

    #[test]
    fn names_are_plain_and_keys_come_in_pairs() {
        for (bucket, prefix, region, count) in [
            ("backups", "probity/one", "eu-central-1", 0),
            ("No", "probity", "x", 1),
            ("a..b", "probity", "x", 1),
            ("backups", "", "x", 1),
            ("backups", "a//b", "x", 1),
            ("backups", "../b", "x", 1),
            ("backups", "a b", "", 2),
        ] {
            let told = faults(|config| {
                config.s3.bucket = Some(bucket.to_owned());
                config.s3.prefix = prefix.to_owned();
                config.s3.region = region.to_owned();
            });
            assert_eq!(told.len(), count, "{bucket} {prefix} {region}: {told:?}");
        }
        let one = |config: &mut Config| config.s3.access_key = Some("id".to_owned());
        assert_eq!(
            faults(one),
            ["s3.access_key must have secret_key beside it"]
        );
        let relative = |config: &mut Config| config.folder = Some("backups".into());
        assert_eq!(faults(relative), ["folder must be an absolute path"]);
    }
}
