//! One look at the folder: which component files are there, and what tells one state of a file from another.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a signature's file has behind its component's name.
const SIGNATURE: &str = ".minisig";

/// File systems whose files change on another machine, or in a program that serves them, with the kernel's numbers for them (statfs(2),
/// `linux/magic.h`).
const REMOTE: [u32; 8] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB 2
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x00c3_6400, // Ceph
    0x786f_4256, // VirtualBox's shared folders
];

/// The folder as it was at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The folder itself; nothing when there is none.
    pub(super) folder: Option<Place>,
    /// Whether others change it without this machine's kernel being told, so that nothing tells its changes.
    pub(super) is_remote: bool,
    /// The `*.wasm` entries directly in it, by their stem.
    pub(super) files: BTreeMap<String, Entry>,
}

/// A file or folder, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    device: u64,
    inode: u64,
}

/// One component file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    print: Fingerprint,
    /// Of the signature beside it, which may come later.
    signature: Fingerprint,
}

impl Entry {
    /// The component file at `path` as it is now.
    pub(super) fn of(path: PathBuf) -> Self {
        let print = Fingerprint::of(&path);
        let mut signature = path.clone().into_os_string();
        signature.push(SIGNATURE);
        let signature = Fingerprint::of(Path::new(&signature));
        Self {
            path,
            print,
            signature,
        }
    }

    /// Whether it is still as it was.
    pub(super) fn is_unchanged(&self) -> bool {
        Self::of(self.path.clone()) == *self
    }
}

/// What changes when a file is written, replaced, or its link points elsewhere. The time of change cannot be set by
/// hand, so the same size and time of modification do not hide a rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    place: Option<Place>,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Place {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl Fingerprint {
    /// Of a file, following links; a link that leads nowhere has one too.
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(metadata) => Self {
                place: Some(Place::of(&metadata)),
                size: metadata.size(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
            },
            Err(_) => Self {
                place: None,
                size: 0,
                modified: (0, 0),
                changed: (0, 0),
            },
        }
    }
}

/// Reads the folder. One that does not exist holds nothing.
///
/// # Errors
/// When it is there and cannot be read.
pub(super) fn scan(folder: &Path) -> io::Result<Listing> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listing::default()),
        Err(error) => return Err(error),
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let stem = path.file_stem().unwrap_or_default();
            let name = stem.to_string_lossy().into_owned();
            files.insert(name, Entry::of(path));
        }
    }
    Ok(Listing {
        folder: Some(Place::of(&fs::metadata(folder)?)),
        is_remote: rustix::fs::statfs(folder).is_ok_and(|system| is_remote(system.f_type as u32)),
        files,
    })
}

/// Whether a file system of this type may be changed elsewhere.
fn is_remote(kind: u32) -> bool {
    REMOTE.contains(&kind)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn only_components_are_listed_and_every_rewrite_shows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wasm");
        let print = || scan(folder.path()).unwrap().files["a"].print;
        fs::write(&file, "one").unwrap();
        fs::write(folder.path().join("a.wasm.part"), "x").unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let listing = scan(folder.path()).unwrap();
        assert_eq!(listing.files.keys().collect::<Vec<_>>(), ["a"]);
        assert!(listing.folder.is_some());
        assert_eq!(print(), print());
        let entry = || scan(folder.path()).unwrap().files["a"].clone();
        let unsigned = entry();
        fs::write(folder.path().join("a.wasm.minisig"), "x").unwrap();
        assert!(entry() != unsigned && !unsigned.is_unchanged() && entry().is_unchanged());

        let before = print();
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        // Older kernels tell two writes apart from their next tick on, after ten milliseconds at most.
        let patience = Instant::now() + Duration::from_secs(1);
        let again = || {
            fs::write(&file, "two").unwrap();
            let open = fs::File::options().append(true).open(&file).unwrap();
            open.set_modified(time).unwrap();
            print()
        };
        let mut after = again();
        while after == before && Instant::now() < patience {
            after = again();
        }
        assert_ne!(after, before, "same size and time of modification");
    }

    #[test]
    fn a_file_system_that_changes_elsewhere_is_known_by_its_number() {
        assert!(is_remote(rustix::fs::NFS_SUPER_MAGIC as u32));
        assert!(!is_remote(rustix::fs::PROC_SUPER_MAGIC as u32));
    }

    #[test]
    fn a_link_shows_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        fs::write(&one, "x").unwrap();
        fs::write(&other, "x").unwrap();
        let link = folder.path().join("a.wasm");
        let print = || scan(folder.path()).unwrap().files["a"].print;
        let mut seen = Vec::new();
        for target in [&one, &other, &folder.path().join("nowhere")] {
            std::os::unix::fs::symlink(target, folder.path().join("new")).unwrap();
            fs::rename(folder.path().join("new"), &link).unwrap();
            assert!(!seen.contains(&print()));
            seen.push(print());
        }
    }

    #[test]
    fn no_folder_holds_nothing_and_an_unreadable_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            scan(&folder.path().join("none")).unwrap(),
            Listing::default()
        );
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(scan(&file).is_err());
    }
}
