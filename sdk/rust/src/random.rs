//! Random bytes, which need no grant. The host bounds how many one call may ask for (`limits.random`).

/// `count` bytes that nobody can foretell: fit for nonces and for the ids of requests.
pub fn bytes(count: usize) -> Vec<u8> {
    #[cfg(target_arch = "wasm32")]
    return wasip2::random::random::get_random_bytes(count as u64);
    #[cfg(not(target_arch = "wasm32"))]
    return native(count);
}

/// The standard library seeds each of its hashers from the system.
#[cfg(not(target_arch = "wasm32"))]
fn native(count: usize) -> Vec<u8> {
    use std::hash::{BuildHasher, RandomState};
    let words = std::iter::repeat_with(|| RandomState::new().hash_one(0_u8));
    words.flat_map(u64::to_le_bytes).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_asked_for_and_they_differ() {
        assert_eq!(bytes(0).len(), 0);
        assert_eq!(bytes(19).len(), 19);
        assert_ne!(bytes(16), bytes(16));
    }
}
