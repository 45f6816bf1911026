//! Configuration of compiling: what the compiler may take for one component.

use serde::{Deserialize, Serialize};

use crate::model::{ByteSize, Invalid, Span, check_range};

/// `[probes.compile]`: what the compiler may take for one component, in a process of its own.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompileConfig {
    /// Address space of the compiling process.
    pub memory: ByteSize,
    /// CPU time, that of all its threads together, in whole seconds.
    pub cpu: Span,
    /// Wall time, from the process' start to its end.
    pub wall: Span,
}

impl Default for CompileConfig {
    fn default() -> Self {
        Self {
            // 18 MB of code, what the largest toolchains make, take half of it.
            memory: ByteSize::mib(2048),
            // They take 25 s of a fast core; small machines are five times slower.
            cpu: Span::seconds(120),
            // It yields to everything else, so on a busy machine it waits most of the time.
            wall: Span::seconds(300),
        }
    }
}

impl CompileConfig {
    pub(in crate::probe) fn check(&self, faults: &mut Vec<Invalid>) {
        let hour = Span::seconds(3600);
        check_range(
            faults,
            "compile.memory",
            self.memory,
            ByteSize::mib(256),
            ByteSize::mib(64 << 10),
        );
        check_range(faults, "compile.cpu", self.cpu, Span::seconds(1), hour);
        check_range(faults, "compile.wall", self.wall, Span::millis(100), hour);
    }
}
