//! What a guest can reach: nothing but clocks and random numbers, and what the operator granted.

mod config;

use std::fs;

use wasmtime_wasi::{FsPerms, WasiCtx};

pub use config::Grants;

use super::Limits;
use super::host::OutputTail;
use crate::model::Failure;

/// The grants in words, as the snapshot shows them.
pub(super) fn words(grants: &Grants) -> Vec<String> {
    let folders = grants
        .read
        .iter()
        .map(|path| format!("read {}", path.display()));
    let databases = grants.sqlite.keys().map(|name| format!("sqlite {name}"));
    folders.chain(databases).collect()
}

/// WASI for one instance. Files below granted folders can be read, nothing can be written, no socket, no
/// environment, no arguments; what the guest prints goes to `output`.
///
/// # Errors
/// `not-applicable` when a granted folder does not exist on this machine, `grant` when it cannot be opened.
pub(super) fn context(
    grants: &Grants,
    limits: &Limits,
    output: &OutputTail,
) -> Result<WasiCtx, Failure> {
    let mut builder = WasiCtx::builder();
    builder
        .stdout(output.clone())
        .stderr(output.clone())
        .max_random_size(limits.random.0)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        // A guest with files runs on a thread that may block; see `Probe::spawn`.
        .allow_blocking_current_thread(!grants.read.is_empty());
    for path in &grants.read {
        let shown = path.display();
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => {
                return Err(Failure::new(
                    "grant",
                    format!("grant.read: {shown} is not a folder"),
                ));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::new(
                    "not-applicable",
                    format!("grant.read: {shown} does not exist"),
                ));
            }
            Ok(_) | Err(_) => {}
        }
        builder
            .preopened_dir(path, path.to_string_lossy(), FsPerms::ReadOnly)
            .map_err(|error| Failure::new("grant", format!("grant.read: {shown}: {error}")))?;
    }
    Ok(builder.build())
}
