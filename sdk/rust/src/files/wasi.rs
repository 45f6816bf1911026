//! Files through WASI's own interfaces.

use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, DirectoryEntryStream, ErrorCode, OpenFlags,
    PathFlags,
};

use super::{Entry, FileError, Refused, Stat, way};

/// Bytes asked for at once; the kernel hands out its tables by the page anyway.
const PORTION_BYTES: u64 = 32 * 1024;

std::thread_local! {
    /// What the operator granted; it does not change while an instance lives.
    static GRANTED: Vec<(Descriptor, String)> = preopens::get_directories();
}

fn find<T>(
    path: &str,
    found: impl FnOnce(&Descriptor, &str) -> Result<T, Refused>,
) -> Result<T, Refused> {
    GRANTED.with(|folders| {
        let names = folders.iter().map(|(_, name)| name.as_str());
        let (place, way) = way::within(names, path).ok_or(Refused::NotGranted)?;
        let (folder, _) = folders.get(place).ok_or(Refused::NotGranted)?;
        found(folder, way)
    })
}

fn open_as(path: &str, flags: OpenFlags) -> Result<Descriptor, Refused> {
    find(path, |folder, way| {
        folder
            .open_at(PathFlags::SYMLINK_FOLLOW, way, flags, DescriptorFlags::READ)
            .map_err(reason)
    })
}

pub(super) fn is_granted(path: &str) -> bool {
    find(path, |_, _| Ok(())).is_ok()
}

pub(super) fn open(path: &str) -> Result<Reader, Refused> {
    let file = open_as(path, OpenFlags::empty())?;
    Ok(Reader {
        path: path.to_owned(),
        file,
        offset: 0,
    })
}

pub(super) fn list(path: &str) -> Result<Listing, Refused> {
    let folder = open_as(path, OpenFlags::DIRECTORY)?;
    let entries = folder.read_directory().map_err(reason)?;
    Ok(Listing {
        path: path.to_owned(),
        entries,
    })
}

pub(super) fn stat(path: &str) -> Result<Stat, Refused> {
    let stat = find(path, |folder, way| {
        folder
            .stat_at(PathFlags::SYMLINK_FOLLOW, way)
            .map_err(reason)
    })?;
    let seconds = |time: wasip2::clocks::wall_clock::Datetime| {
        time.seconds as f64 + f64::from(time.nanoseconds) / 1e9
    };
    Ok(Stat {
        is_file: stat.type_ == DescriptorType::RegularFile,
        bytes: stat.size,
        modified: stat.data_modification_timestamp.map(seconds),
    })
}

/// An open file.
pub struct Reader {
    path: String,
    file: Descriptor,
    offset: u64,
}

impl Reader {
    /// Goes on behind the next so many bytes.
    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), FileError> {
        self.offset += bytes;
        Ok(())
    }

    /// The next portion; empty at the end.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn portion(&mut self) -> Result<Vec<u8>, FileError> {
        let read = self.file.read(PORTION_BYTES, self.offset);
        let (bytes, _) = read.map_err(|code| FileError::new(&self.path, reason(code)))?;
        self.offset += bytes.len() as u64;
        Ok(bytes)
    }
}

/// A folder's entries, in no order.
pub struct Listing {
    path: String,
    entries: DirectoryEntryStream,
}

impl Iterator for Listing {
    type Item = Result<Entry, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.read_directory_entry();
        let entry = entry
            .map_err(|code| FileError::new(&self.path, reason(code)))
            .transpose()?;
        Some(entry.map(|entry| Entry {
            is_folder: entry.type_ == DescriptorType::Directory,
            name: entry.name,
        }))
    }
}

fn reason(code: ErrorCode) -> Refused {
    match code {
        ErrorCode::NoEntry => Refused::Missing,
        ErrorCode::NotDirectory => Refused::Because("not a folder"),
        // A descriptor of ours is never bad, unless it is a folder's and bytes are asked of it.
        ErrorCode::IsDirectory | ErrorCode::BadDescriptor => Refused::Because("a folder"),
        // The host's word for what is not granted; the machine's own is the other one.
        ErrorCode::NotPermitted => Refused::NotGranted,
        ErrorCode::Access => Refused::Because("permission denied"),
        ErrorCode::Loop => Refused::Because("too many links"),
        ErrorCode::NameTooLong => Refused::Because("name too long"),
        ErrorCode::Io => Refused::Because("input/output error"),
        _ => Refused::Because("cannot be read"),
    }
}
