//! `wasi:filesystem` with a tape: which path a descriptor stands for, and what is known of it.

use std::fs::File;
use std::sync::{Arc, Weak};

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorStat, ErrorCode, HostDescriptor, MetadataHashValue, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult};

use super::codes::{file_code, file_name};
use super::deck;
use super::listing::{from_stat, to_stat};
use super::opening::open_at;
use crate::probe::grants::descriptors::{self, OpenAt, told};
use crate::probe::grants::files;
use crate::probe::grants::link::replace;
use crate::probe::host::Guest;
use crate::probe::tape::{FileAnswer, FileQuestion, FileStat};

const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// What an instance has opened and may still hold.
#[derive(Default)]
pub(super) struct Handles(Vec<Handle>);

struct Handle {
    /// Known by its place in memory, which nobody else has as long as this is here.
    file: Weak<File>,
    path: String,
    stat: Option<FileStat>,
}

impl Handles {
    pub(super) fn add(&mut self, file: &Arc<File>, path: &str, stat: Option<FileStat>) {
        self.0.retain(|one| one.file.strong_count() > 0);
        self.0.push(Handle {
            file: Arc::downgrade(file),
            path: path.to_owned(),
            stat,
        });
    }

    fn of(&self, file: &Arc<File>) -> Option<&Handle> {
        self.0
            .iter()
            .find(|one| one.file.as_ptr() == Arc::as_ptr(file))
    }
}

/// The path that a guest means, without `.` and `..`, from its granted folder's path on.
pub(super) fn path_of(guest: &Guest, dir: &Dir, path: &str) -> String {
    let folder = match guest.access.files.of(dir) {
        Some(preopen) => preopen.path.as_str(),
        None => guest
            .access
            .held
            .files
            .of(&dir.dir)
            .map_or("", |one| &one.path),
    };
    let whole = files::by_words(folder, path.trim_start_matches('/'));
    whole.to_string_lossy().into_owned()
}

/// The error that the tape has, or that it lacks an answer.
pub(super) fn code_of(answer: &FileAnswer) -> ErrorCode {
    let known = answer.error.as_deref().and_then(file_code);
    known.unwrap_or(ErrorCode::NoEntry)
}

/// The code of an error, for the tape; a trap is none.
pub(super) fn coded(error: FsError) -> FsResult<ErrorCode> {
    error.downcast().map_err(FsError::trap)
}

pub(super) fn file_of(descriptor: &Descriptor) -> &Arc<File> {
    match descriptor {
        Descriptor::File(file) => &file.file,
        Descriptor::Dir(dir) => &dir.dir,
    }
}

/// What the machine says of an open file or folder.
pub(super) async fn stat(guest: &mut Guest, id: &Resource<Descriptor>) -> FsResult<FileStat> {
    let again = || Resource::new_borrow(id.rep());
    let mut view = guest.filesystem();
    let (stat, hash) = (
        view.stat(again()).await?,
        view.metadata_hash(again()).await?,
    );
    Ok(from_stat(&stat, &hash))
}

/// The stat of an open file or folder: as it was when it was opened.
async fn stat_of(guest: &mut Guest, id: Resource<Descriptor>) -> FsResult<FileStat> {
    let file = file_of(guest.table.get(&id)?).clone();
    if let Some(known) = guest
        .access
        .held
        .files
        .of(&file)
        .and_then(|one| one.stat.clone())
    {
        return Ok(known);
    }
    // A granted folder itself.
    let Descriptor::Dir(dir) = guest.table.get(&id)?.clone() else {
        return Err(ErrorCode::BadDescriptor.into());
    };
    let path = path_of(guest, &dir, ".");
    let deck = deck(guest).map_err(FsError::trap)?;
    let found = if deck.replays() {
        let answer = deck.file(FileQuestion::Stat, &path, false);
        answer.stat.clone().ok_or_else(|| code_of(&answer))?
    } else {
        let found = stat(guest, &id).await?;
        deck.record_file(&FileAnswer {
            stat: Some(found.clone()),
            ..FileAnswer::to(FileQuestion::Stat, &path)
        });
        found
    };
    Ok(found)
}

