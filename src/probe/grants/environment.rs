//! The environment as it was at the start, for guests that are granted names of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

/// Variables that are text; cheap to clone. What they hold is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    /// The variables of a process. One whose name or value is not UTF-8 counts as unset: no guest could read it.
    pub fn of(variables: &[(OsString, OsString)]) -> Self {
        let text = |(name, value): &(OsString, OsString)| {
            Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
        };
        Self(Arc::new(variables.iter().filter_map(text).collect()))
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The granted ones that are set, with their values.
    pub(in crate::probe) fn granted<'a>(
        &'a self,
        names: &'a [String],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        names
            .iter()
            .filter_map(|name| Some((name.as_str(), self.get(name)?)))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}

/// The rule that a variable's name breaks, if any.
pub(super) fn name_fault(name: &str) -> Option<&'static str> {
    let good = !name.is_empty() && !name.contains(['=', '\0']);
    (!good).then_some("must be the name of a variable")
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn only_granted_names_that_are_set_and_text_are_handed_on() {
        let environment = Environment::of(&[
            ("HOME".into(), "/root".into()),
            ("TOKEN".into(), "secret".into()),
            ("BYTES".into(), OsString::from_vec(vec![0xff])),
        ]);
        let names = ["HOME", "BYTES", "UNSET"].map(str::to_owned);
        let granted: Vec<_> = environment.granted(&names).collect();
        assert_eq!(granted, [("HOME", "/root")]);
        assert!(!format!("{environment:?}").contains("secret"));
    }

    #[test]
    fn a_name_is_no_assignment() {
        assert_eq!(name_fault("HOME"), None);
        for name in ["", "A=B", "A\0"] {
            assert!(name_fault(name).is_some());
        }
    }
}
