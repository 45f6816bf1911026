//! What is remembered of a job between runs, across restarts.

use crate::Beat;

/// The last run of a job that was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// When it ended, Unix seconds.
    pub time: f64,
    /// When one last succeeded, as far as that was seen.
    pub success: Option<f64>,
}

impl Seen {
    /// What to remember after `beat`, and whether that is a run that was not seen before. The first one is none: it may have ended long
    /// before anybody watched.
    pub fn after(before: Option<Self>, beat: &Beat) -> (Self, bool) {
        let success = match beat.status {
            0 => Some(beat.time),
            _ => before.and_then(|before| before.success),
        };
        let is_new = before.is_some_and(|before| before.time != beat.time);
        let time = beat.time;
        (Self { time, success }, is_new)
    }

    /// As it is kept: both numbers in little endian, NaN for nothing.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.time.to_le_bytes());
        bytes[8..].copy_from_slice(&self.success.unwrap_or(f64::NAN).to_le_bytes());
        bytes
    }

    /// What was kept; nothing when it is not of this form.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (time, success) = bytes.split_at_checked(8)?;
        let success = f64::from_le_bytes(success.try_into().ok()?);
        Some(Self {
            time: f64::from_le_bytes(time.try_into().ok()?),
            success: (!success.is_nan()).then_some(success),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn beat(time: f64, status: i32) -> Beat {
        Beat {
            time,
            status,
            duration: None,
        }
    }

    #[test]
    fn runs_are_counted_when_their_time_changes_and_failures_leave_the_last_success() {
        let (first, is_new) = Seen::after(None, &beat(10.0, 0));
        assert_eq!((first.success, is_new), (Some(10.0), false));
        assert_eq!(Seen::after(Some(first), &beat(10.0, 0)), (first, false));
        let (failed, is_new) = Seen::after(Some(first), &beat(20.0, 1));
        assert_eq!((failed.success, is_new), (Some(10.0), true));
        let (back, is_new) = Seen::after(Some(failed), &beat(15.0, 0));
        assert_eq!((back.time, back.success, is_new), (15.0, Some(15.0), true));
        assert_eq!(Seen::after(None, &beat(1.0, 1)).0.success, None);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_read_back(time in 0.0..1e12, success in prop::option::of(0.0..1e12)) {
            let seen = Seen { time, success };
            prop_assert_eq!(Seen::from_bytes(&seen.to_bytes()), Some(seen));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(Seen::from_bytes(&bytes).is_some(), bytes.len() == 16);
        }
    }
}
