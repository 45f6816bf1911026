//! The archive: a tar of `manifest.json` and `probity.db`, in this order, packed with zstd.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use tar::{EntryType, Header};

use super::BackupError;
use super::manifest::{MAX_MANIFEST_BYTES, Manifest, checksum};
use crate::store::{Onlooker, Pace};

/// The two entries.
const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "probity.db";
/// Bytes read and written at once.
const STEP_BYTES: usize = 256 << 10;
/// What follows the last entry of a tar, at most: two empty blocks, and as many more as fill a record.
const MAX_END_BYTES: u64 = 64 << 10;
/// The largest window that unpacking makes room for, as a power of two: 128 MiB. What is packed here has a smaller one.
const MAX_WINDOW: u32 = 27;

/// The size and the checksum of a file.
pub(super) fn measure(
    file: &Path,
    pace: &mut Pace,
    onlooker: &mut dyn Onlooker,
) -> Result<(u64, String), BackupError> {
    let failed = |error: io::Error| BackupError::machine(file.display().to_string(), &error);
    let mut from = File::open(file).map_err(failed)?;
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
    let mut step = vec![0; STEP_BYTES];
    loop {
        let read = read_step(&mut from, &mut step).map_err(failed)?;
        if read == 0 {
            return Ok((bytes, checksum(&hasher)));
        }
        if onlooker.stop().is_cancelled() {
            return Err(BackupError::Stopped);
        }
        hasher.update(&step[..read]);
        bytes += read as u64;
        pace.rest();
    }
}

/// Packs the database that `manifest` tells of. Rests between its steps.
///
/// # Errors
/// The database is no longer what the manifest says; it cannot be read; whoever takes the archive takes no more
/// ([`io::ErrorKind::BrokenPipe`], told as [`BackupError::Stopped`]).
pub(super) fn pack<W: Write>(
    manifest: &Manifest,
    database: &Path,
    level: i32,
    to: W,
    pace: &mut Pace,
    onlooker: &mut dyn Onlooker,
) -> Result<W, BackupError> {
    let mut packed = zstd::Encoder::new(to, level).map_err(unwritten)?;
    packed.include_checksum(true).map_err(unwritten)?;
    let text = manifest.within().bytes();
    let (length, all) = (text.len() as u64, manifest.database.bytes);
    packed
        .write_all(header(MANIFEST, length, manifest).as_bytes())
        .and_then(|()| packed.write_all(&text))
        .and_then(|()| packed.write_all(padding(length)))
        .and_then(|()| packed.write_all(header(DATABASE, all, manifest).as_bytes()))
        .map_err(unwritten)?;
    pack_database(manifest, database, &mut packed, pace, onlooker)?;
    let end = [0; 2 * BLOCK];
    packed
        .write_all(padding(all))
        .and_then(|()| packed.write_all(&end))
        .map_err(unwritten)?;
    packed.finish().map_err(unwritten)
}

/// Writes the database's bytes, and sees that they are those that the manifest tells of.
fn pack_database(
    manifest: &Manifest,
    database: &Path,
    to: &mut impl Write,
    pace: &mut Pace,
    onlooker: &mut dyn Onlooker,
) -> Result<(), BackupError> {
    let shown = || database.display().to_string();
    let unread = |error: io::Error| BackupError::machine(shown(), &error);
    let all = manifest.database.bytes;
    let mut from = File::open(database).map_err(unread)?;
    let (mut hasher, mut done) = (blake3::Hasher::new(), 0);
    let mut step = vec![0; STEP_BYTES];
    loop {
        let read = read_step(&mut from, &mut step).map_err(unread)?;
        if read == 0 {
            break;
        }
        if onlooker.stop().is_cancelled() {
            return Err(BackupError::Stopped);
        }
        hasher.update(&step[..read]);
        to.write_all(&step[..read]).map_err(unwritten)?;
        done += read as u64;
        onlooker.reached(done, all);
        pace.rest();
    }
    if done == all && checksum(&hasher) == manifest.database.checksum {
        return Ok(());
    }
    Err(BackupError::damaged(
        shown(),
        "it changed while it was packed",
    ))
}

fn unwritten(error: io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => BackupError::Stopped,
        _ => BackupError::machine("the archive cannot be packed", &error),
    }
}

/// A tar's blocks.
const BLOCK: usize = 512;

/// What fills the last block behind so many bytes.
fn padding(bytes: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let over = (bytes % BLOCK as u64) as usize;
    &ZEROS[..(BLOCK - over) % BLOCK]
}

fn header(name: &str, bytes: u64, manifest: &Manifest) -> Header {
    let mut header = Header::new_gnu();
    header
        .set_path(name)
        .expect("a short name fits into a header");
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    let time = manifest.id.time().duration_since(std::time::UNIX_EPOCH);
    header.set_mtime(time.map_or(0, |time| time.as_secs()));
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    header
}

