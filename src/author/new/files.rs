//! The templates, and what comes along with them.

use crate::author::build::Language;

/// A path from the probe's folder, and a text.
type Template = (&'static str, &'static str);

macro_rules! templates {
    ($($path:literal = $file:literal),+ $(,)?) => {
        &[
            $(($path, include_str!(concat!("templates/", $file)))),+,
            ("probity.toml", include_str!("templates/probity.toml")),
            ("README.md", include_str!("templates/README.md")),
            (".gitignore", include_str!("templates/gitignore")),
        ]
    };
}

// A file of cargo's own name would make a package of its folder, which is then left out of this one.
const RUST: &[Template] = templates![
    "src/lib.rs" = "rust/src/lib.rs",
    "Cargo.toml" = "rust/manifest.toml",
    "Cargo.lock" = "rust/lock.toml"
];
const LOCK: &str = include_str!("templates/rust/lock.toml");
const C: &[Template] = templates!["probe.c" = "c/probe.c"];
const ZIG: &[Template] = templates!["probe.zig" = "zig/probe.zig"];
const GO: &[Template] = templates!["probe.go" = "go/probe.go", "go.mod" = "go/go.mod"];
const PYTHON: &[Template] = templates!["probe.py" = "python/probe.py"];
const JAVASCRIPT: &[Template] = templates![
    "probe.js" = "js/probe.js",
    "package.json" = "js/package.json"
];

/// The files that an author edits, the main one first.
pub(super) fn of(language: Language) -> &'static [Template] {
    match language {
        Language::Rust => RUST,
        Language::C => C,
        Language::Zig => ZIG,
        Language::Go => GO,
        Language::Python => PYTHON,
        Language::JavaScript => JAVASCRIPT,
    }
}

/// Crates that the template in Rust is built with, one of which a probe cannot be called.
pub(super) fn crates() -> impl Iterator<Item = &'static str> {
    let lines = LOCK.lines();
    let names = lines.filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    names.filter(|name| !name.starts_with('{'))
}

/// What is put beside them as it is: the interface of today, so that a build by a later Probity asks for nothing newer.
pub(super) fn beside(language: Language) -> Vec<(String, &'static str)> {
    match language {
        Language::Rust => {
            let sdk = probity_sdk::sources::FILES.iter();
            sdk.map(|(path, text)| (format!("sdk/{path}"), *text))
                .collect()
        }
        Language::C | Language::Zig | Language::Go | Language::Python | Language::JavaScript => {
            vec![("wit/probity.wit".to_owned(), crate::probe::WIT)]
        }
    }
}
