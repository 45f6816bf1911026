//! Holds the sources against the table in ARCHITECTURE.md, so that the map stays true.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Crates and places that belong to certain rooms: (what code of it looks like, the rooms).
const EXCLUSIVE: [(&str, &[&str]); 17] = [
    ("wasmtime::", &["probe"]),
    ("wasmtime_wasi::", &["probe"]),
    ("wasmtime_wasi_http::", &["probe"]),
    ("axum::", &["http"]),
    // Guests ask over HTTP too, within their grants.
    ("hyper::", &["backup", "client", "http", "probe"]),
    ("hyper_util::", &["backup", "client", "http"]),
    ("promql_parser::", &["query"]),
    ("askama::", &["page"]),
    ("ratatui::", &["top"]),
    ("rusqlite::", &["store"]),
    ("object_store::", &["backup"]),
    ("tar::", &["backup"]),
    ("zstd::", &["backup"]),
    ("use notify::", &["catalogue"]),
    // The compile child limits itself, a guest's CPU time is the thread's, the history's clock counts sleep, a backup's
    // thread stands back, and a folder on a network mount is read and not watched.
    (
        "rustix::",
        &[
            "catalogue",
            "cli",
            "history",
            "sampler",
            "store",
            "probe",
            "top",
        ],
    ),
    ("\"/proc", &["sampler"]),
    ("\"/sys/", &["sampler"]),
];
/// A file that is longer holds more than one idea.
const MAX_LINES: usize = 400;
/// A list of tests may be longer: nobody reads it from top to bottom.
const MAX_TEST_LINES: usize = 600;

/// The rooms that each room may use, by the table.
type Table = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// Reads `| room | owns | may use |` under the heading "Rooms".
fn table(document: &str) -> Table {
    let section = document
        .split("\n## ")
        .find(|part| part.starts_with("Rooms\n"));
    let rows: Vec<(String, String)> = section
        .expect("ARCHITECTURE.md has a section Rooms")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            let room = cells.next()?.strip_suffix('`')?;
            Some((room.to_owned(), cells.nth(1)?.to_owned()))
        })
        .collect();
    let rooms: BTreeSet<String> = rows.iter().map(|(room, _)| room.clone()).collect();
    let uses = |cell: &str| match cell.strip_prefix("everything") {
        Some(but) => &rooms - &names(but.trim().trim_start_matches("but ")),
        None => names(cell.strip_prefix("nothing").unwrap_or(cell)),
    };
    let table: Table = rows
        .iter()
        .map(|(room, cell)| (room.clone(), uses(cell)))
        .collect();
    for (room, uses) in &table {
        let unknown: Vec<&String> = uses.difference(&rooms).collect();
        assert!(
            unknown.is_empty(),
            "ARCHITECTURE.md lets `{room}` use {unknown:?}, which are no rooms"
        );
    }
    table
}

fn names(list: &str) -> BTreeSet<String> {
    list.split(", ")
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// All Rust files below a folder, build folders left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The files of the given folders, by their path from the project's.
fn files(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in folders {
        sources(&root().join(folder), &mut found);
    }
    let named = found.into_iter().map(|path| {
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    named.collect()
}

/// The files of `src/` that belong to a room, with its name.
fn room_files() -> Vec<(String, String, String)> {
    let in_room = |(name, text): (String, String)| {
        let room = name.split('/').nth(1)?.to_owned();
        name.split('/')
            .nth(2)
            .is_some()
            .then_some((room, name, text))
    };
    files(&["src"]).into_iter().filter_map(in_room).collect()
}

/// The text without comments. A `//` in a string cuts the line short, which can only hide what follows it there.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The first words of all paths that begin with `crate::`, braces included: `crate::{a::X, b}` gives `a` and `b`.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let mut depth = 0;
        let mut word_begins = true;
        for (at, character) in rest.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth <= 1 => break,
                '}' => depth -= 1,
                ',' if depth == 1 => word_begins = true,
                _ if character.is_whitespace() => {}
                _ if word_begins => {
                    let end = rest[at..].find(|c: char| !c.is_alphanumeric() && c != '_');
                    found.insert(rest[at..][..end.unwrap_or(rest.len() - at)].to_owned());
                    word_begins = false;
                }
                _ => {}
            }
            if depth == 0 && !word_begins {
                break;
            }
        }
    }
    found
}

/// Fails with all faults at once.
fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_room_is_in_the_table_and_every_row_is_a_room() {
    let table = table(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    let entries = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap());
    let folders: BTreeSet<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let rows: BTreeSet<String> = table.into_keys().collect();
    assert_eq!(
        rows, folders,
        "ARCHITECTURE.md (left) and the folders of src/ (right) differ"
    );
}

#[test]
fn rooms_use_only_what_the_table_allows() {
    let table = table(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    let mut faults = Vec::new();
    for (room, file, text) in room_files() {
        for used in crate_paths(&code(&text)) {
            if table.contains_key(&used) && used != room && !table[&room].contains(&used) {
                faults.push(format!(
                    "{file}: uses `crate::{used}`, but ARCHITECTURE.md allows `{room}` only {:?}",
                    table[&room]
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn what_belongs_to_one_room_stays_there() {
    let mut faults = Vec::new();
    for (room, file, text) in room_files() {
        let code = code(&text);
        for (pattern, owners) in EXCLUSIVE {
            let mut before = code
                .match_indices(pattern)
                .map(|(at, _)| code[..at].chars().next_back());
            let word = |before: Option<char>| {
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            };
            if !owners.contains(&room.as_str()) && before.any(word) {
                faults.push(format!(
                    "{file}: has `{pattern}`, which belongs to {owners:?}"
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut faults = Vec::new();
    for (file, text) in files(&["src", "tests", "benches", "probes", "fuzz"]) {
        let lines = text.lines().count();
        let most = if file.starts_with("tests/") {
            MAX_TEST_LINES
        } else {
            MAX_LINES
        };
        if lines > most {
            faults.push(format!(
                "{file}: {lines} lines, at most {most}: split it by idea"
            ));
        }
        if !text.starts_with("//! ") {
            faults.push(format!("{file}: does not open with a `//!` sentence"));
        }
    }
    report(&faults);
}

#[test]
fn the_reading_is_right() {
    let document = "# A\n\n## Rooms\n\n| room | owns | may use |\n|---|---|---|\n| `a` | x | nothing |\n\
                    | `b` | y, z | a |\n| `c` | x | everything but b |\n| `d` | x | everything |\n\n## B\n| `e` | | |\n";
    let table = table(document);
    let uses = |room: &str| {
        table[room]
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(table.len(), 4);
    assert_eq!(
        [uses("a"), uses("b"), uses("c"), uses("d")],
        ["", "a", "a c d", "a b c d"]
    );

    let text = "use crate::{\n    a::{B, c},\n    d,\n};\nlet x = crate::e::F + crate::g(crate::h);\n// crate::no\n";
    let found: Vec<String> = crate_paths(&code(text)).into_iter().collect();
    assert_eq!(found, ["a", "d", "e", "g", "h"]);
}
