//! Any interleaving of starts, ends, doubles and losses against a plain reference.

use proptest::prelude::*;

use super::*;

/// What is told of one of a few ids.
#[derive(Debug, Clone, Copy)]
enum Told {
    Start {
        id: u8,
        time: i64,
    },
    End {
        id: u8,
        time: i64,
    },
    /// What has been under way since before this is given up.
    GiveUp {
        before: i64,
    },
}

fn told() -> impl Strategy<Value = Told> {
    let (id, time) = (0..6_u8, 0..40_i64);
    prop_oneof![
        4 => (id.clone(), time.clone()).prop_map(|(id, time)| Told::Start { id, time }),
        4 => (id, time.clone()).prop_map(|(id, time)| Told::End { id, time }),
        1 => time.prop_map(|before| Told::GiveUp { before }),
    ]
}

/// The same as the flight does, in lists, without bounds.
#[derive(Default)]
struct Reference {
    under_way: Vec<(u8, i64)>,
    ended: Vec<(u8, i64)>,
}

impl Reference {
    /// Applies it, and gives a word for what it meant.
    fn take(&mut self, told: Told) -> &'static str {
        let known = |list: &[(u8, i64)], id| list.iter().find(|(one, _)| *one == id).copied();
        match told {
            Told::Start { id, time } => match known(&self.under_way, id) {
                Some((_, since)) if time <= since => "doubled",
                Some(_) => {
                    self.under_way.retain(|(one, _)| *one != id);
                    self.under_way.push((id, time));
                    "replaced"
                }
                None if known(&self.ended, id).is_some_and(|(_, ended)| time <= ended) => "late",
                None => {
                    self.ended.retain(|(one, _)| *one != id);
                    self.under_way.push((id, time));
                    "new"
                }
            },
            Told::End { id, time } => match known(&self.under_way, id) {
                Some((_, since)) => {
                    self.under_way.retain(|(one, _)| *one != id);
                    self.ended.push((id, time.max(since)));
                    "of"
                }
                None => {
                    let last = known(&self.ended, id).map_or(time, |(_, last)| last.max(time));
                    self.ended.retain(|(one, _)| *one != id);
                    self.ended.push((id, last));
                    "alone"
                }
            },
            Told::GiveUp { before } => {
                self.under_way.retain(|(_, since)| *since >= before);
                "given up"
            }
        }
    }
}

fn of_all(id: &str) -> Id<'_> {
    Id { source: None, id }
}

fn begun(origin: Instant, time: i64) -> Begun {
    Begun {
        name: 0,
        since: origin,
        time,
        expected: None,
        worker: None,
        queued: false,
    }
}

fn take(flight: &mut Flight, origin: Instant, told: Told) -> &'static str {
    match told {
        Told::Start { id, time } => {
            match flight.start(of_all(&id.to_string()), begun(origin, time)) {
                Start::New => "new",
                Start::Replaced(_) => "replaced",
                Start::Doubled => "doubled",
                Start::Late => "late",
                Start::Full => "full",
            }
        }
        Told::End { id, time } => match flight.end(of_all(&id.to_string()), time) {
            End::Of(_) => "of",
            End::Alone => "alone",
        },
        Told::GiveUp { before } => {
            flight.give_up(|begun| begun.time < before);
            "given up"
        }
    }
}

proptest! {
    #[test]
    fn what_is_in_flight_is_what_a_plain_list_says(story in prop::collection::vec(told(), 0..120)) {
        let (mut flight, mut reference) = (Flight::new(1000), Reference::default());
        let origin = Instant::now();
        for told in story {
            prop_assert_eq!(take(&mut flight, origin, told), reference.take(told), "{:?}", told);
            let mut found: Vec<(u8, i64)> = flight
                .iter()
                .map(|(id, begun)| (id.parse().expect("ids are numbers here"), begun.time))
                .collect();
            found.sort_unstable();
            let mut wanted = reference.under_way.clone();
            wanted.sort_unstable();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn no_story_makes_it_larger_than_its_bound(story in prop::collection::vec(told(), 0..120)) {
        let mut flight = Flight::new(3);
        let origin = Instant::now();
        for told in story {
            take(&mut flight, origin, told);
            prop_assert!(flight.len() <= 3);
            prop_assert!(flight.ended.times.len() <= 4 && flight.ended.order.len() <= 4);
        }
    }
}

#[test]
fn the_last_place_is_taken_and_the_next_is_refused() {
    let origin = Instant::now();
    let mut flight = Flight::new(2);
    let mut start = |id: &str| flight.start(of_all(id), begun(origin, 1));
    assert_eq!(
        [start("a"), start("b"), start("c")],
        [Start::New, Start::New, Start::Full]
    );
    assert_eq!(
        flight.end(of_all("c"), 2),
        End::Alone,
        "its end still counts"
    );
    assert!(matches!(flight.end(of_all("a"), 2), End::Of(_)));
    assert_eq!(flight.start(of_all("d"), begun(origin, 3)), Start::New);
}

#[test]
fn an_end_is_remembered_as_long_as_there_is_room() {
    let origin = Instant::now();
    let mut flight = Flight::new(2);
    for id in ["a", "b"] {
        assert_eq!(flight.end(of_all(id), 5), End::Alone);
    }
    assert_eq!(flight.start(of_all("a"), begun(origin, 5)), Start::Late);
    assert_eq!(flight.end(of_all("c"), 5), End::Alone);
    assert_eq!(
        flight.start(of_all("a"), begun(origin, 5)),
        Start::New,
        "it is forgotten by now"
    );
}

#[test]
fn an_id_that_only_ever_ends_ends_each_time() {
    let origin = Instant::now();
    let mut flight = Flight::new(2);
    for time in [5, 9, 7, 7, 3] {
        assert_eq!(flight.end(of_all("job-1"), time), End::Alone);
    }
    assert_eq!(flight.start(of_all("job-1"), begun(origin, 9)), Start::Late);
    assert_eq!(flight.start(of_all("job-1"), begun(origin, 10)), Start::New);
}

#[test]
fn a_long_id_is_followed_to_its_end() {
    let origin = Instant::now();
    let mut flight = Flight::new(2);
    let long = "i".repeat(100_000);
    assert_eq!(flight.start(of_all(&long), begun(origin, 1)), Start::New);
    assert!(flight.iter().all(|(id, _)| id.len() < 100));
    assert!(matches!(flight.end(of_all(&long), 2), End::Of(_)));
}
