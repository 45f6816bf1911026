//! Components that are made of too much, or of what this host does not run.

use probity::model::Outcome;
use probity::probe::Limits;

use crate::crashes;
use crate::support::bench::{Bench, loaded, run};
use crate::support::guest::Guest;
use crate::support::parts::with_instances;

const NOTHING: &str = "(module)";
const MEMORY: &str = "(module (memory 1))";
const TABLE: &str = "(module (table 1 funcref))";

/// Runs a component with so many further instances of a module.
async fn with(module: &str, count: usize) -> Result<(), String> {
    let bench = Bench::new();
    let component = with_instances(&Guest::new().build(), module, count);
    let mut probe = loaded(bench.load_bytes(&component, Limits::default()));
    let result = match run(&mut probe).await.outcome {
        Outcome::Ok => Ok(()),
        Outcome::Failed(failure) => Err(failure.to_string()),
        Outcome::NotApplicable(failure) => panic!("{failure}"),
    };
    assert_eq!(probe.status().failures, u64::from(result.is_err()));
    bench.assert_alive().await;
    result
}

#[tokio::test]
async fn g08_more_memories_than_the_limit_are_refused_and_the_limit_itself_is_allowed() {
    // The guest has one of its own.
    assert_eq!(with(MEMORY, 7).await, Ok(()));
    let refused = with(MEMORY, 8).await.unwrap_err();
    assert_eq!(
        refused,
        "limits.memories: the component makes 9 memories: at most 8 (limits.memories)"
    );
}

#[tokio::test]
async fn g09_a_table_grows_to_its_limit_and_not_beyond() {
    let grow = |elements: u32| {
        Guest::new()
            .extra("(table $grown 0 funcref)")
            .collect(&format!(
                "(if (i32.eq (table.grow $grown (ref.null func) (i32.const {elements})) (i32.const -1)) (then unreachable))
                 (call $ok)"
            ))
    };
    let bench = Bench::new();
    let mut probe = bench.load(&grow(100_000), Limits::default());
    let observation = run(&mut probe).await;
    assert!(
        matches!(observation.outcome, Outcome::Ok),
        "{:?}",
        observation.outcome
    );
    let words = "a table of 100001 elements was asked for: at most 100000 (limits.table_elements)";
    crashes(
        grow(100_001),
        Limits::default(),
        "limits.table_elements",
        words,
    )
    .await;
}

#[tokio::test]
async fn g10_more_instances_than_the_limit_are_refused_and_the_limit_itself_is_allowed() {
    // The guest is made of three: its module and two that tie its imports.
    assert_eq!(with(NOTHING, 97).await, Ok(()));
    let refused = with(NOTHING, 98).await.unwrap_err();
    assert_eq!(
        refused,
        "limits.instances: the component makes 101 instances: at most 100 (limits.instances)"
    );
}

#[tokio::test]
async fn g10_more_tables_than_the_limit_are_refused() {
    let refused = with(
        &TABLE.replace("1 funcref", "1 funcref) (table 1 funcref"),
        60,
    )
    .await;
    let refused = refused.unwrap_err();
    assert!(
        refused.starts_with("limits.tables: the component makes ")
            && refused.contains("at most 100"),
        "{refused}"
    );
    assert_eq!(with(TABLE, 90).await, Ok(()));
}

#[tokio::test]
async fn g12_a_shared_memory_is_rejected() {
    let component = with_instances(&Guest::new().build(), "(module (memory 1 1 shared))", 1);
    let bench = Bench::new();
    let (_, failure) = bench.reject(&component, Limits::default());
    assert_eq!(failure.code, "component.invalid", "{failure}");
    assert!(failure.message.contains("threads"), "{failure}");
    bench.assert_alive().await;
}

#[tokio::test]
async fn g13_a_memory_of_64_bits_is_rejected() {
    let component = with_instances(&Guest::new().build(), "(module (memory i64 1))", 1);
    let bench = Bench::new();
    let (_, failure) = bench.reject(&component, Limits::default());
    assert_eq!(failure.code, "component.invalid", "{failure}");
    assert!(failure.message.contains("memory64"), "{failure}");
    bench.assert_alive().await;
}
