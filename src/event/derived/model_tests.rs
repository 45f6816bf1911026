//! Any story of several operations, whatever its order, against a plain reference of the whole.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::Stage;

/// One piece of work as it really went, and what was told of it.
#[derive(Debug, Clone)]
struct Piece {
    name: u8,
    started: bool,
    /// How often its end was told.
    ends: u8,
    success: bool,
}

fn piece() -> impl Strategy<Value = Piece> {
    (0..3_u8, any::<bool>(), 0..3_u8, any::<bool>()).prop_map(|(name, started, ends, success)| {
        Piece {
            name,
            started,
            ends,
            success,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Everything of one moment, in any order: ends before starts, twice, or never.
    #[test]
    fn the_order_of_telling_changes_nothing(
        (pieces, order) in prop::collection::vec(piece(), 1..12).prop_flat_map(|pieces| {
            let told: Vec<(usize, bool)> = pieces
                .iter()
                .enumerate()
                .flat_map(|(id, piece)| {
                    let ends = (0..piece.ends).map(move |_| (id, false));
                    piece.started.then_some((id, true)).into_iter().chain(ends)
                })
                .collect();
            (Just(pieces), Just(told).prop_shuffle())
        }),
    ) {
        let mut stage = Stage::new(|_| {});
        for (id, is_start) in order {
            let piece = &pieces[id];
            let (id, name) = (format!("o{id}"), format!("n{}", piece.name));
            if is_start {
                stage.start(&id, &name);
            } else {
                let outcome = if piece.success { "success" } else { "failure" };
                stage.end(&id, &name, outcome, 1.0);
            }
        }
        let mut wanted: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
        for piece in pieces.iter().filter(|piece| piece.started || piece.ends > 0) {
            let (flying, good, bad) = wanted.entry(format!("n{}", piece.name)).or_default();
            *flying += u64::from(piece.ends == 0);
            *(if piece.success { good } else { bad }) += u64::from(piece.ends);
        }
        let facts = stage.facts().operations;
        let found: BTreeMap<String, (u64, u64, u64)> = facts
            .names
            .iter()
            .map(|one| (one.name.to_string(), (one.in_flight, one.outcomes[0], one.outcomes[1])))
            .collect();
        prop_assert_eq!(&found, &wanted);
        let flying: u64 = wanted.values().map(|(flying, ..)| flying).sum();
        prop_assert_eq!(facts.in_flight, flying);
        prop_assert_eq!(facts.active.len() as u64, flying);
        // All that is under way is given up once, and counted.
        stage.pass(2);
        stage.time += stage.derived.config.lost_after.0;
        stage.pass(1);
        let facts = stage.facts().operations;
        prop_assert_eq!((facts.in_flight, facts.lost), (0, flying));
    }
}
