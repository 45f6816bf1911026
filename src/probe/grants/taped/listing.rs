//! `wasi:filesystem` with a tape: names of a folder, where links lead, and what is known of a file.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};
use std::vec;

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor,
    HostDirectoryEntryStream, MetadataHashValue,
};
use wasmtime_wasi::p2::{FsError, FsResult};

use super::codes::file_name;
use super::deck;
use super::files::{code_of, coded, path_of};
use crate::probe::grants::descriptors::{self, told};
use crate::probe::grants::link::{replace, replace_resource};
use crate::probe::host::Guest;
use crate::probe::tape::{FileAnswer, FileKind, FileQuestion, FileStat, Moment};

const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// The names of a folder that a guest goes through, in their order: a file system's own is another on each machine.
struct Listing(vec::IntoIter<(String, FileKind)>);

async fn list(guest: &mut Guest, id: Resource<Descriptor>) -> FsResult<Resource<Listing>> {
    let dir = descriptors::folder(guest, &id)?;
    let path = path_of(guest, &dir, ".");
    let deck = deck(guest).map_err(FsError::trap)?;
    let names = if deck.replays() {
        let answer = deck.file(FileQuestion::List, &path, false);
        answer.names.clone().ok_or_else(|| code_of(&answer))?
    } else {
        let mut answer = FileAnswer::to(FileQuestion::List, &path);
        let found = match names(guest, id).await {
            Ok(names) => {
                answer.names = Some(names.clone());
                Ok(names)
            }
            Err(error) => {
                let code = coded(error)?;
                answer.error = Some(file_name(code).to_owned());
                Err(code)
            }
        };
        deck.record_file(&answer);
        found?
    };
    let names: Vec<_> = names.into_iter().collect();
    Ok(guest.table.push(Listing(names.into_iter()))?)
}

/// The names on the machine. One that cannot be told fails the listing, as it does the guest's.
async fn names(
    guest: &mut Guest,
    id: Resource<Descriptor>,
) -> FsResult<BTreeMap<String, FileKind>> {
    let mut view = guest.filesystem();
    let stream = view.read_directory(id).await?;
    let mut names = BTreeMap::new();
    let result = loop {
        let again = Resource::new_borrow(stream.rep());
        match view.read_directory_entry(again).await {
            Ok(Some(entry)) => {
                names.insert(entry.name, kind(entry.type_));
            }
            Ok(None) => break Ok(names),
            Err(error) => break Err(error),
        }
    };
    HostDirectoryEntryStream::drop(&mut view, stream).map_err(FsError::trap)?;
    result
}

async fn read_link(guest: &mut Guest, id: Resource<Descriptor>, path: String) -> FsResult<String> {
    let dir = descriptors::folder(guest, &id)?;
    let whole = path_of(guest, &dir, &path);
    let deck = deck(guest).map_err(FsError::trap)?;
    if deck.replays() {
        let answer = deck.file(FileQuestion::Link, &whole, false);
        return answer
            .leads_to
            .clone()
            .ok_or_else(|| code_of(&answer).into());
    }
    let mut answer = FileAnswer::to(FileQuestion::Link, &whole);
    let found = match guest.filesystem().readlink_at(id, path).await {
        Ok(target) => {
            answer.leads_to = Some(target.clone());
            Ok(target)
        }
        Err(error) => {
            let code = coded(error)?;
            answer.error = Some(file_name(code).to_owned());
            Err(code.into())
        }
    };
    deck.record_file(&answer);
    found
}

const KINDS: [(FileKind, DescriptorType); 8] = [
    (FileKind::File, DescriptorType::RegularFile),
    (FileKind::Folder, DescriptorType::Directory),
    (FileKind::Link, DescriptorType::SymbolicLink),
    (FileKind::BlockDevice, DescriptorType::BlockDevice),
    (FileKind::CharacterDevice, DescriptorType::CharacterDevice),
    (FileKind::Fifo, DescriptorType::Fifo),
    (FileKind::Socket, DescriptorType::Socket),
    (FileKind::Unknown, DescriptorType::Unknown),
];

fn kind(of: DescriptorType) -> FileKind {
    let known = KINDS.iter().find(|(_, other)| *other == of);
    known.map_or(FileKind::Unknown, |(kind, _)| *kind)
}

fn type_of(kind: FileKind) -> DescriptorType {
    let known = KINDS.iter().find(|(other, _)| *other == kind);
    known.map_or(DescriptorType::Unknown, |(_, of)| *of)
}

/// What WASI says of a file, for the tape.
pub(super) fn from_stat(stat: &DescriptorStat, hash: &MetadataHashValue) -> FileStat {
    let moment = |time: Option<Datetime>| {
        let time = time?;
        let nanoseconds = time.nanoseconds.min(999_999_999);
        let since = Duration::new(time.seconds, nanoseconds);
        Moment(UNIX_EPOCH.checked_add(since)?).shown()
    };
    let modified = moment(stat.data_modification_timestamp);
    let other = |time| moment(time).filter(|time| Some(*time) != modified);
    FileStat {
        kind: kind(stat.type_),
        size: stat.size,
        identity: format!("{:016x}{:016x}", hash.upper, hash.lower),
        links: stat.link_count,
        modified,
        accessed: other(stat.data_access_timestamp),
        changed: other(stat.status_change_timestamp),
    }
}

/// What the tape says of a file, for WASI. One without an identity has that of nothing.
pub(super) fn to_stat(stat: &FileStat) -> (DescriptorStat, MetadataHashValue) {
    let time = |moment: Option<Moment>| {
        let since = moment?.duration();
        Some(Datetime {
            seconds: since.as_secs(),
            nanoseconds: since.subsec_nanos(),
        })
    };
    let identity = u128::from_str_radix(&stat.identity, 16).unwrap_or(0);
    let hash = MetadataHashValue {
        upper: (identity >> 64) as u64,
        lower: identity as u64,
    };
    let stat = DescriptorStat {
        type_: type_of(stat.kind),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: time(stat.accessed.or(stat.modified)),
        data_modification_timestamp: time(stat.modified),
        status_change_timestamp: time(stat.changed.or(stat.modified)),
    };
    (stat, hash)
}

/// Puts it in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace_resource::<Listing>(linker, TYPES, "directory-entry-stream")?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.read-directory",
        |mut store, (id,): (Resource<Descriptor>,)| {
            Box::new(async move { told(list(store.data_mut(), id).await) })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]directory-entry-stream.read-directory-entry",
        |mut store, (listing,): (Resource<Listing>,)| {
            Box::new(async move {
                let next = store.data_mut().table.get_mut(&listing)?.0.next();
                let entry = next.map(|(name, kind)| DirectoryEntry {
                    type_: type_of(kind),
                    name,
                });
                let entry: Result<Option<DirectoryEntry>, ErrorCode> = Ok(entry);
                Ok((entry,))
            })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.readlink-at",
        |mut store, (id, path): (Resource<Descriptor>, String)| {
            Box::new(async move { told(read_link(store.data_mut(), id, path).await) })
        },
    )
}
