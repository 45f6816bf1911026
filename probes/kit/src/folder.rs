//! Granted folders, and the clock, through WASI's own interfaces.

use wasip2::clocks::monotonic_clock;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, DirectoryEntryStream, ErrorCode, OpenFlags,
    PathFlags,
};

use crate::path::{self, Entry, Refused};

/// Bytes asked for at once; the kernel hands out its tables by the page anyway.
const PORTION_BYTES: u64 = 32 * 1024;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stat {
    /// A file with content, not a folder, device or link.
    pub is_file: bool,
    /// Its size.
    pub bytes: u64,
    /// When it was last changed, Unix seconds, where the file system keeps that.
    pub modified: Option<f64>,
}

/// The folders that the operator granted.
pub struct Granted {
    folders: Vec<(Descriptor, String)>,
}

impl Granted {
    /// Asks the host for them.
    pub fn folders() -> Self {
        let folders = preopens::get_directories();
        Self { folders }
    }

    fn find<'p>(&self, path: &'p str) -> Result<(&Descriptor, &'p str), Refused> {
        let names = self.folders.iter().map(|(_, name)| name.as_str());
        let (place, way) = path::within(names, path).ok_or(Refused::NotGranted)?;
        let (folder, _) = self.folders.get(place).ok_or(Refused::NotGranted)?;
        Ok((folder, way))
    }

    /// Whether any of them has the path.
    pub fn leads_to(&self, path: &str) -> bool {
        self.find(path).is_ok()
    }

    fn open(&self, path: &str, flags: OpenFlags) -> Result<Descriptor, Refused> {
        let (folder, way) = self.find(path)?;
        folder
            .open_at(PathFlags::SYMLINK_FOLLOW, way, flags, DescriptorFlags::READ)
            .map_err(reason)
    }

    /// Opens a file to read it from its beginning.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn file(&self, path: &str) -> Result<Reader, Refused> {
        let file = self.open(path, OpenFlags::empty())?;
        Ok(Reader { file, offset: 0 })
    }

    /// Opens a folder to list it.
    ///
    /// # Errors
    /// Why it cannot be listed.
    pub fn list(&self, path: &str) -> Result<Listing, Refused> {
        let folder = self.open(path, OpenFlags::DIRECTORY)?;
        let entries = folder.read_directory().map_err(reason)?;
        Ok(Listing { entries })
    }

    /// What a path leads to, links followed.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn stat(&self, path: &str) -> Result<Stat, Refused> {
        let (folder, way) = self.find(path)?;
        let stat = folder
            .stat_at(PathFlags::SYMLINK_FOLLOW, way)
            .map_err(reason)?;
        let seconds = |time: wasip2::clocks::wall_clock::Datetime| {
            time.seconds as f64 + f64::from(time.nanoseconds) / 1e9
        };
        Ok(Stat {
            is_file: stat.type_ == DescriptorType::RegularFile,
            bytes: stat.size,
            modified: stat.data_modification_timestamp.map(seconds),
        })
    }
}

/// An open file.
pub struct Reader {
    file: Descriptor,
    offset: u64,
}

impl Reader {
    /// The next portion; empty at the end.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn portion(&mut self) -> Result<Vec<u8>, Refused> {
        let (bytes, _) = self.file.read(PORTION_BYTES, self.offset).map_err(reason)?;
        self.offset += bytes.len() as u64;
        Ok(bytes)
    }
}

/// A folder's entries, in no order.
pub struct Listing {
    entries: DirectoryEntryStream,
}

impl Iterator for Listing {
    type Item = Result<Entry, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self
            .entries
            .read_directory_entry()
            .map_err(reason)
            .transpose()?;
        Some(entry.map(|entry| Entry {
            is_folder: entry.type_ == DescriptorType::Directory,
            name: entry.name,
        }))
    }
}

/// Seconds on a clock that does not step.
pub fn steady_seconds() -> f64 {
    monotonic_clock::now() as f64 / 1e9
}

fn reason(code: ErrorCode) -> Refused {
    match code {
        ErrorCode::NoEntry => Refused::Missing,
        ErrorCode::NotDirectory => Refused::Because("not a folder"),
        ErrorCode::IsDirectory => Refused::Because("a folder"),
        ErrorCode::Access | ErrorCode::NotPermitted => Refused::Because("permission denied"),
        ErrorCode::Loop => Refused::Because("too many links"),
        ErrorCode::NameTooLong => Refused::Because("name too long"),
        ErrorCode::Io => Refused::Because("input/output error"),
        _ => Refused::Because("cannot be read"),
    }
}