/// Fills the step as far as there is something to read.
fn read_step(from: &mut impl Read, step: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < step.len() {
        match from.read(&mut step[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads the whole archive called `name`, and writes its database to `to`. Everything is held against what the archive says of
/// itself, and that against `expected`, what lies beside it, where there is such.
///
/// # Errors
/// Whatever is not as it should be; what was written is worth nothing then.
pub(super) fn unpack(
    name: &str,
    from: impl Read,
    expected: Option<&Manifest>,
    to: &mut dyn Write,
    onlooker: &mut dyn Onlooker,
) -> Result<Manifest, BackupError> {
    let broken = |error: io::Error| BackupError::damaged(name, error.to_string());
    let mut packed = Hashing::new(from);
    let mut decoder = zstd::Decoder::new(&mut packed)
        .map_err(broken)?
        .single_frame();
    decoder.window_log_max(MAX_WINDOW).map_err(broken)?;
    let mut tar = tar::Archive::new(decoder);
    let manifest = entries(name, &mut tar, expected, to, onlooker)?;
    let mut decoder = tar.into_inner();
    // Reads the frame's own checksum too.
    let mut end = Vec::new();
    let read = (&mut decoder).take(MAX_END_BYTES + 1).read_to_end(&mut end);
    if read.map_err(broken)? as u64 > MAX_END_BYTES || end.iter().any(|byte| *byte != 0) {
        return Err(BackupError::damaged(
            name,
            "something follows its last entry",
        ));
    }
    let mut rest = decoder.finish();
    let after = io::copy(&mut (&mut rest).take(1), &mut io::sink()).map_err(broken)?;
    if after > 0 {
        return Err(BackupError::damaged(name, "something follows its end"));
    }
    drop(rest);
    if let Some(archive) = expected.and_then(|expected| expected.archive.as_ref()) {
        let found = (packed.bytes, checksum(&packed.hasher));
        if found != (archive.bytes, archive.checksum.clone()) {
            return Err(BackupError::damaged(name, "its checksum is another"));
        }
    }
    Ok(manifest)
}

/// Reads both entries, and sees that there is no third.
fn entries<R: Read>(
    name: &str,
    tar: &mut tar::Archive<R>,
    expected: Option<&Manifest>,
    to: &mut dyn Write,
    onlooker: &mut dyn Onlooker,
) -> Result<Manifest, BackupError> {
    let broken = |error: io::Error| BackupError::damaged(name, error.to_string());
    let foreign = || {
        let reason = format!("it has other entries than {MANIFEST} and {DATABASE}");
        BackupError::foreign(name, reason)
    };
    let mut entries = tar.entries().map_err(broken)?.raw(true);
    let mut entry = entries.next().ok_or_else(foreign)?.map_err(broken)?;
    if !is_file(&entry, MANIFEST) || entry.size() > MAX_MANIFEST_BYTES {
        return Err(foreign());
    }
    let mut text = Vec::new();
    let size = entry.size();
    entry.read_to_end(&mut text).map_err(broken)?;
    if text.len() as u64 != size {
        return Err(BackupError::damaged(name, "it is cut short"));
    }
    let manifest = Manifest::read(&text, name)?;
    if expected.is_some_and(|expected| expected.within() != manifest) {
        let reason = "it says something else of itself than the manifest beside it";
        return Err(BackupError::damaged(name, reason));
    }
    manifest.known()?;
    let mut entry = entries.next().ok_or_else(foreign)?.map_err(broken)?;
    if !is_file(&entry, DATABASE) {
        return Err(foreign());
    }
    if entry.size() != manifest.database.bytes {
        let reason = "its database is not as long as its manifest says";
        return Err(BackupError::damaged(name, reason));
    }
    database(name, &mut entry, &manifest, to, onlooker)?;
    match entries.next() {
        None => Ok(manifest),
        Some(Ok(_)) => Err(foreign()),
        Some(Err(error)) => Err(broken(error)),
    }
}

fn is_file<R: Read>(entry: &tar::Entry<'_, R>, name: &str) -> bool {
    entry.header().entry_type() == EntryType::Regular
        && *entry.header().path_bytes() == *name.as_bytes()
}

fn database(
    name: &str,
    entry: &mut impl Read,
    manifest: &Manifest,
    to: &mut dyn Write,
    onlooker: &mut dyn Onlooker,
) -> Result<(), BackupError> {
    let all = manifest.database.bytes;
    let (mut hasher, mut done) = (blake3::Hasher::new(), 0);
    let mut step = vec![0; STEP_BYTES];
    loop {
        let read = read_step(entry, &mut step);
        let read = read.map_err(|error| BackupError::damaged(name, error.to_string()))?;
        if read == 0 {
            break;
        }
        if onlooker.stop().is_cancelled() {
            return Err(BackupError::Stopped);
        }
        hasher.update(&step[..read]);
        to.write_all(&step[..read])
            .map_err(|error| match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    BackupError::Full("the database cannot be unpacked".to_owned())
                }
                _ => BackupError::machine("the database cannot be unpacked", &error),
            })?;
        done += read as u64;
        onlooker.reached(done, all);
    }
    if done != all {
        return Err(BackupError::damaged(name, "it is cut short"));
    }
    if checksum(&hasher) != manifest.database.checksum {
        return Err(BackupError::damaged(
            name,
            "its database's checksum is another",
        ));
    }
    Ok(())
}

/// Counts and hashes what is read through it.
struct Hashing<R> {
    from: R,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl<R> Hashing<R> {
    fn new(from: R) -> Self {
        Self {
            from,
            bytes: 0,
            hasher: blake3::Hasher::new(),
        }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hasher.update(&into[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