async fn stat_at(
    guest: &mut Guest,
    at: Resource<Descriptor>,
    links: PathFlags,
    path: String,
) -> FsResult<FileStat> {
    let deck = deck(guest).map_err(FsError::trap)?;
    let dir = descriptors::folder(guest, &at)?;
    let whole = path_of(guest, &dir, &path);
    let link_itself = !links.contains(PathFlags::SYMLINK_FOLLOW);
    if deck.replays() {
        descriptors::named(guest, &dir, &path)?;
        let answer = deck.file(FileQuestion::Stat, &whole, link_itself);
        let stat = answer.stat.clone().filter(|_| answer.error.is_none());
        return stat.ok_or_else(|| code_of(&answer).into());
    }
    let again = Resource::new_borrow(at.rep());
    let stat = descriptors::stat_at(guest, again, links, path.clone()).await;
    let found = match stat {
        Ok(stat) => {
            let hash = descriptors::hash_at(guest, at, links, path).await;
            hash.map(|hash| from_stat(&stat, &hash))
        }
        Err(error) => Err(error),
    };
    let mut answer = FileAnswer {
        link_itself,
        ..FileAnswer::to(FileQuestion::Stat, &whole)
    };
    let found = match found {
        Ok(stat) => {
            answer.stat = Some(stat.clone());
            Ok(stat)
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

/// Which file it is. Standard libraries ask for it beside a stat: it is that one's.
async fn hash_at(
    guest: &mut Guest,
    at: Resource<Descriptor>,
    links: PathFlags,
    path: String,
) -> FsResult<MetadataHashValue> {
    let dir = descriptors::folder(guest, &at)?;
    let whole = path_of(guest, &dir, &path);
    let link_itself = !links.contains(PathFlags::SYMLINK_FOLLOW);
    let deck = deck(guest).map_err(FsError::trap)?;
    let stat = match deck.known_stat(&whole, link_itself) {
        Some(known) => known,
        None => stat_at(guest, at, links, path).await?,
    };
    Ok(to_stat(&stat).1)
}

/// Whether two are one file or folder: copies are told by what they are copies of.
async fn is_same(
    guest: &mut Guest,
    one: Resource<Descriptor>,
    other: Resource<Descriptor>,
) -> wasmtime::Result<bool> {
    let mut identities = Vec::new();
    for id in [one, other] {
        match stat_of(guest, id).await {
            Ok(stat) => identities.push(stat.identity),
            Err(error) => {
                error.downcast()?;
                return Ok(false);
            }
        }
    }
    Ok(identities[0] == identities[1])
}

/// Puts it in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(
        linker,
        TYPES,
        "[method]descriptor.open-at",
        |mut store, asked: OpenAt| {
            Box::new(async move { told(open_at(store.data_mut(), asked).await) })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.stat-at",
        |mut store, (at, links, path): (Resource<Descriptor>, PathFlags, String)| {
            Box::new(async move {
                let stat = stat_at(store.data_mut(), at, links, path).await;
                told::<DescriptorStat>(stat.map(|stat| to_stat(&stat).0))
            })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.metadata-hash-at",
        |mut store, (at, links, path): (Resource<Descriptor>, PathFlags, String)| {
            Box::new(async move { told(hash_at(store.data_mut(), at, links, path).await) })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.stat",
        |mut store, (id,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let stat = stat_of(store.data_mut(), id).await;
                told(stat.map(|stat| to_stat(&stat).0))
            })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.metadata-hash",
        |mut store, (id,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let stat = stat_of(store.data_mut(), id).await;
                told(stat.map(|stat| to_stat(&stat).1))
            })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]descriptor.is-same-object",
        |mut store, (one, other): (Resource<Descriptor>, Resource<Descriptor>)| {
            Box::new(async move { Ok((is_same(store.data_mut(), one, other).await?,)) })
        },
    )
}
