//! Beginning a probe: a folder with a template that builds at once, without a network.

mod error;
mod files;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::build::Language;
use crate::probe::is_probe_name;
use crate::{health, sampler};

pub use error::NewError;

/// What a probe's type cannot be called in Rust: it has these from the language, its template, and `probity_sdk::prelude`.
const TAKEN_TYPES: [&str; 17] = [
    "Box",
    "Check",
    "Context",
    "Counter",
    "Failure",
    "Gauge",
    "Histogram",
    "Host",
    "Info",
    "Option",
    "Probe",
    "Result",
    "Self",
    "Settings",
    "StateSet",
    "Status",
    "String",
];

/// What no crate can be called: words of Rust, and the crates that every one has.
const TAKEN_CRATES: [&str; 57] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];
/// How the names of the host's own metrics begin, which it refuses to probes.
const RESERVED: &str = "probity_";

/// A probe to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    folder: PathBuf,
    name: String,
    language: Language,
}

impl Beginning {
    /// A probe in `language` in a folder that is made for it; the folder's name is the probe's.
    ///
    /// # Errors
    /// The folder's name is none for a probe that begins with a letter, or the one of a built-in source; its template would
    /// not build, or not run.
    pub fn new(folder: &Path, language: Language) -> Result<Self, NewError> {
        // As one would write it: `foo/` and `foo/.` are `foo`.
        let folder: PathBuf = folder.components().collect();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        // It becomes the beginning of the metrics' names, and of a type's.
        if !is_probe_name(&name) || !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err(NewError::Name(name.into_owned()));
        }
        let name = name.into_owned();
        if is_taken(&name) {
            return Err(NewError::Taken(name));
        }
        if format!("{}_", metric_prefix(&name)).starts_with(RESERVED) {
            return Err(NewError::Reserved(name));
        }
        if language == Language::Rust && is_crate(&name) {
            return Err(NewError::Crate(name));
        }
        Ok(Self {
            folder,
            name,
            language,
        })
    }

    /// The probe's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the folder; gives the files that an author edits, from the folder.
    ///
    /// # Errors
    /// The folder is there already, or cannot be written; then nothing of it is left.
    pub fn write(&self) -> Result<Vec<&'static str>, NewError> {
        fs::create_dir(&self.folder).map_err(|error| NewError::making(&self.folder, error))?;
        self.fill().inspect_err(|_| {
            // What was made a moment ago, and is of no use half full. That it cannot be removed either is the lesser evil.
            let _left_over = fs::remove_dir_all(&self.folder);
        })
    }

    fn fill(&self) -> Result<Vec<&'static str>, NewError> {
        let own = files::of(self.language);
        for (path, text) in own {
            self.put(path, &self.fitted(text))?;
        }
        for (path, text) in files::beside(self.language) {
            self.put(&path, text)?;
        }
        Ok(own.iter().map(|(path, _)| *path).collect())
    }

    fn put(&self, path: &str, text: &str) -> Result<(), NewError> {
        let path = self.folder.join(path);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| File::create_new(&path))
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| NewError::Io(path, error))
    }

    /// A template's text with the probe's names in it.
    fn fitted(&self, text: &str) -> String {
        text.replace("{{name}}", &self.name)
            .replace("{{metric}}", &metric_prefix(&self.name))
            .replace("{{Type}}", &type_name(&self.name))
            .replace("{{language}}", self.language.name())
    }
}

/// Whether a built-in source has the name, so that no probe runs under it.
pub fn is_taken(name: &str) -> bool {
    sampler::NAMES.contains(&name) || [sampler::WATCHED, health::SOURCE].contains(&name)
}

/// Whether a crate cannot be called so. Cargo takes `-` for `_`, and files of one folder may not differ in case alone.
fn is_crate(name: &str) -> bool {
    let plain = |name: &str| name.replace('-', "_").to_ascii_lowercase();
    let mut taken = TAKEN_CRATES.into_iter().chain(files::crates());
    taken.any(|one| plain(one) == plain(name))
}

