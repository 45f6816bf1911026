//! From merged TOML to a checked [`Config`], with every fault on the way.
//!
//! serde stops at the first fault. So each faulty value is replaced by its default (or taken out) and the rest is
//! read again, until it fits; then the rooms check what they were given.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, ValueDeserializer};

use super::fault::{ConfigError, Fault, Place};
use super::layer::{self, Override};
use super::path::{KeyPath, Step};
use super::tree::{self, Node};
use super::{Config, bounds, words};
use crate::backup::{self, Credentials};
use crate::model::Invalid;
use crate::probe::{Environment, Secrets};

/// The most faults reported at once. Each costs one more reading of the file, and nobody reads further.
const MAX_FAULTS: usize = 50;

/// How a rule begins that a value of a list breaks by being there already.
const GIVEN_ONCE: &str = "must be given once";

/// What the file is called in messages when there is none.
const BUILT_IN: &str = "<built-in defaults>";

/// A configuration text and what is laid over it.
pub(super) struct Document<'a> {
    /// The file; nothing for the built-in one.
    pub(super) file: Option<PathBuf>,
    /// Its text.
    pub(super) text: &'a str,
    /// What is laid over it, in rising precedence.
    pub(super) overrides: &'a [Override],
}

/// One fault in the tree, before its place is told.
struct Finding {
    /// Where it is in the tree as it was read.
    path: KeyPath,
    /// The same place in the tree that is being pruned.
    pruned: KeyPath,
    /// What is expected.
    rule: String,
    /// What to do about it.
    suggestion: Option<String>,
    /// The key is at fault, not its value.
    unknown_key: bool,
    /// The value, when the tree does not hold it.
    fallback: String,
}

/// What a document comes to.
pub(super) struct Decoded {
    pub(super) config: Config,
    pub(super) secrets: Secrets,
    pub(super) backup_credentials: Option<Credentials>,
}

/// Reads and checks a document, and reads the secrets that it names; `faults` are those already known.
///
/// # Errors
/// All faults, the given ones included.
pub(super) fn decode(
    document: &Document<'_>,
    environment: &Environment,
    mut faults: Vec<Fault>,
) -> Result<Decoded, ConfigError> {
    let defaults = default_text();
    let defaults = tree::root(DeTable::parse(&defaults).expect("a printed table is TOML"));
    let (table, errors) = DeTable::parse_recoverable(document.text);
    if !errors.is_empty() {
        faults.extend(
            errors
                .iter()
                .take(MAX_FAULTS)
                .map(|one| document.syntax(one)),
        );
        return Err(ConfigError::new(faults));
    }
    let mut merged = tree::root(table);
    faults.extend(layer::apply(&mut merged, document.overrides, &defaults));
    tree::dates_as_text(&mut merged);
    let mut pruned = merged.clone();
    let (mut config, mut findings) = prune(&merged, &mut pruned, &defaults);
    for finding in findings.iter_mut().filter(|one| !one.unknown_key) {
        if let Some(rule) = bounds::of(&pruned, &finding.pruned) {
            finding.rule = format!("{} and {rule}", finding.rule);
        }
    }
    if let Some(config) = &config {
        let checked = check(config.check(), &merged, &pruned, &findings);
        findings.extend(checked);
    }
    // A section at fault is told first; what it names may be meant otherwise.
    let (mut secrets, mut backup_credentials) = (Secrets::default(), None);
    if let (Some(config), true) = (&mut config, findings.is_empty()) {
        let unread = within("events", config.events.read_schema_files());
        findings.extend(check(unread, &merged, &pruned, &[]));
        match Secrets::read(&config.secrets, environment) {
            Ok(read) => {
                match credentials(config, &read, environment) {
                    Ok(found) => backup_credentials = found,
                    Err(fault) => findings.extend(check(vec![fault], &merged, &pruned, &[])),
                }
                secrets = read;
            }
            Err(unread) => findings.extend(check(within("secrets", unread), &merged, &pruned, &[])),
        }
    }
    faults.extend(
        findings
            .iter()
            .map(|finding| document.fault(&merged, finding)),
    );
    match config {
        Some(config) if faults.is_empty() => Ok(Decoded {
            config,
            secrets,
            backup_credentials,
        }),
        _ => Err(ConfigError::new(faults)),
    }
}

