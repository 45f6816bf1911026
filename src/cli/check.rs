//! `probity check`: the configuration, and what it names on this machine.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{Exit, Trouble, output};
use crate::config::{Loaded, Sources, load};

/// Loads the configuration and says that it is fine, on standard output; what it names and is not there is noted on
/// standard error, for it may come later.
///
/// # Errors
/// The configuration or the token file is at fault, or standard output cannot be written.
pub fn check(sources: &Sources) -> anyhow::Result<Exit> {
    let loaded = load(sources)?;
    loaded.config.server.check_token().map_err(|error| {
        let next = "mend the file, or `server.token_file`";
        Trouble::new(Exit::Configuration, error.to_string(), next)
    })?;
    for note in notes(&loaded) {
        output::note(&format!("note: {note}"));
    }
    let (config, origin) = (&loaded.config, &loaded.origin);
    Ok(output::data(&format!(
        "the configuration is fine ({origin})\n  serves on {}\n  probes in {}\n  state in {}",
        config.server.listen,
        config.probes.folder.display(),
        loaded.state_directory.display(),
    ))?)
}

/// Whether what is there can be read; a FIFO would not be opened.
fn readable(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        fs::read_dir(path).map(drop)
    } else if found.is_file() {
        File::open(path).map(drop)
    } else {
        Err(io::Error::other("neither a folder nor a regular file"))
    }
}

/// What is named and cannot be used as things are.
fn notes(loaded: &Loaded) -> Vec<String> {
    let config = &loaded.config;
    let folder = &config.probes.folder;
    let mut notes = Vec::new();
    let mut missing = |what: &str, path: &Path, found: io::Result<()>, consequence: &str| {
        if let Err(error) = found {
            notes.push(format!("{what} {}: {error}; {consequence}", path.display()));
        }
    };
    let listed = |path: &Path| fs::read_dir(path).map(drop);
    missing(
        "probes.folder",
        folder,
        listed(folder),
        "no probe will be loaded",
    );
    for probe in config.probe.iter().filter(|probe| probe.enabled) {
        for path in &probe.grant.read {
            let what = format!("granted to {}:", probe.name);
            missing(&what, path, readable(path), "the probe will not find it");
        }
    }
    // A state folder that is not there is made at the start.
    if loaded.state_directory.exists() {
        missing(
            "state.directory",
            &loaded.state_directory,
            listed(&loaded.state_directory),
            "nothing can be kept",
        );
    }
    for probe in config.probe.iter().filter(|probe| probe.enabled) {
        let file = folder.join(format!("{}.wasm", probe.component()));
        if !file.is_file() {
            notes.push(format!(
                "probe {} has a section and no file {}",
                probe.name,
                file.display()
            ));
        }
    }
    notes
}
