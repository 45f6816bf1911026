//! `probity compile-component`: what a running Probity starts for each component; not for people.

use super::{CompileOptions, Exit};
use crate::probe::{CompileEnd, compile_as_ordered};

/// Puts this process under the limits given, and compiles standard input to standard output.
pub fn compile_component(options: &CompileOptions) -> Exit {
    compile_as_ordered(&options.order()).into()
}

impl From<CompileEnd> for Exit {
    fn from(end: CompileEnd) -> Self {
        match end {
            CompileEnd::Compiled => Self::Success,
            CompileEnd::Invalid => Self::Data,
            CompileEnd::Unable => Self::Unavailable,
            CompileEnd::OutOfMemory => Self::Temporary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_are_those_that_the_parent_reads() {
        for end in [
            CompileEnd::Compiled,
            CompileEnd::Invalid,
            CompileEnd::Unable,
            CompileEnd::OutOfMemory,
        ] {
            assert_eq!(Exit::from(end) as i32, end.status());
        }
    }
}
