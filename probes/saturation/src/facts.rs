//! What the snapshot says about saturation. What it lacks or holds only in a stale version is left out.

use std::cell::Cell;

use probity_sdk::json::Value;

/// How much of a limited thing is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Headroom {
    /// What is left, in the thing's own unit.
    pub left: f64,
    /// What is left as a share of all, 0 to 1.
    pub ratio: f64,
}

/// Everything this probe derives, as far as the machine has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Load average of five minutes for each processor.
    pub load: Option<f64>,
    /// Pressure as (resource, share, ratio): the share of the last minute in which `some` or all (`full`) tasks
    /// waited for the resource.
    pub pressure: Vec<(&'static str, &'static str, f64)>,
    /// Bytes of memory that the machine can still give.
    pub memory: Option<Headroom>,
    /// Bytes of memory left under the limit of the host's control group, page cache counted as used.
    pub cgroup_memory: Option<Headroom>,
    /// File descriptors that the host can still open.
    pub descriptors: Option<Headroom>,
    /// Whether something was left out because it is stale.
    pub stale: bool,
}

/// (key in the snapshot, resource, share)
const PRESSURE: [(&str, &str, &str); 5] = [
    ("cpu_some", "cpu", "some"),
    ("memory_some", "memory", "some"),
    ("memory_full", "memory", "full"),
    ("io_some", "io", "some"),
    ("io_full", "io", "full"),
];

impl Facts {
    /// Reads the snapshot through `read`, which gives the part behind a pointer.
    pub fn read(read: impl Fn(&str) -> Option<Value>) -> Self {
        let stale = Cell::new(false);
        let part = |pointer: &str| {
            let part = read(pointer)?;
            // A value derived from stale facts would look fresh.
            let is_stale = part.is_true("stale");
            stale.set(stale.get() || is_stale);
            (!is_stale).then_some(part)
        };
        let memory = part("/resources/memory");
        let cgroup = part("/resources/cgroup");
        let process = part("/process");
        Self {
            load: part("/resources/cpu").and_then(|cpu| load(&cpu)),
            pressure: part("/resources/pressure")
                .map(|part| pressure(&part))
                .unwrap_or_default(),
            memory: memory.and_then(|part| {
                headroom(part.number("available_bytes")?, part.number("total_bytes")?)
            }),
            cgroup_memory: cgroup.and_then(|part| {
                let most = part.number("memory_max_bytes")?;
                headroom(most - part.number("memory_current_bytes")?, most)
            }),
            descriptors: process.and_then(|part| {
                let most = part.number("max_fds")?;
                headroom(most - part.number("open_fds")?, most)
            }),
            stale: stale.get(),
        }
    }

    /// Whether there is nothing at all to tell.
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            stale: self.stale,
            ..Self::default()
        };
        *self == nothing
    }

    /// The pressure of `some` tasks on a resource.
    pub fn some_pressure(&self, resource: &str) -> Option<f64> {
        self.pressure.iter().find_map(|(name, share, ratio)| {
            (*name == resource && *share == "some").then_some(*ratio)
        })
    }
}

fn load(cpu: &Value) -> Option<f64> {
    let cores = cpu.number("cores").filter(|cores| *cores >= 1.0)?;
    Some(cpu.number("load_5m")? / cores)
}

fn pressure(part: &Value) -> Vec<(&'static str, &'static str, f64)> {
    let ratio = |key| Some(part.get(key)?.number("avg60_percent")? / 100.0);
    PRESSURE
        .iter()
        .filter_map(|(key, resource, share)| Some((*resource, *share, ratio(key)?)))
        .collect()
}

/// Nothing when there is no limit to compare with; never below zero, for a group may be over its limit for a moment.
fn headroom(left: f64, most: f64) -> Option<Headroom> {
    let left = left.max(0.0);
    (most > 0.0).then(|| Headroom {
        left,
        ratio: (left / most).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Answers pointers from one of the fixtures.
    fn read(document: &str) -> Facts {
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        Facts::read(|pointer| Value::parse(&document.pointer(pointer)?.to_string()))
    }

    #[test]
    fn a_whole_snapshot_gives_everything() {
        let facts = read(include_str!("../fixtures/snapshot.json"));
        assert_eq!(facts.load, Some(1.5));
        assert_eq!(
            facts.pressure,
            [
                ("cpu", "some", 0.125),
                ("memory", "some", 0.0),
                ("memory", "full", 0.0),
                ("io", "some", 0.5),
                ("io", "full", 0.25),
            ]
        );
        let headroom = |left, ratio| Some(Headroom { left, ratio });
        assert_eq!(facts.memory, headroom(6e9, 0.75));
        assert_eq!(facts.cgroup_memory, headroom(0.0, 0.0), "over its limit");
        assert_eq!(facts.descriptors, headroom(1000.0, 1000.0 / 1024.0));
    }

    #[test]
    fn what_the_machine_lacks_is_left_out() {
        let facts = read(include_str!("../fixtures/container.json"));
        let expected = Facts {
            memory: Some(Headroom {
                left: 1e9,
                ratio: 0.5,
            }),
            ..Facts::default()
        };
        assert_eq!(facts, expected);
    }

    #[test]
    fn before_the_first_snapshot_there_is_nothing() {
        assert!(Facts::read(|_| None).is_empty());
        assert!(Facts::read(|_| Some(Value::Null)).is_empty());
    }

    #[test]
    fn stale_facts_are_left_out() {
        let fresh = Facts::read(|_| Value::parse(r#"{"load_5m":1,"cores":2,"stale":false}"#));
        assert_eq!((fresh.is_empty(), fresh.stale), (false, false));
        let stale = Facts::read(|_| Value::parse(r#"{"load_5m":1,"cores":2,"stale":true}"#));
        assert_eq!((stale.is_empty(), stale.stale), (true, true));
    }
}
