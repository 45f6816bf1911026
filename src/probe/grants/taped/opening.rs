//! Opening files with a tape: what the guest gets is a copy, so that what it reads is what the tape has.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, OpenFlags, PathFlags};
use wasmtime_wasi::p2::{FsError, FsResult};

use super::codes::file_name;
use super::deck;
use super::files::{code_of, coded, file_of, path_of, stat};
use crate::model::Failure;
use crate::probe::grants::denied::Attempt;
use crate::probe::grants::descriptors::{self, OpenAt};
use crate::probe::grants::files::{Files, Opened, missing};
use crate::probe::grants::found::{self, Found};
use crate::probe::host::Guest;
use crate::probe::tape::{Blob, Deck, FileAnswer, FileKind, FileQuestion, FileStat, Tape};

/// The granted files, as they are on the machine or on the tape.
///
/// # Errors
/// As [`Files::open`], or as that failed on recording.
pub(in crate::probe::grants) fn open(tape: &Tape, granted: &[PathBuf]) -> Result<Files, Failure> {
    let Some(deck) = tape.deck() else {
        return Files::open(granted);
    };
    if deck.replays() {
        return replayed(deck, granted);
    }
    let opened = Files::open(granted);
    match &opened {
        Ok(files) => {
            for (path, found) in granted.iter().zip(files.found()) {
                deck.record_file(&granted_answer(path, *found));
            }
        }
        Err(failure) => record_refusal(deck, granted, failure),
    }
    opened
}

/// Whether other files lie at the granted paths than those that were opened, on the machine or on the tape: recording, an
/// instance was made anew then.
///
/// # Errors
/// As [`found::have_moved`], or as that failed on recording.
pub(in crate::probe::grants) fn have_moved(
    tape: &Tape,
    files: &Files,
    granted: &[PathBuf],
) -> Result<bool, Failure> {
    let deck = tape.deck();
    if let Some(deck) = deck.filter(|deck| deck.replays()) {
        return match deck.opens_granted() {
            true => replayed(deck, granted).map(|_| true),
            false => Ok(false),
        };
    }
    let moved = found::have_moved(granted, files);
    if let (Some(deck), Err(failure)) = (deck, &moved) {
        record_refusal(deck, granted, failure);
    }
    moved
}

fn granted_answer(path: &Path, found: Found) -> FileAnswer {
    let mut answer = FileAnswer::to(FileQuestion::Grant, &path.to_string_lossy());
    match found {
        Found::Folder(..) => answer.stat = Some(FileStat::of_kind(FileKind::Folder)),
        Found::File => answer.stat = Some(FileStat::of_kind(FileKind::File)),
        Found::Missing => answer.error = Some(error_of(&missing(path))),
    }
    answer
}

fn record_refusal(deck: &Deck, granted: &[PathBuf], failure: &Failure) {
    for path in granted {
        deck.record_file(&FileAnswer {
            error: Some(error_of(failure)),
            ..FileAnswer::to(FileQuestion::Grant, &path.to_string_lossy())
        });
    }
}

fn error_of(failure: &Failure) -> String {
    format!("{}: {}", failure.code, failure.message)
}

fn replayed(deck: &Deck, granted: &[PathBuf]) -> Result<Files, Failure> {
    let mut all = Vec::new();
    let mut first_missing = None;
    for path in granted {
        let shown = path.to_string_lossy();
        let answer = deck.file(FileQuestion::Grant, &shown, false);
        let found = match (&answer.error, answer.stat) {
            (Some(error), _) => {
                let (code, message) = error.split_once(": ").unwrap_or(("grant", error));
                let failure = Failure::new(code, message);
                if code != "not-applicable" {
                    return Err(failure);
                }
                first_missing.get_or_insert(failure);
                Found::Missing
            }
            (None, Some(stat)) if stat.kind == FileKind::Folder => Found::Folder(0, 0),
            (None, _) => Found::File,
        };
        all.push((path.as_path(), found));
    }
    let is_missing = |(_, found): &(&Path, Found)| *found == Found::Missing;
    if let Some(failure) = first_missing.filter(|_| all.iter().all(is_missing)) {
        return Err(failure);
    }
    Files::of_tape(&all)
        .map_err(|error| Failure::new("grant", format!("no memory for a copy: {error}")))?
}