fn metric_prefix(name: &str) -> String {
    name.replace('-', "_").to_ascii_lowercase()
}

/// `disk-usage` as `DiskUsage`, and `gauge` as `GaugeProbe`.
fn type_name(name: &str) -> String {
    let words = name.split(['-', '_']);
    let mut name: String = words
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect();
    if TAKEN_TYPES.contains(&name.as_str()) {
        name.push_str("Probe");
    }
    name
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn begin(folder: &Path, language: Language) -> Vec<&'static str> {
        Beginning::new(folder, language).unwrap().write().unwrap()
    }

    #[test]
    fn every_language_has_a_template_that_is_recognised_and_leaves_no_placeholder() {
        let place = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let folder = place.path().join(format!("my-{}", language.name()));
            let own = begin(&folder, language);
            for path in own {
                let text = fs::read_to_string(folder.join(path)).unwrap();
                assert!(!text.contains("{{"), "{language:?}: {path}");
            }
            let found = super::super::build::Project::find(&folder, None).unwrap();
            assert_eq!(found.language, language);
        }
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("mine");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("probe.c"), "mine").unwrap();
        let refused = Beginning::new(&folder, Language::C)
            .unwrap()
            .write()
            .unwrap_err();
        assert!(matches!(refused, NewError::Exists(_)), "{refused}");
        assert_eq!(fs::read_to_string(folder.join("probe.c")).unwrap(), "mine");
    }

    #[test]
    fn a_name_has_to_do_for_a_metric_and_a_type() {
        for name in ["1st", "", "a b", "a/..", "ä"] {
            assert!(
                Beginning::new(Path::new(name), Language::C).is_err(),
                "{name}"
            );
        }
        assert_eq!(metric_prefix("Disk-usage"), "disk_usage");
        assert_eq!(type_name("disk-usage_of"), "DiskUsageOf");
        assert_eq!(type_name("self"), "SelfProbe");
        let taken = Beginning::new(Path::new("cpu"), Language::C);
        assert!(matches!(taken, Err(NewError::Taken(_))), "{taken:?}");
        for name in ["Probity", "Probity-x", "probity_x"] {
            let refused = Beginning::new(Path::new(name), Language::C);
            assert!(matches!(refused, Err(NewError::Reserved(_))), "{name}");
        }
        Beginning::new(Path::new("probityx"), Language::C).unwrap();
    }

    #[test]
    fn a_probe_in_rust_has_no_name_of_rusts_or_of_a_crate_that_it_is_built_with() {
        for name in ["fn", "serde", "Serde", "serde-core", "std", "test"] {
            let refused = Beginning::new(Path::new(name), Language::Rust);
            assert!(matches!(refused, Err(NewError::Crate(_))), "{name}");
            Beginning::new(Path::new(name), Language::Go).unwrap();
        }
        Beginning::new(Path::new("fns"), Language::Rust).unwrap();
        assert!(TAKEN_CRATES.is_sorted());
    }

    #[test]
    fn what_the_template_in_rust_is_locked_to_is_what_the_example_is() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/rust/Cargo.lock");
        let example = fs::read_to_string(example).unwrap();
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("queue");
        begin(&folder, Language::Rust);
        let own = fs::read_to_string(folder.join("Cargo.lock")).unwrap();
        assert_eq!(
            own, example,
            "copy it to templates/rust/lock.toml, with {{{{name}}}}"
        );
    }

    #[test]
    fn the_interface_comes_along_as_it_is_today() {
        let place = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let folder = place.path().join(format!("my-{}", language.name()));
            begin(&folder, language);
            let wit = match language {
                Language::Rust => "sdk/wit/probity.wit",
                _ => "wit/probity.wit",
            };
            assert_eq!(
                fs::read_to_string(folder.join(wit)).unwrap(),
                crate::probe::WIT
            );
        }
    }

    #[test]
    fn the_crate_for_rust_comes_whole() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("hello");
        begin(&folder, Language::Rust);
        for path in ["sdk/Cargo.toml", "sdk/src/lib.rs"] {
            assert!(folder.join(path).is_file(), "{path}");
        }
    }
}
