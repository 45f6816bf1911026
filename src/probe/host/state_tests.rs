//! A probe's entries against a plain map, and each rule of theirs.

use proptest::prelude::*;

use super::*;

fn put(state: &mut State, key: &str, value: &[u8]) {
    state.put(key.into(), value.to_vec()).expect("it fits");
}

fn get<'a>(state: &'a State, key: &str) -> Option<&'a [u8]> {
    state.get(key).map(|value| &**value)
}

#[test]
fn changes_are_seen_in_the_run_and_kept_only_by_a_commit() {
    let mut state = State::new(100);
    put(&mut state, "a", b"1");
    assert_eq!(get(&state, "a"), Some(&b"1"[..]));
    state.discard();
    assert_eq!(get(&state, "a"), None);

    put(&mut state, "a", b"1");
    put(&mut state, "b", b"2");
    state.commit();
    state.remove("a".into());
    assert_eq!((get(&state, "a"), state.keys("")), (None, vec!["b".into()]));
    state.discard();
    assert_eq!(state.keys(""), ["a", "b"]);
}

#[test]
fn what_start_changed_falls_with_its_instance_and_stays_with_a_good_run() {
    let mut state = State::new(100);
    put(&mut state, "old", b"1");
    state.commit();
    for goes_well in [false, true] {
        put(&mut state, "new", b"22");
        state.remove("old".into());
        state.commit_start();
        // A run that answers with a failure leaves what start did.
        put(&mut state, "run", b"333");
        state.discard();
        assert_eq!(state.keys(""), ["new"]);
        if goes_well {
            state.commit();
        }
        state.forget_start();
        let expected = if goes_well { "new" } else { "old" };
        assert_eq!(state.keys(""), [expected]);
    }
    assert_eq!(state.bytes(), 5);
}

#[test]
fn the_limit_holds_for_keys_and_values_together_and_does_not_bite_early() {
    let mut state = State::new(10);
    put(&mut state, "key", &[0; 7]);
    // A replacement does not add up.
    put(&mut state, "key", &[1; 7]);
    let refused = state
        .put("k".into(), vec![])
        .expect_err("the eleventh byte does not fit");
    assert_eq!(refused.code, "state.too-large");
    let refused = state.put(String::new(), vec![]).expect_err("no key");
    assert_eq!(refused.code, "state.key");
    let refused = state.put("k".repeat(257), vec![]).expect_err("too long");
    assert_eq!(refused.code, "state.key");
}

#[test]
fn entries_over_a_limit_that_was_lowered_may_shrink_and_not_grow() {
    let mut state = State::new(10);
    let stored = BTreeMap::from([("key".to_owned(), Bytes::from(vec![0; 17]))]);
    state.adopt(Arc::new(stored));
    put(&mut state, "key", &[0; 12]);
    let refused = state.put("key".into(), vec![0; 12]).expect_err("no less");
    assert_eq!(refused.code, "state.too-large");
    put(&mut state, "key", &[0; 7]);
}

#[test]
fn a_fork_leaves_no_trace_and_does_not_copy_values() {
    let mut state = State::new(100);
    put(&mut state, "a", b"1");
    state.commit();
    put(&mut state, "of the run", b"not committed");
    let mut fork = state.fork(100);
    assert_eq!(fork.keys(""), ["a"]);
    put(&mut fork, "b", b"2");
    fork.commit();
    assert_eq!(fork.keys(""), ["a", "b"]);
    assert!(fork.disk.unsaved.is_empty(), "nothing of it is stored");
    state.commit();
    assert_eq!(state.keys(""), ["a", "of the run"]);
    assert_eq!(
        state.get("a").map(|value| value.as_ptr()),
        fork.get("a").map(|value| value.as_ptr())
    );
}

#[test]
fn what_was_committed_before_the_entries_were_read_lies_over_them() {
    let mut state = State::new(100);
    put(&mut state, "a", b"new");
    state.commit();
    let stored = [("a", "old"), ("b", "kept")].map(|(key, value)| (key.to_owned(), value.into()));
    state.adopt(Arc::new(stored.into()));
    assert_eq!(get(&state, "a"), Some(&b"new"[..]));
    assert_eq!((state.keys("").len(), state.bytes()), (2, 9));
}

#[derive(Debug, Clone)]
enum Step {
    Put(String, Vec<u8>),
    Remove(String),
    Commit,
    CommitStart,
    Discard,
    ForgetStart,
}

fn step() -> impl Strategy<Value = Step> {
    let key = "[ab]{1,2}";
    prop_oneof![
        4 => (key, proptest::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(key, value)| Step::Put(key, value)),
        2 => key.prop_map(Step::Remove),
        1 => Just(Step::Commit),
        1 => Just(Step::CommitStart),
        1 => Just(Step::Discard),
        1 => Just(Step::ForgetStart),
    ]
}

proptest! {
    #[test]
    fn it_is_a_map_with_three_layers_whose_size_is_always_known(
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        type Map = BTreeMap<String, Vec<u8>>;
        let bytes = |map: &Map| map.iter().map(|(key, value)| size(key, value)).sum::<u64>();
        let mut state = State::new(40);
        let (mut kept, mut started, mut current) = (Map::new(), Map::new(), Map::new());
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    let mut larger = current.clone();
                    larger.insert(key.clone(), value.clone());
                    let fits = bytes(&larger) <= 40;
                    prop_assert_eq!(state.put(key, value).is_ok(), fits);
                    if fits {
                        current = larger;
                    }
                }
                Step::Remove(key) => {
                    current.remove(&key);
                    state.remove(key);
                }
                Step::Commit => {
                    state.commit();
                    (kept, started) = (current.clone(), current.clone());
                }
                Step::CommitStart => {
                    state.commit_start();
                    started = current.clone();
                }
                Step::Discard => {
                    state.discard();
                    current = started.clone();
                }
                Step::ForgetStart => {
                    state.forget_start();
                    (started, current) = (kept.clone(), kept.clone());
                }
            }
            prop_assert_eq!(state.sizes.current, bytes(&current));
            prop_assert_eq!(state.bytes(), bytes(&kept));
            let keys: Vec<_> = current.keys().filter(|key| key.starts_with('a')).cloned().collect();
            prop_assert_eq!(state.keys("a"), keys);
            for key in ["a", "b", "ab"] {
                prop_assert_eq!(get(&state, key), current.get(key).map(Vec::as_slice));
            }
        }
        // What is not saved yet leads from nothing to what is kept.
        let mut stored = StateEntries::default();
        for (key, change) in &*state.disk.unsaved {
            apply(&mut stored, key.clone(), change.clone());
        }
        prop_assert_eq!(stored, state.entries);
    }
}
