//! The verdicts. Rates are taken between two runs of one instance; the first run has none.

use probity_sdk::Status;
use probity_sdk::config::{Ceiling, Count, Ratio};

use crate::{Settings, Totals};

/// The checks as (id, title).
pub const CHECKS: [(&str, &str); 4] = [
    ("listen-drops", "Connections lost at listening sockets"),
    ("retransmits", "TCP segments sent again"),
    ("time-wait", "Connections in TIME_WAIT"),
    ("close-wait", "Connections in CLOSE_WAIT"),
];
/// Fewer segments than this between two runs say nothing about a network.
const MIN_SEGMENTS: u64 = 100;

/// What one check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Which of [`CHECKS`], by position.
    pub check: usize,
    /// The verdict.
    pub verdict: Status,
    /// The value, and the threshold that it has crossed.
    pub message: String,
}

/// Remembers the run before.
#[derive(Debug, Default)]
pub struct Judges {
    before: Option<(f64, Totals)>,
}

impl Judges {
    /// Judges a run. `now`: seconds on a clock that does not step; `time_wait`, `close_wait`: connections in that state,
    /// where they are known. A check without a threshold or without a number is left out.
    pub fn judge(
        &mut self,
        settings: &Settings,
        now: f64,
        totals: Totals,
        time_wait: Option<u64>,
        close_wait: Option<u64>,
    ) -> Vec<Judgement> {
        let before = self.before.take();
        let drops = drops_per_second(
            &settings.listen_drops_per_second,
            before.as_ref(),
            now,
            &totals,
        );
        let retransmits = retransmits(&settings.retransmit_ratio, before.as_ref(), &totals);
        self.before = Some((now, totals));
        let connections = |limit: &Ceiling<Count>, count: Option<u64>| {
            limit.is_set().then_some(limit.explain(count? as f64))
        };
        let said = [
            drops,
            retransmits,
            connections(&settings.time_wait, time_wait),
            connections(&settings.close_wait, close_wait),
        ];
        said.into_iter()
            .enumerate()
            .filter_map(|(check, said)| {
                let (verdict, message) = said?;
                Some(Judgement {
                    check,
                    verdict,
                    message,
                })
            })
            .collect()
    }
}

type Said = Option<(Status, String)>;

/// How much a total grew; nothing when there is no run before, or when it went back.
fn growth(before: Option<&(f64, Totals)>, totals: &Totals, name: &str) -> Option<u64> {
    totals.of(name)?.checked_sub(before?.1.of(name)?)
}

fn pass(message: &str) -> Said {
    Some((Status::Pass, message.into()))
}

fn drops_per_second(
    limit: &Ceiling<Count>,
    before: Option<&(f64, Totals)>,
    now: f64,
    totals: &Totals,
) -> Said {
    const DROPS: &str = "sockets_tcp_listen_drops_total";
    totals.of(DROPS).filter(|_| limit.is_set())?;
    let seconds = before
        .map(|(then, _)| now - then)
        .filter(|seconds| *seconds > 0.0);
    match (growth(before, totals, DROPS), seconds) {
        (Some(0), Some(_)) => pass("none since the run before"),
        (Some(drops), Some(seconds)) => {
            let (verdict, message) = limit.explain(drops as f64 / seconds);
            Some((
                verdict,
                format!("{drops} since the run before, a second {message}"),
            ))
        }
        _ => pass("no run before to compare with"),
    }
}

fn retransmits(limit: &Ceiling<Ratio>, before: Option<&(f64, Totals)>, totals: &Totals) -> Said {
    let again = growth(before, totals, "sockets_tcp_segments_retransmitted_total");
    let sent = growth(before, totals, "sockets_tcp_segments_sent_total");
    totals
        .of("sockets_tcp_segments_sent_total")
        .filter(|_| limit.is_set())?;
    match (again, sent) {
        (Some(again), Some(sent)) if again + sent >= MIN_SEGMENTS => {
            Some(limit.explain(again as f64 / (again + sent) as f64))
        }
        (Some(_), Some(_)) => pass("too few segments since the run before to tell"),
        _ => pass("no run before to compare with"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use probity_sdk::config;

    /// Totals with these numbers of (listen drops, segments sent, segments sent again).
    fn totals(drops: u64, sent: u64, again: u64) -> Totals {
        let mut totals = Totals::default();
        for line in [
            "TcpExt: ListenDrops".into(),
            format!("TcpExt: {drops}"),
            "Tcp: OutSegs RetransSegs".into(),
            format!("Tcp: {sent} {again}"),
        ] {
            totals.table_line(line.as_bytes());
        }
        totals
    }

    fn said(judgements: &[Judgement], id: &str) -> (Status, String) {
        let one = judgements
            .iter()
            .find(|one| CHECKS[one.check].0 == id)
            .unwrap();
        (one.verdict, one.message.clone())
    }

    #[test]
    fn rates_are_taken_between_two_runs() {
        let settings = Settings::default();
        let mut judges = Judges::default();
        let first = judges.judge(&settings, 10.0, totals(500, 1000, 900), None, None);
        for id in ["listen-drops", "retransmits"] {
            assert_eq!(
                said(&first, id),
                (Status::Pass, "no run before to compare with".into())
            );
        }
        let quiet = judges.judge(&settings, 15.0, totals(500, 1050, 910), None, None);
        assert_eq!(said(&quiet, "listen-drops").1, "none since the run before");
        assert_eq!(
            said(&quiet, "retransmits").1,
            "too few segments since the run before to tell"
        );
        let busy = judges.judge(&settings, 20.0, totals(510, 1140, 920), None, None);
        assert_eq!(
            said(&busy, "listen-drops"),
            (
                Status::Warn,
                "10 since the run before, a second 2: warns from 1".into()
            )
        );
        assert_eq!(
            said(&busy, "retransmits"),
            (Status::Warn, "10 %: warns from 5 %".into())
        );
        let reset = judges.judge(&settings, 25.0, totals(3, 5, 1), None, None);
        assert_eq!(
            said(&reset, "listen-drops").1,
            "no run before to compare with"
        );
    }

    #[test]
    fn connections_are_held_against_their_thresholds() {
        let json = r#"{"time_wait":{"warn":5},"close_wait":{"warn":1,"fail":2}}"#;
        let settings: Settings = config::parse(json).unwrap();
        let judgements =
            Judges::default().judge(&settings, 0.0, Totals::default(), Some(4), Some(2));
        assert_eq!(judgements.len(), 2, "no totals, no rates");
        assert_eq!(said(&judgements, "time-wait"), (Status::Pass, "4".into()));
        assert_eq!(
            said(&judgements, "close-wait"),
            (Status::Fail, "2: fails from 2".into())
        );
    }

    #[test]
    fn a_check_without_thresholds_is_left_out() {
        let json = r#"{"time_wait":{},"close_wait":{},"listen_drops_per_second":{},"retransmit_ratio":{}}"#;
        let settings: Settings = config::parse(json).unwrap();
        assert_eq!(
            Judges::default().judge(&settings, 0.0, totals(1, 1, 1), Some(9), Some(9)),
            []
        );
    }
}
