//! Ids for events that come without one: UUIDs of version 7, which sort by time.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

/// Gives ids. Asking the kernel for each one's random bits would take longer than all else that is done for an event: they are
/// made of a count, by a hash whose keys the kernel gave.
#[derive(Debug, Default)]
pub(super) struct Ids {
    keys: [RandomState; 2],
    count: AtomicU64,
}

impl Ids {
    pub(super) fn next(&self) -> Box<str> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis() as u64);
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let [first, second] = self.keys.each_ref().map(|keys| keys.hash_one(count));
        let mut random = [0; 10];
        random[..8].copy_from_slice(&first.to_ne_bytes());
        random[8..].copy_from_slice(&second.to_ne_bytes()[..2]);
        let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut text = Uuid::encode_buffer();
        Box::from(&*id.hyphenated().encode_lower(&mut text))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_id_is_a_new_one_of_version_7() {
        let (one, other) = (Ids::default(), Ids::default());
        let ids: HashSet<Box<str>> = (0..10_000)
            .flat_map(|_| [one.next(), other.next()])
            .collect();
        assert_eq!(ids.len(), 20_000);
        for id in ids.iter().take(100) {
            let id = Uuid::try_parse(id).unwrap();
            assert_eq!(id.get_version_num(), 7);
            let (seconds, _) = id.get_timestamp().unwrap().to_unix();
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs();
            assert!(now.abs_diff(seconds) < 600);
        }
    }
}