/// What the object storage for backups wants to see.
fn credentials(
    config: &Config,
    secrets: &Secrets,
    environment: &Environment,
) -> Result<Option<Credentials>, Invalid> {
    if config.backup.to != backup::Place::S3 {
        return Ok(None);
    }
    let secret = |name: &str| secrets.value(name);
    let variable = |name: &str| environment.get(name);
    match Credentials::find(&config.backup.s3, secret, variable) {
        Ok(found) => Ok(Some(found)),
        Err(error) => {
            let key = format!("backup.s3.{}", error.key);
            Err(Invalid::new(key, error.value, error.rule))
        }
    }
}

/// With their whole keys.
fn within(section: &str, mut unread: Vec<Invalid>) -> Vec<Invalid> {
    for fault in &mut unread {
        fault.key = format!("{section}.{}", fault.key);
    }
    unread
}

fn default_text() -> String {
    toml::to_string(&Config::default()).expect("the default configuration holds only what TOML has")
}

/// Reads the tree once.
///
/// # Errors
/// The path of the first fault and what it is.
pub(super) fn decode_once(tree: Node<'_>) -> Result<Config, (KeyPath, String)> {
    let mut track = serde_path_to_error::Track::new();
    let deserializer = ValueDeserializer::from(tree);
    Config::deserialize(serde_path_to_error::Deserializer::new(
        deserializer,
        &mut track,
    ))
    .map_err(|error| (KeyPath::from(&track.path()), error.message().to_owned()))
}

/// Takes faults out of `pruned` until it reads.
fn prune<'i>(
    merged: &Node<'i>,
    pruned: &mut Node<'i>,
    defaults: &Node<'i>,
) -> (Option<Config>, Vec<Finding>) {
    let mut findings = Vec::new();
    while findings.len() < MAX_FAULTS {
        let (path, message) = match decode_once(pruned.clone()) {
            Ok(config) => return (Some(config), findings),
            Err(fault) => fault,
        };
        let finding = Finding {
            path: tree::original_path(merged, pruned, &path),
            ..finding(path, &message, defaults)
        };
        let missing = message
            .starts_with("missing field")
            .then(|| words::quoted(&message))
            .flatten();
        let mended = mend(pruned, &finding.pruned, missing, defaults);
        findings.push(finding);
        if !mended {
            break;
        }
    }
    (None, findings)
}

/// Replaces the value at `path` (or the key `missing` there) by its default, or takes it out.
fn mend<'i>(
    tree: &mut Node<'i>,
    path: &KeyPath,
    missing: Option<&str>,
    defaults: &Node<'i>,
) -> bool {
    let mut target = path.clone();
    target
        .0
        .extend(missing.map(|key| Step::Key(key.to_owned())));
    match tree::find(defaults, &target.0) {
        Some(default) => tree::replace(tree, &target, default.clone()),
        None => tree::remove(tree, path),
    }
}

fn finding(path: KeyPath, message: &str, defaults: &Node<'_>) -> Finding {
    let (rule, suggestion) = words::of(message, path.last_key().unwrap_or(""), defaults);
    Finding {
        path: KeyPath::default(),
        pruned: path,
        rule,
        suggestion,
        unknown_key: message.starts_with("unknown field"),
        fallback: String::new(),
    }
}

/// What the rooms find, less what only follows from the findings already made.
fn check(
    invalid: Vec<Invalid>,
    merged: &Node<'_>,
    pruned: &Node<'_>,
    found: &[Finding],
) -> Vec<Finding> {
    let finding = |invalid: Invalid| {
        let path = KeyPath::parse(&invalid.key);
        Finding {
            path: tree::original_path(merged, pruned, &path),
            pruned: path,
            rule: invalid.rule,
            suggestion: invalid.suggestion,
            unknown_key: false,
            fallback: invalid.value,
        }
    };
    invalid
        .into_iter()
        .map(finding)
        .filter(|one| !found.iter().any(|cause| follows(one, cause)))
        .collect()
}

