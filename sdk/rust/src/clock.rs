//! A clock for durations. The time of day at the beginning of a run is [`run::now`](crate::run::now).

use std::time::Duration;

/// Time on a clock that does not step, from a beginning that means nothing.
pub fn steady() -> Duration {
    #[cfg(target_arch = "wasm32")]
    return Duration::from_nanos(wasip2::clocks::monotonic_clock::now());
    #[cfg(not(target_arch = "wasm32"))]
    return {
        use std::sync::OnceLock;
        use std::time::Instant;
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        BEGINNING.get_or_init(Instant::now).elapsed()
    };
}
