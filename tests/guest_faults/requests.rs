//! Requests that are made and never sent: what a guest without any grant may leave in the host's memory by them.

use probity::model::Outcome;
use probity::probe::Limits;

use crate::support::bench::{Bench, run};
use crate::support::guest::Guest;

const INTERFACE: &str = "wasi:http/types@0.2.0";
const TYPES: &str = "
    variant header-error { invalid-syntax, forbidden, immutable }
    variant method { get, head, post, put, delete, connect, options, trace, patch, other(string) }
    resource outgoing-body {}
    resource fields {
      constructor();
      append: func(name: string, value: list<u8>) -> result<_, header-error>;
    }
    resource outgoing-request {
      constructor(headers: fields);
      body: func() -> result<outgoing-body>;
      set-method: func(method: method) -> result;
      set-authority: func(authority: option<string>) -> result;
      set-path-with-query: func(path-with-query: option<string>) -> result;
    }
    resource outgoing-response {
      constructor(headers: fields);
      body: func() -> result<outgoing-body>;
    }
";
const IMPORTS: &str = r#"
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-method" (func $method (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority" (func $authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query" (func $path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $response.body (param i32 i32)))
"#;

/// Whether the host does not refuse what a guest without grants does; `call` leaves 0 when it was not refused.
async fn takes(text: &str, call: &str) -> bool {
    let bench = Bench::new();
    let guest = Guest::new()
        .foreign(INTERFACE, TYPES)
        .imports(IMPORTS)
        .text("name", "x-a")
        .text("text", text)
        .collect(&format!(
            "(local $turn i32) (if {call} (then unreachable)) (call $ok)"
        ));
    let mut probe = bench.load(&guest, Limits::default());
    let outcome = run(&mut probe).await.outcome;
    bench.assert_alive().await;
    match outcome {
        Outcome::Ok => true,
        Outcome::Failed(_) => false,
        Outcome::NotApplicable(failure) => panic!("{failure}"),
    }
}

#[tokio::test]
async fn g32_texts_of_a_request_are_kept_up_to_their_limit() {
    for (call, first, limit) in [
        (
            "(call $method (call $request (call $fields)) (i32.const 9) %text)",
            "a",
            64,
        ),
        (
            "(call $authority (call $request (call $fields)) (i32.const 1) %text)",
            "a",
            1024,
        ),
        (
            "(call $path (call $request (call $fields)) (i32.const 1) %text)",
            "/",
            8 * 1024,
        ),
    ] {
        let text = |length: usize| format!("{first}{}", "a".repeat(length - 1));
        assert!(takes(&text(limit), call).await, "{call}");
        assert!(!takes(&text(limit + 1), call).await, "{call}");
    }
}

#[tokio::test]
async fn g32_header_fields_are_kept_up_to_their_limit() {
    let append = |times: usize| {
        let once = "(call $append (local.get $turn) %name %text (i32.const 16))";
        format!(
            "(block (result i32) (local.set $turn (call $fields)) {} (i32.load8_u (i32.const 16)))",
            once.repeat(times)
        )
    };
    let text = "a".repeat(8000);
    assert!(takes(&text, &append(4)).await);
    assert!(!takes(&text, &append(5)).await);
}

#[tokio::test]
async fn g32_requests_with_a_body_are_few_before_they_are_sent() {
    let bodies = |count: usize| {
        format!(
            "(block (result i32)
               (loop $next
                 (call $body (call $request (call $fields)) (i32.const 16))
                 (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
                 (br_if $next (i32.lt_u (local.get $turn) (i32.const {count}))))
               (i32.load8_u (i32.const 16)))"
        )
    };
    assert!(takes("", &bodies(32)).await);
    assert!(!takes("", &bodies(33)).await);
    let response = "(block (result i32)
        (call $response.body (call $response (call $fields)) (i32.const 16)) (i32.load8_u (i32.const 16)))";
    assert!(!takes("", response).await);
}
