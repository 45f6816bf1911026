//! Tests of reading processor times and load.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const TEXT: &[u8] = b"cpu  100 10 50 800 30 5 5 0 0 0\ncpu0 60 5 25 400 10 0 0 0 0 0\n\
    cpu2 40 5 25 400 20 5 5 0 0 0\nintr 7 0 0 1\nctxt 9\nbtime 1700000000\nprocesses 12\n\
    procs_running 2\nprocs_blocked 0\nsoftirq 5 1 2\n";

fn read(text: &[u8]) -> Result<Stat, Malformed> {
    let mut stat = Stat::default();
    parse_stat(text, &mut stat).map(|()| stat)
}

#[test]
fn times_of_the_processors_on_line_are_read() {
    let stat = read(TEXT).unwrap();
    assert_eq!(stat.all, [100, 10, 50, 800, 30, 5, 5, 0]);
    let numbers: Vec<u64> = stat.cores.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 2], "processor 1 is off line");
    assert_eq!((stat.interrupts, stat.switches), (Some(7), Some(9)));
    assert_eq!((stat.running, stat.blocked), (Some(2), Some(0)));
}

#[test]
fn a_kernel_with_four_modes_is_understood() {
    assert_eq!(
        read(b"cpu 1 2 3 4\n").unwrap().all,
        [1, 2, 3, 4, 0, 0, 0, 0]
    );
}

#[test]
fn what_is_no_stat_is_refused_with_the_line() {
    for (text, line, reason) in [
        (&b""[..], 1, "no line `cpu` with the times of all"),
        (
            b"cpu0 1 2 3 4\ncpu0 1 2 3 4\n",
            2,
            "processors are expected in rising order",
        ),
        (b"cpu 1 2 3\n", 1, "a whole number is expected"),
        (
            b"cpu 1 2 3 4\ncpu0 1 2 x 4\n",
            2,
            "a whole number is expected",
        ),
        (
            b"cpu 18446744073709551615 2 3 4\n",
            1,
            "a time too large to add up",
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), Malformed::new(line, reason));
    }
    let fault = parse_load(b"0.1 0.2 0.3 17 1").unwrap_err();
    assert_eq!(
        fault.reason,
        "runnable and all tasks are expected as `1/100`"
    );
}

#[test]
fn small_steps_back_are_undone_and_large_ones_begin_anew() {
    let before = [100, 0, 0, 1000, 50, 0, 0, 0];
    let small = [101, 0, 0, 999, 40, 0, 0, 0];
    assert_eq!(
        steady(Some(before), small, 300),
        [101, 0, 0, 1000, 50, 0, 0, 0]
    );
    let reset = [1, 0, 0, 2, 0, 0, 0, 0];
    assert_eq!(steady(Some(before), reset, 300), reset);
    assert_eq!(growth(before, reset), [0; 8], "never a negative percentage");
}

#[test]
fn shares_are_of_the_time_that_passed() {
    assert_eq!(used_percent([30, 0, 10, 40, 10, 0, 0, 10]), Some(50.0));
    assert_eq!(used_percent([0; 8]), None);
}

#[test]
fn a_load_average_is_read() {
    let load = parse_load(b"0.06 1.50 12.00 3/107 11443\n").unwrap();
    assert_eq!(load.averages, [0.06, 1.5, 12.0]);
    assert_eq!((load.runnable, load.total), (3, 107));
}

proptest! {
    #[test]
    fn no_bytes_panic(mut bytes: Vec<u8>, place in 0..TEXT.len()) {
        let _refused = (read(&bytes).is_ok(), parse_load(&bytes).is_ok());
        let mut text = TEXT.to_vec();
        text.truncate(place);
        text.append(&mut bytes);
        let _damaged = read(&text).is_ok();
    }

    #[test]
    fn shares_stay_between_0_and_100(before: [u32; 8], now: [u32; 8]) {
        let (before, now) = (before.map(u64::from), now.map(u64::from));
        let grown = growth(before, steady(Some(before), now, 300));
        prop_assert!(used_percent(grown).is_none_or(|share| (0.0..=100.0).contains(&share)));
    }
}
