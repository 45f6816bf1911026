//! Go: the compiler for WASI's first version, and a module `probity` written beside the probe.

use std::fmt::Write as _;
use std::path::Path;

use wit_bindgen_go::{Format, Opts};
use wit_parser::{Interface as WitInterface, PackageName, WorldItem};

use super::bindings::Bindings;
use super::error::{BuildError, Missing};
use super::interface::Interface;
use super::plan::{Run, Step};
use super::tools::{Tools, version};
use super::{Language, Project};

/// The first Go with what the bindings use.
const OLDEST: (u32, u32) = (1, 24);
const INSTALL: [&str; 2] = ["apt install golang-go", "snap install go --classic"];
/// The one that is fetched where a distribution's own is too old.
const RELEASE: &str = "go1.24.4";
/// The compiler of this machine alone: another one would be fetched where `go.mod` names a later version.
const LOCAL: (&str, &str) = ("GOTOOLCHAIN", "local");
/// Where the bindings import what they share from, and where it is written.
const SHARED: [(&str, &str); 1] = [("go.bytecodealliance.org/pkg/wit/", "probity/wit/")];
/// Written by hand, whatever the world.
const FILES: [(&str, &str); 4] = [
    ("go.mod", "module probity\n\ngo 1.24\n"),
    ("failure/error.go", include_str!("go_module/failure.go")),
    (
        "wit/runtime/runtime.go",
        include_str!("go_module/runtime.go"),
    ),
    ("wit/types/types.go", include_str!("go_module/types.go")),
];
/// The package in which the host's calls arrive.
const EXPORTED: &str = "probity_probe_";
/// As many values as a tuple can have.
const TUPLES: std::ops::RangeInclusive<usize> = 1..=16;

/// How a probe in Go is built.
pub(super) fn steps(project: &Project, tools: &Tools, _: &Path) -> Result<Vec<Step>, BuildError> {
    let missing = |what: String, install: &[&str]| {
        let missing = Missing::new(what, install);
        Err(BuildError::Missing(Language::Go, vec![missing]))
    };
    let Some(go) = tools.find("go") else {
        return missing("go is missing".into(), &INSTALL);
    };
    let told = tools.ask_with(&go, &["env", "GOVERSION"], &[LOCAL]);
    let told = told.unwrap_or_default();
    if version(&told).is_some_and(|version| version < OLDEST) {
        let (major, minor) = OLDEST;
        let what = format!("{told} is too old, {major}.{minor} is the first that can");
        return missing(what, &[&newer(), INSTALL[1]]);
    }
    let build = Run::new(&go)
        .variable("GOOS", "wasip1")
        .variable("GOARCH", "wasm")
        .variable(LOCAL.0, LOCAL.1)
        .arguments([
            "build",
            "-buildmode=c-shared",
            "-trimpath",
            "-ldflags=-s -w",
        ])
        .arguments(["-o", ".probity/go.wasm", "."]);
    Ok(vec![
        Step::Bindings {
            bindings: Bindings::Go,
            into: ".probity/go".into(),
            wit: project.own_wit(),
        },
        Step::Run(build),
        Step::Component {
            core: ".probity/go.wasm".into(),
        },
    ])
}

/// The line that fetches a newer one, before the old one on PATH.
fn newer() -> String {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!(
        "mkdir -p ~/.local && curl -sSfL https://go.dev/dl/{RELEASE}.linux-{machine}.tar.gz | tar -xzC ~/.local && \
         export PATH=~/.local/go/bin:$PATH"
    )
}

/// How the bindings are generated: as a library, for the probe is a module of its own.
pub(super) fn options() -> Opts {
    Opts {
        format: Format::False,
        pkg_name: Some("probity".into()),
        ..Opts::default()
    }
}

/// A generated file under the name that a probe imports it by: `metrics` and not `probity_metrics_metrics`.
pub(super) fn renamed(name: &str, bytes: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(bytes);
    let mut both = (name.to_owned(), text.into_owned());
    for (from, to) in SHARED {
        both.1 = both.1.replace(from, to);
    }
    for long in words(&format!("{}\n{}", both.0, both.1)) {
        let short = shortened(&long);
        both = (both.0.replace(&long, short), both.1.replace(&long, short));
    }
    both
}

/// The names of our packages in a text, as the generator makes them.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| shortened(word) != *word);
    let mut ours: Vec<String> = ours.map(str::to_owned).collect();
    // The longest first: `export_probity_probe_collector` holds `probity_probe_collector`.
    ours.sort_by_key(|word| std::cmp::Reverse(word.len()));
    ours.dedup();
    ours
}

