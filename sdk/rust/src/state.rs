//! What a probe remembers: small, durable, and the host's, so that it survives panics, reloads and restarts. It commits with the sample: a
//! run that fails leaves it as it was. Within a run, what was put is read back.

use std::fmt::Display;
use std::str::FromStr;

use crate::Result;
use crate::host::state as host;

/// The entry's bytes; nothing when there is no such key.
pub fn get(key: &str) -> Option<Vec<u8>> {
    host::get(key)
}

/// Makes or replaces an entry.
///
/// # Errors
/// `state.key` unless the key has 1 to 256 bytes, `state.too-large` when all keys and values together would be larger than the probe may
/// keep.
pub fn put(key: &str, value: &[u8]) -> Result<()> {
    Ok(host::put(key, value)?)
}

/// An entry that was put with [`put_text`], as a value; nothing when there is no such key, or its text is not one.
pub fn get_text<T: FromStr>(key: &str) -> Option<T> {
    host::get_text(key)?.parse().ok()
}

/// Makes or replaces an entry with a value as text.
///
/// # Errors
/// As [`put`].
pub fn put_text(key: &str, value: impl Display) -> Result<()> {
    Ok(host::put_text(key, &value.to_string())?)
}

/// Removes an entry; nothing happens when there is none.
pub fn remove(key: &str) {
    host::remove(key);
}

/// The keys that begin with `prefix`, in byte order; all of them for an empty prefix.
pub fn keys(prefix: &str) -> Vec<String> {
    host::keys(prefix)
}
