//! What is garbage is named, and never a panic.

use std::time::Instant;

use probity::sampler::{NAMES, Sampler, SamplerError};
use proptest::prelude::*;

use crate::fixture::{Fixture, MACHINE};

#[test]
fn garbage_is_an_error_that_names_file_line_and_reason() {
    for (name, path) in [
        ("cpu", "proc/stat"),
        ("cpu", "proc/loadavg"),
        ("memory", "proc/meminfo"),
        ("pressure", "proc/pressure/io"),
        ("disk", "proc/self/mountinfo"),
        ("disk", "proc/diskstats"),
        ("network", "proc/net/dev"),
        ("process", "proc/self/stat"),
        ("process", "proc/self/statm"),
        ("cgroup", "sys/fs/cgroup/app/web/cpu.max"),
        ("event-loop", "proc/self/schedstat"),
    ] {
        let fixture = Fixture::new();
        fixture.write(path, b"\xff\0 what\nis this: 1 2\nx: 1\n");
        let error = fixture.error(name);
        let text = error.to_string();
        assert!(
            matches!(error, SamplerError::Malformed { .. }),
            "{name}: {text}"
        );
        assert!(
            text.contains(path) && text.contains("line "),
            "{name}: {text}"
        );
        assert_eq!(error.to_failure().code, "sampler.malformed");
    }
}

#[test]
fn a_folder_in_a_files_place_is_an_error_that_names_it() {
    let fixture = Fixture::new();
    fixture.remove("proc/meminfo");
    std::fs::create_dir(fixture.path("proc/meminfo")).unwrap();
    let error = fixture.error("memory");
    assert!(matches!(error, SamplerError::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("proc/meminfo"), "{error}");
}

#[test]
fn a_sampler_recovers_once_its_file_is_good_again() {
    let fixture = Fixture::new();
    let mut sampler = fixture.sampler("memory");
    let good = std::fs::read(fixture.path("proc/meminfo")).unwrap();
    fixture.write("proc/meminfo", b"garbage");
    sampler.sample(Instant::now()).unwrap_err();
    fixture.write("proc/meminfo", &good);
    sampler.sample(Instant::now()).unwrap();
    sampler.sample(Instant::now()).unwrap();
    let staged = sampler.take().1;
    assert_eq!(
        staged.writes.len(),
        7,
        "one run's writes, though two ran and one was taken"
    );
}

fn sample_and_take(sampler: &mut dyn Sampler) {
    if sampler.sample(Instant::now()).is_ok() {
        sampler.take();
    }
}

fn extreme() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "0",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "1e308",
        "NaN",
        "",
    ])
}

/// The text with the number at `place` replaced.
fn with_number(text: &str, place: prop::sample::Index, replacement: &str) -> String {
    let starts: Vec<usize> = text
        .match_indices(|letter: char| letter.is_ascii_digit())
        .map(|(start, _)| start)
        .collect();
    if starts.is_empty() {
        return replacement.to_owned();
    }
    let start = *place.get(&starts);
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    format!("{}{replacement}{}", &text[..start], &text[start + digits..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_content_of_any_file_panics(file in 0..MACHINE.len(), bytes: Vec<u8>, keep: bool) {
        let fixture = Fixture::new();
        let (path, good) = MACHINE[file];
        let mut content = if keep { good.as_bytes()[..good.len() / 2].to_vec() } else { Vec::new() };
        content.extend(bytes);
        fixture.write(path, &content);
        for name in NAMES {
            // A refusal is fine; only a panic is not. Twice, for what the second sample compares with the first.
            if let Ok(mut sampler) = fixture.make(name) {
                sample_and_take(&mut *sampler);
                sample_and_take(&mut *sampler);
            }
        }
    }

    #[test]
    fn no_number_in_any_file_panics(file in 0..MACHINE.len(), place: prop::sample::Index, extreme in extreme()) {
        let fixture = Fixture::new();
        let (path, good) = MACHINE[file];
        let mut samplers: Vec<_> = NAMES.iter().map(|name| fixture.sampler(name)).collect();
        samplers.iter_mut().for_each(|sampler| sample_and_take(&mut **sampler));
        fixture.write(path, with_number(good, place, extreme).as_bytes());
        samplers.iter_mut().for_each(|sampler| sample_and_take(&mut **sampler));
        for name in NAMES {
            if let Ok(mut sampler) = fixture.make(name) {
                sample_and_take(&mut *sampler);
            }
        }
        fixture.write(path, good.as_bytes());
        for mut sampler in samplers {
            sampler.sample(Instant::now()).expect("it recovers with the file");
        }
    }
}
