//! A core module becomes a component: WASI's first version is translated, and the interface is put in where it is missing.

use std::path::Path;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::{
    ComponentEncoder, DecodedWasm, StringEncoding, decode, embed_component_metadata, metadata,
};

use super::error::BuildError;
use super::interface::Interface;

/// The first four bytes of all WebAssembly.
const MAGIC: &[u8] = b"\0asm";
/// The next four of a component, as against a core module's version 1.
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
/// The package whose interfaces a probe exports.
const EXPORTS: (&str, &str) = ("probity", "probe");

/// A component from a core module; a component stays as it is. `file` is what errors name.
///
/// # Errors
/// It is no WebAssembly, its imports are not those that it was built against, or it exports nothing that a host calls.
pub fn component(file: &Path, bytes: &[u8]) -> Result<Vec<u8>, BuildError> {
    let fault = |what: String| BuildError::Core(file.to_owned(), what);
    if !bytes.starts_with(MAGIC) {
        return Err(fault("is not WebAssembly".into()));
    }
    if bytes[MAGIC.len()..].starts_with(COMPONENT) {
        return if is_whole(bytes) {
            Ok(bytes.to_owned())
        } else {
            Err(fault(
                "is damaged: it is a component that is cut off".into(),
            ))
        };
    }
    let (_, described) =
        metadata::decode(bytes).map_err(|error| fault(format!("is damaged: {error:#}")))?;
    let mut module = bytes.to_owned();
    let world = &described.resolve.worlds[described.world];
    if world.exports.is_empty() {
        let ours = Interface::read(None)?;
        embed_component_metadata(&mut module, &ours.resolve, ours.world, StringEncoding::UTF8)
            .map_err(|error| fault(format!("cannot take the interface: {error:#}")))?;
    }
    let made =
        encode(&module).map_err(|error| fault(format!("cannot become a component: {error:#}")))?;
    if exports_a_probe(&made) {
        return Ok(made);
    }
    Err(fault(
        "exports nothing that a host calls, such as `probity:probe/collector@0.1.0#collect`".into(),
    ))
}

/// Whether the sections behind the header, each with its length in front, end where the file does.
fn is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(MAGIC.len() + COMPONENT.len()..);
    while let Some([_, behind @ ..]) = rest {
        rest = section_end(behind);
    }
    rest.is_some()
}

/// What follows a section that begins with its length, in LEB128; nothing where it is cut off.
fn section_end(bytes: &[u8]) -> Option<&[u8]> {
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes.get(index + 1..)?.get(length..);
        }
    }
    None
}

fn encode(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .adapter(
            WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        )?
        .encode()
}

fn exports_a_probe(component: &[u8]) -> bool {
    let Ok(DecodedWasm::Component(resolve, world)) = decode(component) else {
        return false;
    };
    let mut exports = resolve.worlds[world].exports.keys();
    exports.any(|key| {
        let wit_parser::WorldKey::Interface(id) = key else {
            return false;
        };
        let package = resolve.interfaces[*id].package;
        package.is_some_and(|id| {
            let name = &resolve.packages[id].name;
            (name.namespace.as_str(), name.name.as_str()) == EXPORTS
        })
    })
}
