//! Writing a file in one piece.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

/// Writes a file so that whoever looks sees all of it, or what was there before. What is no regular file, such as
/// `/dev/null` or a pipe, is written to and never replaced; of a symbolic link, the file behind it is.
///
/// # Errors
/// What the system says; what was there before is there still, and nothing is beside it.
pub fn put(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return fs::write(file, bytes);
    }
    // One that is not there yet stands for itself.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    // Hidden, and of another kind: the watcher of a probe folder passes it over.
    let mut aside = OsString::from(".");
    aside.push(file.file_name().unwrap_or_default());
    aside.push(".new");
    let aside = file.with_file_name(aside);
    fs::write(&aside, bytes)
        .and_then(|()| fs::rename(&aside, &file))
        .inspect_err(|_| {
            // Whether or not there is something to remove; the error that counts is the one before.
            let _left_over = fs::remove_file(&aside);
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        symlink("file", path("link")).unwrap();
        for (name, text) in [("file", "one"), ("file", "two"), ("link", "three")] {
            put(&path(name), text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(path("file")).unwrap(), text);
        }
        assert!(path("link").is_symlink());
        fs::create_dir(path("folder")).unwrap();
        put(&path("folder"), b"x").unwrap_err();
        put(&path("none/file"), b"x").unwrap_err();
        let made = Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        let reader = thread::spawn({
            let pipe = path("pipe");
            move || fs::read_to_string(pipe).unwrap()
        });
        put(&path("pipe"), b"four").unwrap();
        assert_eq!(reader.join().unwrap(), "four");
        assert!(fs::metadata(path("pipe")).unwrap().file_type().is_fifo());
        let left = fs::read_dir(place.path()).unwrap().count();
        assert_eq!(left, ["file", "link", "folder", "pipe"].len());
    }
}