/// A file in memory with this content.
fn copy(content: &[u8]) -> io::Result<File> {
    let mut file: File = memfd_create("probity-tape", MemfdFlags::CLOEXEC)?.into();
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// Opens a file or folder, on the machine or on the tape.
pub(super) async fn open_at(guest: &mut Guest, asked: OpenAt) -> FsResult<Resource<Descriptor>> {
    let deck = deck(guest).map_err(FsError::trap)?;
    let (at, links, path, open, flags) = asked;
    let dir = descriptors::folder(guest, &at)?;
    let whole = path_of(guest, &dir, &path);
    let link_itself = !links.contains(PathFlags::SYMLINK_FOLLOW);
    if deck.replays() {
        descriptors::refuse_writes(guest, &dir, &path, open, flags)?;
        descriptors::named(guest, &dir, &path)?;
        return replay_open(guest, &deck, &whole, link_itself, open);
    }
    let opened = descriptors::open_at(guest, at, links, path.clone(), open, flags).await;
    let mut answer = FileAnswer {
        link_itself,
        ..FileAnswer::to(FileQuestion::Open, &whole)
    };
    let id = match opened {
        Ok(id) => id,
        Err(error) => {
            let code = coded(error)?;
            answer.error = Some(file_name(code).to_owned());
            if code == ErrorCode::NotPermitted {
                answer.leads_to = escape(guest, &dir, &path);
            }
            deck.record_file(&answer);
            return Err(code.into());
        }
    };
    record_opened(guest, &deck, id, answer).await
}

/// Notes what was opened; a file is replaced by a copy of it as it is now.
async fn record_opened(
    guest: &mut Guest,
    deck: &Deck,
    id: Resource<Descriptor>,
    mut answer: FileAnswer,
) -> FsResult<Resource<Descriptor>> {
    let stat = stat(guest, &id).await?;
    answer.stat = Some(stat.clone());
    if let Descriptor::File(file) = guest.table.get(&id)? {
        let content = match read_whole(&file.file, deck.room()) {
            Ok(content) => content,
            Err(error) => {
                // As if it could not be opened: on replay there is nothing behind it to read.
                guest.table.delete(id)?;
                let code = ErrorCode::from(&error);
                (answer.stat, answer.error) = (None, Some(file_name(code).to_owned()));
                deck.record_file(&answer);
                return Err(code.into());
            }
        };
        let copy = copy(&content).map_err(|error| ErrorCode::from(&error))?;
        answer.content = Some(Blob(content));
        *guest.table.get_mut(&id)? = descriptors::descriptor(Opened::File(copy));
    }
    deck.record_file(&answer);
    hold(guest, &id, &answer.path, Some(stat))?;
    Ok(id)
}

/// Remembers what a descriptor stands for.
fn hold(
    guest: &mut Guest,
    id: &Resource<Descriptor>,
    path: &str,
    stat: Option<FileStat>,
) -> FsResult<()> {
    let file = file_of(guest.table.get(id)?).clone();
    guest.access.held.files.add(&file, path, stat);
    Ok(())
}

/// All of a file, from its beginning, as long as that is no more than a tape has room for and a little.
fn read_whole(file: &File, room: u64) -> io::Result<Vec<u8>> {
    struct At<'a>(&'a File, u64);
    impl Read for At<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read_at(buffer, self.1)?;
            self.1 += read as u64;
            Ok(read)
        }
    }
    let mut content = Vec::new();
    At(file, 0).take(room + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Where a path leads that leads out of its folder.
fn escape(guest: &Guest, dir: &Dir, path: &str) -> Option<String> {
    let preopen = guest.access.files.of(dir)?;
    let target = guest.access.files.target(&preopen.path, path);
    let outside = !target.starts_with(&preopen.path);
    outside.then(|| target.to_string_lossy().into_owned())
}

fn replay_open(
    guest: &mut Guest,
    deck: &Deck,
    path: &str,
    link_itself: bool,
    open: OpenFlags,
) -> FsResult<Resource<Descriptor>> {
    let answer = deck.file(FileQuestion::Open, path, link_itself);
    let Some(stat) = answer.stat.clone().filter(|_| answer.error.is_none()) else {
        let code = code_of(&answer);
        if code == ErrorCode::NotPermitted {
            let attempt = match &answer.leads_to {
                Some(target) => Attempt::read(Path::new(target)),
                None => Attempt::never(format!("read {path}: it is no regular file")),
            };
            guest.access.denier.note(&attempt);
        }
        return Err(code.into());
    };
    let content = answer
        .content
        .as_ref()
        .map_or(&[][..], |content| &content.0);
    let copy = copy(content).map_err(|error| ErrorCode::from(&error))?;
    let opened = match stat.kind {
        FileKind::Folder => Opened::Folder(copy),
        _ if open.contains(OpenFlags::DIRECTORY) => return Err(ErrorCode::NotDirectory.into()),
        _ => Opened::File(copy),
    };
    let id = guest.table.push(descriptors::descriptor(opened))?;
    hold(guest, &id, path, Some(stat))?;
    Ok(id)
}
