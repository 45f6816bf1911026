//! Whatever is given, nothing panics.

use probity::config::EXAMPLE;
use proptest::prelude::*;

use crate::Bench;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Bench::with_file(bytes).load().map_err(|error| error.to_string());
    }

    #[test]
    fn a_damaged_example_never_panics(at in 0..EXAMPLE.len(), length in 0_usize..40, with in "[\\[\\]{}=.\"'#\\-0-9a-z_\n \u{1b}é]{0,12}") {
        let start = EXAMPLE.floor_char_boundary(at);
        let end = EXAMPLE.floor_char_boundary((start + length).min(EXAMPLE.len()));
        let text = format!("{}{with}{}", &EXAMPLE[..start], &EXAMPLE[end..]);
        if let Err(error) = Bench::with_file(text).load() {
            prop_assert!(error.to_string().contains("probity.toml"));
        }
    }

    #[test]
    fn arbitrary_variables_never_panic(name in "[A-Z_]{0,20}", value in "\\PC{0,40}") {
        let bench = Bench::new().variable(&format!("PROBITY__{name}"), &value);
        let _ = bench.load().map_err(|error| error.to_string());
    }
}
