//! Which events are kept: decided by what they belong to, so that a trace, a run or an operation is kept whole or not at all.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use super::config::SamplingConfig;
use super::declared::KindConfig;
use super::kinds::Kind;
use crate::model::{Tally, TallyCounter, trace_id};

/// What can be told of an event by its kind, its trace and its run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Judged {
    /// It is kept.
    Kept,
    /// It is left out.
    LeftOut,
    /// It belongs to no trace and no run: what it tells of decides, at this share.
    Alone { share: f64 },
}

impl Judged {
    fn of(is_kept: bool) -> Self {
        if is_kept { Self::Kept } else { Self::LeftOut }
    }
}

/// The shares by kind.
#[derive(Debug)]
pub(super) struct Sampling {
    /// The program's own, and those that the operator declared.
    kinds: HashMap<Box<str>, KindShare>,
    /// For what is of no kind.
    other: KindShare,
    /// Whether everything is kept.
    keeps_all: bool,
    /// Events that belong to nothing and have no id.
    unnamed: AtomicU64,
}

#[derive(Debug)]
struct KindShare {
    share: f64,
    left_out: TallyCounter,
}

impl Sampling {
    pub(super) fn new(config: &SamplingConfig, declared: &[KindConfig], tally: &mut Tally) -> Self {
        let known = Kind::ALL.iter().map(|kind| kind.as_str());
        // There may be several versions of one kind.
        let declared: BTreeSet<_> = declared.iter().map(|kind| &*kind.name).collect();
        let mut share_of = |kind: &str| KindShare {
            share: config.kinds.get(kind).copied().unwrap_or(config.default),
            left_out: tally.counter(
                "probity_events_sampled_out_total",
                "Events left out by sampling, by kind.",
                Some(("kind", kind)),
            ),
        };
        let kinds: HashMap<Box<str>, _> = known
            .chain(declared)
            .map(|kind| (kind.into(), share_of(kind)))
            .collect();
        Self {
            keeps_all: config.default >= 1.0 && kinds.values().all(|kind| kind.share >= 1.0),
            other: KindShare {
                share: config.default,
                left_out: TallyCounter::default(),
            },
            kinds,
            unnamed: AtomicU64::new(0),
        }
    }

    /// Whether to keep an event of a kind, as far as that can be told before anybody looks at what it says; and what counts those of
    /// its kind that are left out.
    pub(super) fn judge(
        &self,
        kind: &str,
        trace: Option<&str>,
        run: Option<&str>,
    ) -> (Judged, &TallyCounter) {
        if self.keeps_all {
            return (Judged::Kept, &self.other.left_out);
        }
        let KindShare { share, left_out } = self.kinds.get(kind).unwrap_or(&self.other);
        (Self::judge_at(*share, trace, run), left_out)
    }

    fn judge_at(share: f64, trace: Option<&str>, run: Option<&str>) -> Judged {
        if share >= 1.0 || share <= 0.0 {
            return Judged::of(share > 0.0);
        }
        match trace.and_then(trace_id).or(run) {
            Some(by) => Judged::of(sampling_place(by) < share),
            None => Judged::Alone { share },
        }
    }

    /// Whether to keep an event that belongs to no trace and no run: by what it tells of, else by its id; one that has neither is
    /// as good as any other.
    pub(super) fn keeps_alone(&self, share: f64, subject: Option<&str>, id: Option<&str>) -> bool {
        let place = match subject.or(id) {
            Some(by) => sampling_place(by),
            None => {
                let number = self.unnamed.fetch_add(1, Ordering::Relaxed);
                place(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            }
        };
        place < share
    }
}

/// Where a text lies between 0 and 1: it is kept if that is below the share. Every sender can find out the same: the 64-bit
/// FNV-1a hash of the text's bytes, mixed by MurmurHash3's `fmix64`, its upper 53 bits taken as a fraction.
pub fn sampling_place(text: &str) -> f64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    place(hash)
}

/// `fmix64` of MurmurHash3, as a fraction.
fn place(mut hash: u64) -> f64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sampling {
        fn keeps(
            &self,
            kind: &str,
            trace: Option<&str>,
            run: Option<&str>,
            id: Option<&str>,
        ) -> bool {
            match self.judge(kind, trace, run).0 {
                Judged::Kept => true,
                Judged::LeftOut => false,
                Judged::Alone { share } => self.keeps_alone(share, None, id),
            }
        }
    }

    fn sampling(default: f64, kinds: &[(&str, f64)]) -> Sampling {
        let kinds = kinds
            .iter()
            .map(|(kind, share)| ((*kind).to_owned(), *share));
        let config = SamplingConfig {
            default,
            kinds: kinds.collect(),
        };
        Sampling::new(&config, &[], &mut Tally::default())
    }

    #[test]
    fn a_text_has_the_same_place_for_every_sender() {
        // docs/events.md has these for whoever writes another sender.
        for (text, place) in [
            ("", 0.93676944839044),
            ("run-1", 0.8165821031320936),
            ("run-2", 0.07792931048699359),
            ("0af7651916cd43dd8448eb211c80319c", 0.7365506762199855),
        ] {
            assert_eq!(sampling_place(text), place, "{text}");
        }
    }

    #[test]
    fn a_trace_is_kept_whole_or_not_at_all_whatever_else_is_told() {
        let half = sampling(0.5, &[]);
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let other_span = "00-0af7651916cd43dd8448eb211c80319c-ffffffffffffffff-00";
        let kept = half.keeps("run.started", Some(trace), Some("a"), Some("x"));
        assert_eq!(
            kept,
            half.keeps("run.started", Some(other_span), None, None)
        );
        let by_run = |id| half.keeps("run.started", None, Some("run"), Some(id));
        assert_eq!(by_run("a"), by_run("b"));
        let by_id = |number: u32| half.keeps("run.started", None, None, Some(&number.to_string()));
        let kept = (0..10_000).filter(|number| by_id(*number)).count();
        assert!((4_800..5_200).contains(&kept), "{kept}");
        assert_eq!((0..10_000).filter(|number| by_id(*number)).count(), kept);
    }

    #[test]
    fn what_an_event_tells_of_goes_before_its_id_and_behind_trace_and_run() {
        let half = sampling(0.5, &[]);
        assert_eq!(
            half.judge("operation.started", None, None).0,
            Judged::Alone { share: 0.5 }
        );
        let told = |id: &str| half.keeps_alone(0.5, Some("run-1"), Some(id));
        assert!((0..100).all(|id| !told(&id.to_string())), "0.82 is above");
        let run = half.judge("operation.started", None, Some("run-2")).0;
        assert_eq!(run, Judged::Kept, "0.08 is below");
    }

    #[test]
    fn kinds_have_shares_of_their_own_and_what_has_no_name_is_spread() {
        let sampling = sampling(1.0, &[("step.thought", 0.1), ("step.message", 0.0)]);
        let kept = |kind: &str| {
            let kept = |_: &u32| sampling.keeps(kind, None, None, None);
            (0..10_000).filter(kept).count()
        };
        assert_eq!((kept("run.started"), kept("step.message")), (10_000, 0));
        let some = kept("step.thought");
        assert!((900..1_100).contains(&some), "{some}");
        // Who is kept at a small share is kept at a larger one.
        let larger = self::sampling(0.2, &[]);
        for number in 0..1_000 {
            let id = number.to_string();
            let kept = |sampling: &Sampling| sampling.keeps("step.thought", None, None, Some(&id));
            assert!(!kept(&sampling) || kept(&larger));
        }
    }
}
