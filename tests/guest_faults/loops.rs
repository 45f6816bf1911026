//! Guests that do not come to an end.

use probity::probe::Limits;

use crate::support::guest::Guest;
use crate::{crashes, short};

#[tokio::test]
async fn g01_a_loop_in_collect_ends_at_the_deadline() {
    let guest = Guest::new().collect("(loop $forever (br $forever)) (call $ok)");
    crashes(guest, short(), "deadline", "limits.deadline").await;
}

#[tokio::test]
async fn g02_a_loop_in_the_core_start_function_ends_at_the_deadline() {
    let guest = Guest::new().extra("(func $spin (loop $forever (br $forever))) (start $spin)");
    crashes(guest, short(), "deadline", "limits.deadline").await;
}

#[tokio::test]
async fn g01_a_loop_in_start_ends_at_the_deadline() {
    let guest = Guest::new().start("(loop $forever (br $forever)) (call $ok)");
    crashes(guest, short(), "deadline", "limits.deadline").await;
}

#[tokio::test]
async fn g05_endless_recursion_is_a_trap() {
    let guest = Guest::new()
        .extra("(func $deep (call $deep) (call $deep))")
        .collect("(call $deep) (call $ok)");
    crashes(
        guest,
        Limits::default(),
        "trap.stack-overflow",
        "call stack exhausted",
    )
    .await;
}