/// `probity_host_state` is `state`; what the host calls is under the name of its interface too.
fn shortened(word: &str) -> &str {
    if let Some(exported) = word
        .strip_prefix("export_")
        .and_then(|word| word.strip_prefix(EXPORTED))
    {
        return exported;
    }
    if word.starts_with(EXPORTED) {
        return word;
    }
    let parts = word.strip_prefix("probity_");
    parts
        .and_then(|rest| rest.split_once('_'))
        .map_or(word, |(_, interface)| interface)
}

/// The files of the module that are not generated: memory, answers, errors, and where a probe begins.
///
/// # Errors
/// The world exports something that is not the host's to call.
pub(super) fn support(interface: &Interface) -> Result<Vec<(String, String)>, BuildError> {
    let mut files: Vec<(String, String)> = FILES
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    files.push(("wit/types/tuples.go".into(), tuples()));
    let resolve = &interface.resolve;
    let mut packages = Vec::new();
    for (key, item) in &resolve.worlds[interface.world].exports {
        let exported = match item {
            WorldItem::Interface { id, .. } => Some(&resolve.interfaces[*id]),
            _ => None,
        };
        let ours = exported.filter(|one| {
            let package = one.package.map(|id| &resolve.packages[id].name);
            package.is_some_and(is_probe)
        });
        let Some(exported) = ours else {
            let name = resolve.name_world_key(key);
            let what = format!("in Go a probe cannot export `{name}`");
            return Err(BuildError::Bindings(what));
        };
        let package = exported
            .name
            .as_deref()
            .unwrap_or_default()
            .replace('-', "_");
        files.push((format!("{package}/serve.go"), served(&package, exported)));
        packages.push(package);
    }
    files.push(("probity.go".into(), begin(&packages)));
    Ok(files)
}

fn is_probe(package: &PackageName) -> bool {
    (package.namespace.as_str(), package.name.as_str()) == ("probity", "probe")
}

/// The package that answers the host's calls by asking the probe.
fn served(package: &str, interface: &WitInterface) -> String {
    let (mut methods, mut functions) = (String::new(), String::new());
    for (name, function) in &interface.functions {
        let name = camel(name);
        let docs = function.docs.contents.as_deref().unwrap_or_default();
        for line in docs.lines() {
            let _ = writeln!(methods, "\t// {line}");
        }
        let _ = writeln!(methods, "\t{name}() error");
        let _ = write!(
            functions,
            "\n// {name} is what the host calls.\nfunc {name}() types.Result[types.Unit, *failure.Failure] {{\n\
             \treturn answer(served.{name}())\n}}\n"
        );
    }
    format!(
        "// Package {package} is what the host calls.\npackage {package}\n\n\
         import (\n\t\"probity/failure\"\n\t\"probity/wit/runtime\"\n\t\"probity/wit/types\"\n)\n\n\
         // Calls are what the host calls. An error is the run's failure.\ntype Calls interface {{\n{methods}}}\n\n\
         var served Calls\n\n// Serve says who answers.\nfunc Serve(calls Calls) {{\n\tserved = calls\n}}\n{functions}\n\
         func answer(err error) types.Result[types.Unit, *failure.Failure] {{\n\
         \tdefer runtime.Unpin()\n\tif err == nil {{\n\
         \t\treturn types.Ok[types.Unit, *failure.Failure](types.Unit{{}})\n\t}}\n\
         \treturn types.Err[types.Unit](failure.Of(err))\n}}\n"
    )
}

/// The package that a probe begins with.
fn begin(packages: &[String]) -> String {
    let (mut imports, mut calls, mut serve) = (String::new(), String::new(), String::new());
    for package in packages {
        let _ = writeln!(imports, "\t\"probity/{package}\"");
        let _ = writeln!(calls, "\t{package}.Calls");
        let _ = writeln!(serve, "\t{package}.Serve(probe)");
    }
    format!(
        "// Package probity is where a probe begins.\npackage probity\n\n\
         import (\n{imports}\t_ \"probity/wit_exports\"\n)\n\n\
         // Probe is what the host calls.\ntype Probe interface {{\n{calls}}}\n\n\
         // Serve says which probe that is. Call it in an init function: main is never run.\n\
         func Serve(probe Probe) {{\n{serve}}}\n"
    )
}

fn tuples() -> String {
    let mut text = String::from("package types\n");
    for count in TUPLES {
        let each = |part: &dyn Fn(usize) -> String, between: &str| {
            let parts: Vec<String> = (0..count).map(part).collect();
            parts.join(between)
        };
        // As gofmt has it: the types stand in one column.
        let width = format!("F{}", count - 1).len();
        let _ = write!(
            text,
            "\n// Tuple{count} is {count} values.\ntype Tuple{count}[{} any] struct {{\n{}\n}}\n",
            each(&|at| format!("T{at}"), ", "),
            each(&|at| format!("\t{:<width$} T{at}", format!("F{at}")), "\n"),
        );
    }
    text
}

/// `line-handler` as Go writes it: `LineHandler`.
fn camel(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}
