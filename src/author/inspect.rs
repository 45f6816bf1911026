//! What a file is, asks for and lacks here, without running it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::show::head;
use super::stand::{Stand, Subject, Unfit};
use super::words::{count, section, size};
use crate::model::{Failure, ProbeIdentity};
use crate::probe::{Examination, Import, examine, read};

/// Functions of one import that are shown by name; JSON has them all.
const MAX_SHOWN: usize = 6;

/// What was found.
#[derive(Debug)]
pub struct Inspection {
    /// What is known of the file, as far as it was read.
    pub identity: Arc<ProbeIdentity>,
    /// Why it cannot run here, if it cannot.
    pub failure: Option<Arc<Failure>>,
    /// What it is made of, if it could be compiled.
    pub examination: Option<Examination>,
}

/// Looks at a file. Blocks for as long as the compiler takes.
pub fn inspect(stand: &Stand, subject: &Subject) -> Inspection {
    match stand.load(subject, 1) {
        Ok(version) => Inspection {
            identity: version.identity().clone(),
            failure: None,
            examination: Some(version.examine()),
        },
        Err(Unfit { identity, failure }) => Inspection {
            examination: examine_unfit(stand, subject),
            identity,
            failure: Some(failure),
        },
    }
}

/// What can be told of a component that is refused. What cannot be read or compiled was refused for that.
fn examine_unfit(stand: &Stand, subject: &Subject) -> Option<Examination> {
    let limits = subject.defaults.limits.with(&subject.config.limits);
    let binary = read(&subject.file, &limits).ok()?;
    examine(&stand.host, &binary.bytes).ok()
}

impl Inspection {
    /// Why the file cannot run, as loading it would tell.
    pub fn unfit(&self) -> Option<Unfit> {
        let failure = self.failure.clone()?;
        Some(Unfit {
            identity: self.identity.clone(),
            failure,
        })
    }

    /// What was found as one object.
    pub fn json(&self) -> Value {
        let identity = &self.identity;
        let failure = self.failure.as_deref();
        let found = self.examination.as_ref();
        let declares = found.and_then(|found| found.declares).map(|declared| {
            json!({
                "memories": declared.memories,
                "memory_bytes": declared.memory_bytes,
                "tables": declared.tables,
                "table_elements": declared.table_elements,
            })
        });
        json!({
            "name": &*identity.name,
            "file": identity.file,
            "size_bytes": identity.size_bytes,
            "digest": (!identity.digest.is_empty()).then_some(&identity.digest),
            "version": identity.version,
            "interface": identity.interface,
            "fit": failure.is_none(),
            "error": failure.map(|failure| json!({ "code": failure.code, "message": failure.message })),
            "asks": found.map(asks),
            "exports": found.map(|found| &found.exports),
            "imports": found.map(|found| found.imports.iter().map(import).collect::<Value>()),
            "versions": found.map(versions),
            "declares": declares,
            "code_bytes": found.map(|found| found.code_bytes),
        })
    }

    fn write_found(&self, f: &mut fmt::Formatter<'_>, found: &Examination) -> fmt::Result {
        section(f, "exports", found.exports.iter().cloned())?;
        let width = found
            .imports
            .iter()
            .map(|import| titled(import).chars().count());
        let width = width.max().unwrap_or(0);
        let shown = |import| shown(import, width);
        section(f, "imports", found.imports.iter().map(shown))?;
        let versions = versions(found).into_iter();
        section(f, "built against", versions)?;
        let declared = found.declares.map(|one| {
            let (memories, tables) = (u64::from(one.memories), u64::from(one.tables));
            let (memory, elements) = (size(one.memory_bytes), one.table_elements);
            let memories = match memories {
                0 => "no memory".to_owned(),
                1 => format!("1 memory, {memory} at first"),
                many => format!("{many} memories, the largest of {memory} at first"),
            };
            let tables = match tables {
                0 => String::new(),
                _ => format!(
                    "; {}, the largest of {elements} elements",
                    count(tables, "table")
                ),
            };
            memories + &tables
        });
        let code = format!("{} of machine code", size(found.code_bytes));
        section(f, "needs", declared.into_iter().chain([code]))?;
        let lacking = found.imports.iter().filter(|one| !one.lacking.is_empty());
        let lacking = lacking.map(|one| format!("{}  {}", one.interface, one.lacking.join(", ")));
        section(f, "missing on this host", lacking)
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&head(&self.identity))?;
        if let Some(found) = &self.examination {
            self.write_found(f, found)?;
        }
        match &self.failure {
            None => writeln!(f, "\nfit to run here"),
            Some(failure) => writeln!(f, "\nnot fit to run here\n  {failure}"),
        }
    }
}

/// What its imports would let it do, in words.
fn asks(found: &Examination) -> Vec<&'static str> {
    let words: BTreeSet<_> = found
        .imports
        .iter()
        .filter_map(|import| import.ask)
        .collect();
    words.into_iter().collect()
}

fn import(import: &Import) -> Value {
    json!({
        "interface": import.interface,
        "ask": import.ask,
        "items": import.items,
        "missing": import.lacking,
    })
}

fn titled(import: &Import) -> String {
    match import.ask {
        Some(word) => format!("{} ({word})", import.interface),
        None => import.interface.clone(),
    }
}

fn shown(import: &Import, width: usize) -> String {
    let names = &import.items[..import.items.len().min(MAX_SHOWN)];
    let more = match import.items.len() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let line = format!("{:<width$}  {}{more}", titled(import), names.join(", "));
    line.trim_end().to_owned()
}

/// The packages' namespaces with the versions that it was built against.
fn versions(found: &Examination) -> Vec<String> {
    let names = found.imports.iter().map(|import| &import.interface);
    let names = names.chain(&found.exports);
    let versions: BTreeSet<_> = names
        .filter_map(|name| {
            let (path, version) = name.split_once('@')?;
            let (namespace, _) = path.split_once(':')?;
            Some((namespace, version))
        })
        .collect();
    versions
        .into_iter()
        .map(|(namespace, version)| format!("{namespace} {version}"))
        .collect()
}
