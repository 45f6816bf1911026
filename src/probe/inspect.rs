//! What a component is, asks for and offers, before any of it runs.

use std::collections::BTreeSet;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::model::{Failure, printable};

/// The version of the interface that this host speaks.
pub const INTERFACE_VERSION: [u64; 3] = [0, 1, 0];

/// The export that makes a component a probe.
const COLLECTOR: &str = "probity:probe/collector";
/// Exports that a later version runs.
const LATER: [&str; 2] = ["probity:probe/line-handler", "probity:probe/deliverer"];

/// An import's package or interface and what it would let a guest do, in words.
const ASKS: [(&str, &str); 19] = [
    ("probity:host/config", "configuration"),
    ("probity:host/log", "log"),
    ("probity:host/state", "state"),
    ("probity:host/snapshot", "snapshot"),
    ("probity:host/secrets", "secrets"),
    ("probity:events/", "events"),
    ("probity:sql/", "SQL"),
    ("probity:lines/", "log lines"),
    ("probity:notify/", "notifications"),
    ("wasi:filesystem/", "files"),
    ("wasi:sockets/tcp", "TCP"),
    ("wasi:sockets/udp", "UDP"),
    ("wasi:sockets/ip-name-lookup", "name lookup"),
    ("wasi:http/", "HTTP"),
    ("wasi:cli/environment", "environment"),
    ("wasi:cli/std", "standard streams"),
    ("wasi:clocks/", "clocks"),
    ("wasi:random/", "random"),
    ("wasi:cli/terminal", "terminal"),
];
/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inspection {
    /// What the imports would let it do, in words.
    pub(super) asks: Vec<String>,
    /// The interface version it was built against.
    pub(super) interface: String,
}

/// Looks at the first bytes: components only, and a plain word for what else comes along.
///
/// # Errors
/// `file.*` with what the file is instead.
pub(super) fn check_kind(bytes: &[u8]) -> Result<(), Failure> {
    let (code, message) = match bytes {
        [] => ("file.empty", "the file is empty"),
        [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => (
            "file.core-module",
            "a core module, not a component: build for wasm32-wasip2, or run `probity component`",
        ),
        [0x7f, b'E', b'L', b'F', ..] => (
            "file.elf",
            "an ELF file: a native program or precompiled code, which is never loaded from here",
        ),
        [b'\0', b'a', b's', b'm', ..] => (
            "file.version",
            "a WebAssembly binary of an unknown version, or cut off",
        ),
        _ if looks_like_text(bytes) => ("file.text", "a text file, not a WebAssembly binary"),
        _ => ("file.unknown", "not a WebAssembly component"),
    };
    Err(Failure::new(code, message))
}

fn looks_like_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(256)];
    head.iter()
        .all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..))
}

/// Checks exports, and that everything is of this host's line of versions.
///
/// # Errors
/// `component.version` or `component.export`, naming the interface.
pub(super) fn inspect(component: &Component, engine: &Engine) -> Result<Inspection, Failure> {
    let ty = component.component_type();
    let imports: Vec<&str> = ty.imports(engine).map(|(name, _)| name).collect();
    let exports: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
    check_imports(&imports)?;
    Ok(Inspection {
        asks: asks(&imports),
        interface: check_exports(&exports)?,
    })
}

/// Interfaces of another line of versions fit in nothing, whatever a component uses of them.
fn check_imports(imports: &[&str]) -> Result<(), Failure> {
    imports
        .iter()
        .filter(|import| import.starts_with("probity:"))
        .try_for_each(|import| check_version(import))
}

/// Below 1.0 the minor number is the breaking one. A newer patch only adds: what of it is used is looked at later, function
/// by function.
fn check_version(interface: &str) -> Result<(), Failure> {
    let refuse = |reason: &str| {
        let [major, minor, patch] = INTERFACE_VERSION;
        let message = format!(
            "uses `{}`, this host speaks {major}.{minor}.{patch}: {reason}",
            printable(interface, 128)
        );
        Err(Failure::new("component.version", message))
    };
    let Some(version) = interface
        .split_once('@')
        .and_then(|(_, version)| parse_version(version))
    else {
        return refuse("no version is given");
    };
    if version[..2] == INTERFACE_VERSION[..2] {
        Ok(())
    } else {
        refuse("build the probe against that version")
    }
}

