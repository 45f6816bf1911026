//! `probity config init`: an example with every key.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::{Exit, Trouble, output};
use crate::config::EXAMPLE;

/// Writes the documented example to `path`, or prints it when that is `-`. It never overwrites.
///
/// # Errors
/// The file exists or cannot be written; no half of one is left behind.
pub fn init(path: &Path) -> Result<Exit, Trouble> {
    if path == Path::new("-") {
        return output::data(EXAMPLE);
    }
    let shown = path.display();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Trouble::new(
                Exit::Failure,
                format!("{shown} exists and is left as it is"),
                "name another file, or `-` to print the example",
            ),
            _ => unwritable(path, &error),
        })?;
    if let Err(error) = file
        .write_all(EXAMPLE.as_bytes())
        .and_then(|()| file.sync_all())
    {
        if let Err(left) = fs::remove_file(path) {
            output::note(&format!("note: half of {shown} is left behind: {left}"));
        }
        return Err(unwritable(path, &error));
    }
    output::note(&format!(
        "wrote {shown}\nnext: edit it, then `probity check --config {shown}`"
    ));
    Ok(Exit::Success)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(
        Exit::Failure,
        format!("{} cannot be written: {error}", path.display()),
        "name a file in a folder that exists and that you may write to",
    )
}
