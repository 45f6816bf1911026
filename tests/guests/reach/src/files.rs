//! Files, by whole paths below what is granted.

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

use super::{Answer, name};

/// The folder that is granted and leads to `path`, and the rest of it.
fn find(path: &str) -> Result<(Descriptor, &str), String> {
    let leads = |(folder, place): (Descriptor, String)| {
        let rest = path.strip_prefix(&place)?.strip_prefix('/')?;
        Some((folder, rest))
    };
    get_directories()
        .into_iter()
        .find_map(leads)
        .ok_or_else(|| "nothing granted leads there".into())
}

fn open(path: &str, open: OpenFlags, flags: DescriptorFlags) -> Result<Descriptor, String> {
    let (folder, rest) = find(path)?;
    folder
        .open_at(PathFlags::SYMLINK_FOLLOW, rest, open, flags)
        .map_err(name)
}

/// The first 100 bytes.
pub fn read(path: &str) -> Answer {
    let file = open(path, OpenFlags::empty(), DescriptorFlags::READ)?;
    let (bytes, _) = file.read(100, 0).map_err(name)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Kind and size.
pub fn stat(path: &str) -> Answer {
    let (folder, rest) = find(path)?;
    folder
        .metadata_hash_at(PathFlags::SYMLINK_FOLLOW, rest)
        .map_err(name)?;
    let stat = folder
        .stat_at(PathFlags::SYMLINK_FOLLOW, rest)
        .map_err(name)?;
    Ok(format!("{:?} of {}", stat.type_, stat.size))
}

/// Opens for writing, or makes a folder where the path ends with a slash.
pub fn write(path: &str) -> Answer {
    if path.ends_with('/') {
        let (folder, rest) = find(path)?;
        folder
            .create_directory_at(rest.trim_end_matches('/'))
            .map_err(name)?;
    } else {
        open(path, OpenFlags::CREATE, DescriptorFlags::WRITE)?;
    }
    Ok("written".into())
}

/// The names in the first granted folder.
pub fn list() -> Answer {
    let folders = get_directories();
    let (folder, _) = folders.first().ok_or("nothing is granted")?;
    let entries = folder.read_directory().map_err(name)?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry().map_err(name)? {
        names.push(entry.name);
    }
    names.sort();
    Ok(names.join(" "))
}
