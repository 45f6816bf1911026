//! `wasi:filesystem` for guests: wasmtime's, with the functions replaced that open files or look at them by name.

use std::fs::File;
use std::path::PathBuf;

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir, File as OpenFile, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, HostDescriptor, MetadataHashValue,
    OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult};
use wasmtime_wasi::{FsPerms, OpenMode};

use super::denied::Attempt;
use super::files::{self, NotOpened, Opened, Preopen};
use super::link::replace;
use crate::probe::host::Guest;

const PREOPENS: &str = "wasi:filesystem/preopens@0.2.12";
const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// Puts the checks in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(linker, PREOPENS, "get-directories", |mut store, (): ()| {
        Box::new(async move { Ok((directories(store.data_mut())?,)) })
    })?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.open-at",
        |mut store, (at, links, path, open, flags): OpenAt| {
            Box::new(
                async move { told(open_at(store.data_mut(), at, links, path, open, flags).await) },
            )
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.stat-at",
        |mut store, (at, links, path): (Resource<Descriptor>, PathFlags, String)| {
            Box::new(async move { told(stat_at(store.data_mut(), at, links, path).await) })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.metadata-hash-at",
        |mut store, (at, links, path): (Resource<Descriptor>, PathFlags, String)| {
            Box::new(async move { told(hash_at(store.data_mut(), at, links, path).await) })
        },
    )
}

/// The parameters of `open-at`.
pub(super) type OpenAt = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);

/// What the guest gets: a result with an error code, unless the call is a trap.
pub(super) fn told<T>(result: FsResult<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

fn directories(guest: &mut Guest) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
    let one = |preopen: &Preopen| {
        let descriptor = Descriptor::Dir(preopen.dir.clone());
        Ok((guest.table.push(descriptor)?, preopen.path.clone()))
    };
    guest.access.files.all().map(one).collect()
}

pub(super) async fn open_at(
    guest: &mut Guest,
    at: Resource<Descriptor>,
    links: PathFlags,
    path: String,
    open: OpenFlags,
    flags: DescriptorFlags,
) -> FsResult<Resource<Descriptor>> {
    let dir = folder(guest, &at)?;
    refuse_writes(guest, &dir, &path, open, flags)?;
    let follow = links.contains(PathFlags::SYMLINK_FOLLOW);
    let opened = match named(guest, &dir, &path)? {
        Some(file) => files::open_named(&file),
        None => files::open_below(&dir.dir, &path, follow),
    };
    match opened {
        Ok(Opened::File(_)) if open.contains(OpenFlags::DIRECTORY) => {
            Err(ErrorCode::NotDirectory.into())
        }
        Ok(opened) => Ok(guest.table.push(descriptor(opened))?),
        Err(NotOpened::NoSuchCall) => open_checked(guest, at, links, path, open, flags).await,
        Err(reason) => Err(refused(guest, &dir, &path, reason)),
    }
}

/// Files are read only.
pub(super) fn refuse_writes(
    guest: &Guest,
    dir: &Dir,
    path: &str,
    open: OpenFlags,
    flags: DescriptorFlags,
) -> FsResult<()> {
    let writes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
    if open.intersects(writes) || flags.contains(DescriptorFlags::WRITE) {
        let place = place(guest, dir, path);
        let attempt = Attempt::never(format!("write {}: files are read-only", place.display()));
        guest.access.denier.note(&attempt);
        return Err(ErrorCode::NotPermitted.into());
    }
    let synchronised = DescriptorFlags::FILE_INTEGRITY_SYNC
        | DescriptorFlags::DATA_INTEGRITY_SYNC
        | DescriptorFlags::REQUESTED_WRITE_SYNC;
    if flags.intersects(synchronised) {
        return Err(ErrorCode::Unsupported.into());
    }
    Ok(())
}

/// Opens with wasmtime's own resolution of paths, where the kernel lacks the call: a file that is swapped for a FIFO between
/// the look and the opening is waited for.
async fn open_checked(
    guest: &mut Guest,
    at: Resource<Descriptor>,
    links: PathFlags,
    path: String,
    open: OpenFlags,
    flags: DescriptorFlags,
) -> FsResult<Resource<Descriptor>> {
    let again = Resource::new_borrow(at.rep());
    let mut view = guest.filesystem();
    let found = view.stat_at(again, links, path.clone()).await?;
    if !matches!(
        found.type_,
        DescriptorType::RegularFile | DescriptorType::Directory
    ) {
        return Err(ErrorCode::NotPermitted.into());
    }
    view.open_at(at, links, path, open, flags).await
}

