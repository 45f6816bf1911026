//! Which good backups are let go of: more than are kept, and those that are too old. Never the one just made.

use std::time::{Duration, SystemTime};

use super::BackupId;

/// Those of `good`, the newest first, that go at `now`, when `made` has just been made: what comes behind the first `keep`, `made`
/// being one of them, and what was older than `keep_for` when the one before `made` was: a clock that is ahead while one is made has
/// none go for its age. Those dated after `now`, after a step of the clock, neither count nor go. Nothing goes where `made` is not
/// among them.
pub(super) fn outlived(
    good: &[BackupId],
    made: BackupId,
    now: SystemTime,
    keep: u32,
    keep_for: Option<Duration>,
) -> Vec<BackupId> {
    if !good.contains(&made) {
        return Vec::new();
    }
    let others = usize::try_from(keep).unwrap_or(usize::MAX).max(1) - 1;
    let past = good.iter().filter(|id| **id != made);
    // One of the future has no age.
    let past = past.filter_map(|id| Some((*id, now.duration_since(id.time()).ok()?)));
    let mut past = past.peekable();
    let before = past.peek().map_or(Duration::ZERO, |(_, age)| *age);
    let is_old = |age: Duration| keep_for.is_some_and(|longest| age - before > longest);
    past.enumerate()
        .filter(|(index, (_, age))| *index >= others || is_old(*age))
        .map(|(_, (id, _))| id)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + HOUR * 500_000
    }

    /// A backup so many hours before now, or after it.
    fn dated(hours: i32) -> BackupId {
        let span = HOUR * hours.unsigned_abs();
        BackupId::new(if hours < 0 {
            now() + span
        } else {
            now() - span
        })
    }

    /// Hours of those that go, when the first of `hours` was just made; the newest first.
    fn gone(hours: &[i32], keep: u32, keep_for: Option<Duration>) -> Vec<i32> {
        let mut ids: Vec<(BackupId, i32)> = hours.iter().map(|one| (dated(*one), *one)).collect();
        let made = ids[0].0;
        ids.sort_by_key(|(id, _)| Reverse(*id));
        let good: Vec<BackupId> = ids.iter().map(|(id, _)| *id).collect();
        let gone = outlived(&good, made, now(), keep, keep_for);
        let hours = ids.iter().filter(|(id, _)| gone.contains(id));
        hours.map(|(_, hours)| *hours).collect()
    }

    #[test]
    fn what_is_more_or_older_goes_and_the_one_made_stays() {
        assert_eq!(gone(&[0], 1, Some(HOUR)), [0; 0]);
        assert_eq!(gone(&[0, 1, 2, 3], 2, None), [2, 3]);
        assert_eq!(gone(&[0, 1, 2, 3], 9, None), [0; 0]);
        assert_eq!(gone(&[0, 1, 2, 3], 9, Some(HOUR * 3 / 2)), [3]);
        assert_eq!(gone(&[0, 5, 6, 7], 9, Some(HOUR)), [7]);
        assert_eq!(gone(&[100], 1, Some(HOUR)), [0; 0]);
        assert_eq!(gone(&[100, 101, 103], 5, Some(HOUR)), [103]);
        assert_eq!(gone(&[1, 2], 0, None), [2]);
    }

    #[test]
    fn a_clock_that_is_a_month_ahead_while_one_is_made_has_none_go_for_its_age() {
        let month = 31 * 24;
        let (kept, longest) = ([0, month, month + 1, month + 30], Some(HOUR * 48));
        assert_eq!(gone(&kept, 9, longest), [0; 0]);
        // Of a machine that was off for as long, they go when the next one is made.
        assert_eq!(
            gone(&[0, 1, month, month + 1], 9, longest),
            [month, month + 1]
        );
    }

    #[test]
    fn those_of_the_future_neither_count_nor_go() {
        assert_eq!(gone(&[0, -24], 1, None), [0; 0]);
        assert_eq!(gone(&[0, -24, -48, 1, 2], 2, Some(HOUR)), [2]);
        // The clock stepped back while it was made.
        assert_eq!(gone(&[-1, -24, 1, 2], 2, None), [2]);
        // And made an older one look like the later.
        assert_eq!(gone(&[5, 1, 2], 1, None), [1, 2]);
    }

    #[test]
    fn where_the_one_made_is_not_seen_nothing_goes() {
        let good = [dated(1), dated(2)];
        assert_eq!(outlived(&good, dated(0), now(), 1, Some(HOUR)), []);
    }

    proptest! {
        #[test]
        fn the_one_made_stays_and_so_do_as_many_as_are_kept(
            hours in prop::collection::vec(-50..50_i32, 1..20),
            at in any::<prop::sample::Index>(),
            keep in 0..25_u32,
            keep_for in prop::option::of(0..60_u32),
        ) {
            let mut good: Vec<BackupId> = hours.iter().map(|hours| dated(*hours)).collect();
            good.sort_by_key(|id| Reverse(*id));
            let made = *at.get(&good);
            let gone = outlived(&good, made, now(), keep, keep_for.map(|hours| HOUR * hours));
            prop_assert!(!gone.contains(&made));
            prop_assert!(gone.iter().all(|id| good.contains(id) && id.time() <= now()));
            let stay: Vec<_> = good.iter().filter(|id| !gone.contains(id)).collect();
            if keep_for.is_none() {
                prop_assert!(stay.len() >= good.len().min(keep.max(1) as usize));
            }
            let past = |id: &&BackupId| **id != made && id.time() <= now();
            let stay_of_the_past = stay.into_iter().copied().filter(|id| past(&id)).count();
            prop_assert!(stay_of_the_past < keep.max(1) as usize);
        }
    }
}
