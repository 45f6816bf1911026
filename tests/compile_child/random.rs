//! Random components through the child and the loader: whatever they are, the host goes on and says what they were.

use arbitrary::{Arbitrary, Unstructured};

use crate::bench::{Bench, good};

/// Bytes that are the same in every run for one seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn random_components_are_refused_with_a_code_or_load() {
    let bench = Bench::new();
    let mut codes = std::collections::BTreeMap::new();
    for seed in 0..120 {
        let noise = noise(seed, 4096);
        let component = wasm_smith::Component::arbitrary(&mut Unstructured::new(&noise));
        let mut bytes = component.unwrap().to_bytes();
        // Some of them damaged.
        if seed % 3 == 0 {
            let at = 8 + usize::from(noise[0]) * (bytes.len() - 8) / 256;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= noise[1];
            }
        }
        if let Err(failure) = bench.load(&bytes) {
            let known = ["component.", "compile.", "file."];
            assert!(
                known.iter().any(|prefix| failure.code.starts_with(prefix)),
                "{seed}: {failure}"
            );
            assert!(failure.code != "compile.child", "{seed}: {failure}");
            *codes.entry(failure.code).or_insert(0) += 1;
        }
    }
    assert!(codes.len() > 1, "they were too much alike: {codes:?}");
    assert!(bench.load(&good("after all")).is_ok());
}
