//! Putting a component into a probe folder, so that nobody ever sees half of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Copies a component into a folder under a probe's name: aside first, then renamed into place.
///
/// # Errors
/// The folder cannot be written to, or the component cannot be read; what was there before is still there.
pub fn deliver(component: &Path, folder: &Path, name: &str) -> io::Result<PathBuf> {
    // Hidden, and not `.wasm`: the folder's watcher passes it over.
    let aside = folder.join(format!(".{name}.new"));
    let place = folder.join(format!("{name}.wasm"));
    fs::copy(component, &aside)
        .and_then(|_| fs::rename(&aside, &place))
        .inspect_err(|_| {
            // Whether or not there is something to remove; the error that counts is the one before.
            let _left_over = fs::remove_file(&aside);
        })?;
    Ok(place)
}

/// Whether a file that another process names is one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// It is.
    Same,
    /// It is another.
    Other,
    /// It cannot be seen from here: the path is relative to a folder of that process, or there is no such folder here.
    Unknown,
}

/// Compares the `file` that a running Probity names with the `place` where a component was put.
pub fn compare(file: &Path, place: &Path) -> Sameness {
    if file.file_name() != place.file_name() {
        return Sameness::Other;
    }
    let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder(file), folder(place)) {
        (Some(theirs), Some(ours)) if file.is_absolute() => match theirs == ours {
            true => Sameness::Same,
            false => Sameness::Other,
        },
        _ => Sameness::Unknown,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_is_told_from_another_where_that_can_be_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (folder.path().join("ours"), folder.path().join("other"));
        fs::create_dir(&ours).unwrap();
        fs::create_dir(&other).unwrap();
        std::os::unix::fs::symlink(&ours, folder.path().join("link")).unwrap();
        let place = ours.join("a.wasm");
        for (file, expected) in [
            (place.clone(), Sameness::Same),
            (folder.path().join("link/a.wasm"), Sameness::Same),
            (other.join("a.wasm"), Sameness::Other),
            (ours.join("b.wasm"), Sameness::Other),
            ("probes/b.wasm".into(), Sameness::Other),
            ("probes/a.wasm".into(), Sameness::Unknown),
            // As a container names it.
            ("/no such folder/a.wasm".into(), Sameness::Unknown),
        ] {
            assert_eq!(compare(&file, &place), expected, "{}", file.display());
        }
    }
}
