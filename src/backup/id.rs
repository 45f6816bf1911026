//! A backup's name, which says when it was begun: `probity-20260131T140500Z-0f1e2d3c`.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const HEAD: &str = "probity-";
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// `20260131T140500Z` has as many bytes.
const TIME_BYTES: usize = 16;
/// Digits that tell two backups of one second apart.
const DIGITS: usize = 8;
/// What follows the name of an archive.
const ARCHIVE: &str = ".tar.zst";
/// And that of its manifest, which makes it count.
const MANIFEST: &str = ".manifest.json";

/// A backup's name. Later ones sort behind earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId {
    /// When it was begun, whole seconds.
    seconds: i64,
    random: u32,
}

/// Text that is no backup's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a backup is named like probity-20260131T140500Z-0f1e2d3c")]
pub struct NoBackupId;

impl BackupId {
    /// A name for a backup that begins at `now`.
    pub fn new(now: SystemTime) -> Self {
        let seconds = Timestamp::try_from(now).map_or(0, Timestamp::as_second);
        // The standard library seeds its hashers at random.
        let random = RandomState::new().hash_one(Instant::now()) as u32;
        // What cannot be written with four digits of a year cannot be read either.
        let seconds = seconds.clamp(0, 253_402_300_799);
        Self { seconds, random }
    }

    /// When it was begun.
    pub fn time(self) -> SystemTime {
        Timestamp::from_second(self.seconds).map_or(SystemTime::UNIX_EPOCH, SystemTime::from)
    }

    /// The archive's name.
    pub fn archive(self) -> String {
        format!("{self}{ARCHIVE}")
    }

    /// The name of the archive's manifest.
    pub fn manifest(self) -> String {
        format!("{self}{MANIFEST}")
    }

    /// The backup that has an archive of this name.
    pub(super) fn of_archive(name: &str) -> Option<Self> {
        name.strip_suffix(ARCHIVE)?.parse().ok()
    }

    /// The backup that has a manifest of this name.
    pub(super) fn of_manifest(name: &str) -> Option<Self> {
        name.strip_suffix(MANIFEST)?.parse().ok()
    }
}

/// The name of the manifest beside an archive of any name.
pub(super) fn manifest_beside(archive: &str) -> Option<String> {
    Some(format!("{}{MANIFEST}", archive.strip_suffix(ARCHIVE)?))
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::from_second(self.seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{HEAD}{}-{:08x}", time.strftime(TIME), self.random)
    }
}

impl FromStr for BackupId {
    type Err = NoBackupId;

    fn from_str(text: &str) -> Result<Self, NoBackupId> {
        let rest = text.strip_prefix(HEAD).ok_or(NoBackupId)?;
        let (time, digits) = rest.split_at_checked(TIME_BYTES).ok_or(NoBackupId)?;
        let digits = digits.strip_prefix('-').ok_or(NoBackupId)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != DIGITS || !digits.bytes().all(is_hex) {
            return Err(NoBackupId);
        }
        let random = u32::from_str_radix(digits, 16).map_err(|_| NoBackupId)?;
        let time = DateTime::strptime(TIME, time).map_err(|_| NoBackupId)?;
        let time = time.to_zoned(TimeZone::UTC).map_err(|_| NoBackupId)?;
        let id = Self {
            seconds: time.timestamp().as_second(),
            random,
        };
        // One name for one backup: no other way of writing it counts.
        (id.to_string() == text).then_some(id).ok_or(NoBackupId)
    }
}

impl Serialize for BackupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BackupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_nothing_else_is_one() {
        let id: BackupId = "probity-20260131T140500Z-0f1e2d3c".parse().expect("a name");
        assert_eq!(id.to_string(), "probity-20260131T140500Z-0f1e2d3c");
        assert_eq!(id.archive(), "probity-20260131T140500Z-0f1e2d3c.tar.zst");
        assert_eq!(BackupId::of_archive(&id.archive()), Some(id));
        assert_eq!(BackupId::of_manifest(&id.manifest()), Some(id));
        assert_eq!(BackupId::of_archive(&id.manifest()), None);
        let now = BackupId::new(SystemTime::now());
        assert_eq!(now.to_string().parse(), Ok(now));
        assert!(now > id);
        for text in [
            "",
            "probity-",
            "probity-20260131T140500Z-0f1e2d3",
            "probity-20260131T140500Z-0f1e2d3c0",
            "probity-20260131T140500Z-0F1E2D3C",
            "probity-20260131T140500Z-+f1e2d3c",
            "probity-20261331T140500Z-0f1e2d3c",
            "probity-20260131T140500z-0f1e2d3c",
            "probity-20260131T14050äZ-0f1e2d3c",
            "robity-20260131T140500Z-0f1e2d3c",
            "probity-20260131T140500Z_0f1e2d3c",
            "../probity-20260131T140500Z-0f1e2d3c",
        ] {
            assert_eq!(text.parse::<BackupId>(), Err(NoBackupId), "{text}");
        }
    }
}