pub(super) async fn stat_at(
    guest: &mut Guest,
    at: Resource<Descriptor>,
    links: PathFlags,
    path: String,
) -> FsResult<DescriptorStat> {
    let dir = folder(guest, &at)?;
    match named(guest, &dir, &path)? {
        None => guest.filesystem().stat_at(at, links, path).await,
        Some(file) => {
            let id = open_single(guest, &dir, &path, &file)?;
            let found = guest
                .filesystem()
                .stat(Resource::new_borrow(id.rep()))
                .await;
            guest.table.delete(id)?;
            found
        }
    }
}

pub(super) async fn hash_at(
    guest: &mut Guest,
    at: Resource<Descriptor>,
    links: PathFlags,
    path: String,
) -> FsResult<MetadataHashValue> {
    let dir = folder(guest, &at)?;
    match named(guest, &dir, &path)? {
        None => guest.filesystem().metadata_hash_at(at, links, path).await,
        Some(file) => {
            let id = open_single(guest, &dir, &path, &file)?;
            let again = Resource::new_borrow(id.rep());
            let found = guest.filesystem().metadata_hash(again).await;
            guest.table.delete(id)?;
            found
        }
    }
}

pub(super) fn folder(guest: &Guest, at: &Resource<Descriptor>) -> FsResult<Dir> {
    match guest.table.get(at)? {
        Descriptor::Dir(dir) => Ok(dir.clone()),
        Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
    }
}

/// The single file that `path` means, where only single files are granted in this folder; nothing is below a granted path
/// that is missing.
pub(super) fn named(guest: &Guest, dir: &Dir, path: &str) -> FsResult<Option<PathBuf>> {
    let Some(preopen) = guest.access.files.of(dir) else {
        return Ok(None);
    };
    let Some(only) = &preopen.only else {
        return Ok(None);
    };
    match only.get(path.trim_start_matches("./")) {
        Some(file) => Ok(Some(file.clone())),
        None if only.is_empty() => Err(ErrorCode::NoEntry.into()),
        None => {
            let target = guest.access.files.target(&preopen.path, path);
            guest.access.denier.note(&Attempt::read(&target));
            Err(ErrorCode::NotPermitted.into())
        }
    }
}

fn open_single(
    guest: &mut Guest,
    dir: &Dir,
    path: &str,
    file: &std::path::Path,
) -> FsResult<Resource<Descriptor>> {
    let opened = files::open_named(file).map_err(|reason| refused(guest, dir, path, reason))?;
    Ok(guest.table.push(descriptor(opened))?)
}

pub(super) fn descriptor(opened: Opened) -> Descriptor {
    let (perms, mode) = (FsPerms::ReadOnly, OpenMode::READ);
    // Calls of a guest with files are made on a thread that may block; see `Probe::spawn`.
    let file = |file: File| OpenFile::new(file, perms, mode, true);
    match opened {
        Opened::File(one) => Descriptor::File(file(one)),
        Opened::Folder(one) => Descriptor::Dir(Dir::new(one, perms, mode, true)),
    }
}

/// Notes what a grant would change, and gives the guest its error.
fn refused(guest: &Guest, dir: &Dir, path: &str, reason: NotOpened) -> FsError {
    let attempt = match reason {
        NotOpened::Escapes => match guest.access.files.of(dir) {
            Some(preopen) => Attempt::read(&guest.access.files.target(&preopen.path, path)),
            None => Attempt::never(format!("leave a granted folder by {path}")),
        },
        NotOpened::Special => {
            let place = place(guest, dir, path);
            let what = format!("read {}: it is no regular file", place.display());
            Attempt::never(what)
        }
        NotOpened::NoSuchCall => return ErrorCode::NotPermitted.into(),
        NotOpened::Io(error) => return error.into(),
    };
    guest.access.denier.note(&attempt);
    ErrorCode::NotPermitted.into()
}

/// A guest's path for people; only from a granted folder on is it known whole.
fn place(guest: &Guest, dir: &Dir, path: &str) -> PathBuf {
    match guest.access.files.of(dir) {
        Some(preopen) => guest.access.files.target(&preopen.path, path),
        None => path.into(),
    }
}
