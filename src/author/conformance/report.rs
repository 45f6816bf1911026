//! What came of the suite: a table with a row for each behaviour and a column for each file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{BEHAVIOURS, Shown, Took};
use crate::author::json::milliseconds;
use crate::author::words::section;
use crate::model::{ProbeIdentity, printable};

/// What stands in the table where a behaviour is not shown.
const RED: &str = "RED";
/// What stands where it says nothing of the probe.
const NOT_APPLICABLE: &str = "n/a";
/// How much of the reason is shown; JSON has all of it.
const MAX_WHY_BYTES: usize = 400;

/// What came of one file.
#[derive(Debug)]
pub struct FileReport {
    /// The file.
    pub identity: Arc<ProbeIdentity>,
    /// Why it is held against what any probe shows; nothing when it does what the example does.
    pub no_example: Option<String>,
    /// In the order of [`BEHAVIOURS`]: why it is not shown, if it is not, and how long it took to see.
    pub(super) verdicts: Vec<(Result<Shown, String>, Took)>,
}

/// What came of all files.
#[derive(Debug, Default)]
pub struct Conformance {
    /// Those of which something can be said.
    pub files: Vec<FileReport>,
    /// The others, each with the reason.
    pub refused: Vec<(PathBuf, String)>,
}

impl Conformance {
    /// Whether every file shows every behaviour, and none was refused.
    pub fn is_green(&self) -> bool {
        self.refused.is_empty() && self.reds().next().is_none()
    }

    /// What is not shown: file, behaviour, why.
    pub fn reds(&self) -> impl Iterator<Item = (&Path, &'static str, &str)> {
        self.files.iter().flat_map(|file| {
            let verdicts = BEHAVIOURS.iter().zip(&file.verdicts);
            verdicts.filter_map(|(behaviour, (verdict, _))| {
                let why = verdict.as_ref().err()?;
                Some((file.identity.file.as_path(), behaviour.name, why.as_str()))
            })
        })
    }

    /// The table as one object.
    pub fn json(&self) -> Value {
        let results = |file: &FileReport| -> Value {
            let verdicts = BEHAVIOURS.iter().zip(&file.verdicts);
            let one = |(behaviour, (verdict, took)): (
                &super::Behaviour,
                &(Result<Shown, String>, Took),
            )| {
                let ok = match verdict {
                    Ok(Shown::Yes) => Some(true),
                    Ok(Shown::NotApplicable) => None,
                    Err(_) => Some(false),
                };
                json!({
                    "behaviour": behaviour.name,
                    "ok": ok,
                    "message": verdict.as_ref().err(),
                    "took_ms": milliseconds(*took),
                })
            };
            verdicts.map(one).collect()
        };
        let file = |file: &FileReport| {
            json!({
                "file": file.identity.file,
                "size_bytes": file.identity.size_bytes,
                "digest": file.identity.digest,
                "example": file.no_example.is_none(),
                "ok": file.verdicts.iter().all(|(verdict, _)| verdict.is_ok()),
                "results": results(file),
            })
        };
        let behaviour = |one: &super::Behaviour| json!({ "name": one.name, "what": one.what, "any_probe": one.of_any });
        let refused = self
            .refused
            .iter()
            .map(|(file, why)| json!({ "file": file, "message": why }));
        json!({
            "ok": self.is_green(),
            "behaviours": BEHAVIOURS.iter().map(behaviour).collect::<Value>(),
            "files": self.files.iter().map(file).collect::<Value>(),
            "refused": refused.collect::<Value>(),
        })
    }

    /// The files' names, as short as they differ.
    fn titles(&self) -> Vec<String> {
        let stem = |file: &FileReport| {
            let stem = file.identity.file.file_stem().unwrap_or_default();
            stem.to_string_lossy().into_owned()
        };
        let stems: Vec<String> = self.files.iter().map(stem).collect();
        let once = |stem: &String| stems.iter().filter(|other| *other == stem).count() == 1;
        if stems.iter().all(once) {
            return stems;
        }
        let whole = self
            .files
            .iter()
            .map(|file| file.identity.file.display().to_string());
        whole.collect()
    }
}

impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = self.titles();
        let first = BEHAVIOURS
            .iter()
            .map(|one| one.name.len())
            .max()
            .unwrap_or(0);
        let row = |name: &str, cells: &mut dyn Iterator<Item = &str>| {
            let cells = titles.iter().zip(cells);
            let width = |title: &String| title.chars().count().max(RED.len());
            let cells = cells.map(|(title, cell)| format!("  {cell:<0$}", width(title)));
            format!("{name:<first$}{}", cells.collect::<String>())
                .trim_end()
                .to_owned()
        };
        writeln!(f, "{}", row("", &mut titles.iter().map(String::as_str)))?;
        for (index, behaviour) in BEHAVIOURS.iter().enumerate() {
            let mut cells = self.files.iter().map(|file| match file.verdicts[index].0 {
                Ok(Shown::Yes) => "ok",
                Ok(Shown::NotApplicable) => NOT_APPLICABLE,
                Err(_) => RED,
            });
            writeln!(f, "{}", row(behaviour.name, &mut cells))?;
        }
        let reds = self.reds().map(|(file, behaviour, why)| {
            let (file, why) = (file.display(), printable(why, MAX_WHY_BYTES));
            format!("{file}: {behaviour}: {why}")
        });
        section(f, "red", reds)?;
        let others = self.files.iter().filter_map(|file| {
            let why = printable(file.no_example.as_ref()?, MAX_WHY_BYTES);
            let file = file.identity.file.display();
            Some(format!("{file}: not the example, run as it is: {why}"))
        });
        section(f, "held against what any probe shows", others)
    }
}