pub(super) fn parse_version(text: &str) -> Option<[u64; 3]> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let version = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(version)
}

fn check_exports(exports: &[&str]) -> Result<String, Failure> {
    let is = |wanted: &str, export: &str| export.split('@').next() == Some(wanted);
    if let Some(export) = exports.iter().find(|export| is(COLLECTOR, export)) {
        check_version(export)?;
        return Ok(export
            .split_once('@')
            .map_or_else(String::new, |(_, version)| version.to_owned()));
    }
    let message = match exports
        .iter()
        .find(|export| LATER.iter().any(|later| is(later, export)))
    {
        Some(export) => format!(
            "exports `{}`, which this version of the host does not run",
            printable(export, 128)
        ),
        None => format!("does not export `{COLLECTOR}`, so it is no probe"),
    };
    Err(Failure::new("component.export", message))
}

fn asks(imports: &[&str]) -> Vec<String> {
    let words: BTreeSet<&str> = imports.iter().filter_map(|import| ask(import)).collect();
    words.into_iter().map(str::to_owned).collect()
}

/// What an import would let a guest do, in a word.
pub(super) fn ask(import: &str) -> Option<&'static str> {
    let found = ASKS.iter().find(|(prefix, _)| import.starts_with(prefix));
    found.map(|(_, word)| *word)
}

/// The component's own version: the text of its top-level custom section `version`, as the component
/// metadata conventions have it.
pub(super) fn own_version(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes.get(8..)?;
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = leb128(after)?;
        let (section, next) = after.split_at_checked(length)?;
        if id == 0 {
            let (name_length, body) = leb128(section)?;
            let (name, value) = body.split_at_checked(name_length)?;
            if name == b"version" {
                return Some(printable(std::str::from_utf8(value).ok()?, 64));
            }
        }
        rest = next;
    }
    None
}

/// An unsigned LEB128 of at most 32 bits, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_named() {
        for (bytes, code) in [
            (&b""[..], "file.empty"),
            (b"\0asm\x01\0\0\0rest", "file.core-module"),
            (b"\0asm\x0d", "file.version"),
            (b"\x7fELF\x02\x01", "file.elf"),
            (b"(component)", "file.text"),
            (b"#!/bin/sh\n", "file.text"),
            (b"\x00\x01\x02", "file.unknown"),
        ] {
            assert_eq!(check_kind(bytes).expect_err("it is none").code, code);
        }
        assert_eq!(check_kind(b"\0asm\x0d\0\x01\0"), Ok(()));
    }

    #[test]
    fn versions_are_held_against_the_hosts() {
        for version in ["0.1.0", "0.1.1", "0.1.99"] {
            let interface = format!("probity:host/log@{version}");
            assert_eq!(check_version(&interface), Ok(()));
        }
        for version in ["0.2.0", "1.0.0", "0.0.9", "0.1", "x", "0.1.0.0"] {
            let refused = check_version(&format!("probity:host/log@{version}")).expect_err(version);
            assert!(
                refused.message.contains(version) && refused.message.contains("0.1.0"),
                "{refused}"
            );
        }
        assert!(check_version("probity:host/log").is_err());
    }

    #[test]
    fn a_version_section_is_found_and_damage_is_not_followed() {
        let section = |name: &[u8], value: &[u8]| {
            let body = [&[name.len() as u8], name, value].concat();
            [&[0, body.len() as u8], &body[..]].concat()
        };
        let header = b"\0asm\x0d\0\x01\0";
        let whole = [
            &header[..],
            &section(b"name", b"x"),
            &section(b"version", b"1.2.3"),
        ]
        .concat();
        assert_eq!(own_version(&whole).as_deref(), Some("1.2.3"));
        for cut in 0..whole.len() {
            assert_eq!(own_version(&whole[..cut]), None);
        }
        assert_eq!(
            own_version(b"\0asm\x0d\0\x01\0\x00\xff\xff\xff\xff\xff\xff"),
            None
        );
    }
}
