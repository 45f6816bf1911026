//! What the compiling process is told: its limits and the engine's settings, as arguments.

use crate::model::ByteSize;

/// The hidden verb of this program that compiles one component from standard input to standard output.
const COMPILE_VERB: &str = "compile-component";

/// An order to the compiling process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileOrder {
    /// The guests' stack, which is one of the engine's settings.
    pub stack: ByteSize,
    /// Address space at most.
    pub memory: ByteSize,
    /// CPU time at most, in seconds.
    pub cpu: u64,
    /// How far it stands back behind others, 0 to 19.
    pub nice: i32,
    /// The process that waits for it; it does not outlive it.
    pub parent: u32,
}

impl CompileOrder {
    /// The verb and its flags.
    pub fn arguments(&self) -> Vec<String> {
        let flags = [
            ("stack", self.stack.0),
            ("memory", self.memory.0),
            ("cpu", self.cpu),
            ("nice", u64::from(self.nice.unsigned_abs())),
            ("parent", u64::from(self.parent)),
        ];
        let flags = flags
            .iter()
            .map(|(flag, value)| format!("--{flag}={value}"));
        std::iter::once(COMPILE_VERB.to_owned())
            .chain(flags)
            .collect()
    }
}

/// How the compiling process ends, when it is not killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileEnd {
    /// The compiled code is on standard output.
    Compiled,
    /// It is no valid component; why is on standard error.
    Invalid,
    /// It could not put itself under its limits, read the component or write the code; why is on standard error.
    Unable,
    /// The memory that it may take is not enough.
    OutOfMemory,
}

impl CompileEnd {
    /// Each end with its exit status.
    const ALL: [(Self, i32); 4] = [
        (Self::Compiled, 0),
        (Self::Invalid, 65),
        (Self::Unable, 69),
        (Self::OutOfMemory, 75),
    ];

    /// The exit status that stands for it.
    pub fn status(self) -> i32 {
        let found = Self::ALL.iter().find(|(end, _)| *end == self);
        found.expect("every end is listed").1
    }

    pub(super) fn of_status(status: i32) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, code)| *code == status);
        found.map(|(end, _)| *end)
    }
}