/// Whether a finding speaks of the value that replaced another finding's faulty one: at the same key, by naming a key of
/// the same section that was mistyped or of a wrong type, or because that value doubles another of its list.
fn follows(finding: &Finding, cause: &Finding) -> bool {
    let parent = |path: &KeyPath| path.0.split_last().map(|(_, parent)| parent.to_vec());
    if cause.path == finding.path {
        return true;
    }
    let words = format!(
        "{} {}",
        finding.rule,
        finding.suggestion.as_deref().unwrap_or("")
    );
    let meant = cause.suggestion.as_deref().and_then(words::quoted);
    let named = [cause.path.last_key(), meant];
    let in_list = matches!(cause.path.0.last(), Some(Step::Index(_)));
    let doubled = in_list && finding.rule.starts_with(GIVEN_ONCE);
    parent(&cause.path) == parent(&finding.path)
        && (doubled || named.into_iter().flatten().any(|key| words.contains(key)))
}

impl Document<'_> {
    fn path(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(BUILT_IN))
    }

    fn syntax(&self, error: &toml::de::Error) -> Fault {
        let span = error.span().unwrap_or(0..0);
        let rule = format!("is not TOML: {}", error.message());
        Fault::in_text(self.path(), self.text, span, rule)
    }

    /// The finding with its place: the variable or flag that gave the value, else its bytes in the file.
    fn fault(&self, merged: &Node<'_>, finding: &Finding) -> Fault {
        let path = &finding.path;
        let rule = finding.rule.clone();
        let fault = if let Some(one) = self.giver(merged, path) {
            let own = one.path == *path;
            let value = match (finding.unknown_key, own) {
                (true, _) => "",
                (false, true) => &one.text,
                (false, false) => &finding.fallback,
            };
            Fault::new(one.place(), rule).of(path, value)
        } else {
            let (span, value) = self.span(merged, finding);
            match span {
                Some(span) => Fault::in_text(self.path(), self.text, span, rule),
                None => Fault::new(self.whole(), rule),
            }
            .of(path, value)
        };
        fault.suggest(finding.suggestion.clone())
    }

    fn whole(&self) -> Place {
        Place::File {
            path: self.path().to_owned(),
            at: None,
        }
    }

    /// The variable or flag that gave the value at `path`, or, where nothing gave one, its neighbour that did.
    fn giver(&self, merged: &Node<'_>, path: &KeyPath) -> Option<&Override> {
        let given = |one: &&Override| one.path.leads_to(path);
        let neighbour = |one: &&Override| {
            let section = KeyPath(path.0[..path.0.len().saturating_sub(1)].to_vec());
            !section.0.is_empty() && section.leads_to(&one.path)
        };
        let last = |test: &dyn Fn(&&Override) -> bool| self.overrides.iter().rev().find(test);
        let begun = |one: &&Override| one.path.begins_list(path);
        // The built-in text is without fault, so whatever is wrong with it was laid over it.
        let in_file = self.file.is_some() && tree::find(merged, &path.0).is_some();
        last(&given)
            .or_else(|| last(&begun))
            .or_else(|| last(&neighbour).filter(|_| !in_file))
    }

    /// The bytes to point at and the value as it is written. A section is pointed at by its head.
    fn span<'t>(
        &'t self,
        merged: &Node<'_>,
        finding: &'t Finding,
    ) -> (Option<Range<usize>>, &'t str) {
        let path = &finding.path;
        let value = tree::find(merged, &path.0);
        let shown = match value {
            // A section is too long to show, and of an unknown key the value does not matter.
            Some(node) if node.get_ref().is_table() || finding.unknown_key => "",
            Some(node) => self.text.get(node.span()).unwrap_or(""),
            None => &finding.fallback,
        };
        let key = tree::key_span(merged, path).filter(|_| finding.unknown_key);
        let nearest = || {
            (0..=path.0.len())
                .rev()
                .find_map(|depth| tree::find(merged, &path.0[..depth]))
                .map(Spanned::span)
        };
        (key.or_else(nearest), shown)
    }
}
