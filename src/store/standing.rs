//! How the store does: the worst of what each part of it says of itself.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Condition, Status};

/// What may be unwell, the more important ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Changes are committed.
    Writing,
    /// There is room for what is new.
    Room,
    /// The database was whole when it was looked through.
    Whole,
    /// The write-ahead log is taken in.
    Log,
    /// What probes keep is stored.
    State,
}

/// All parts.
const PARTS: usize = 5;

/// What is wrong with a part.
type Fault = (Status, String);

/// Keeps the store's condition true; cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    condition: Condition,
    faults: Arc<Mutex<[Option<Fault>; PARTS]>>,
    well: Arc<str>,
}

impl Standing {
    pub(super) fn new(file: &Path) -> Self {
        let well: Arc<str> = format!("{} is written", file.display()).into();
        Self {
            condition: Condition::new(Status::Pass, well.clone()),
            faults: Arc::default(),
            well,
        }
    }

    /// What others see.
    pub(super) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Something is wrong with a part. Gives whether it was well before.
    pub(super) fn fault(&self, part: Part, status: Status, message: String) -> bool {
        self.replace(part, Some((status, message))).is_none()
    }

    /// A part is well. Gives whether it was not before.
    pub(super) fn well(&self, part: Part) -> bool {
        self.replace(part, None).is_some()
    }

    fn replace(&self, part: Part, fault: Option<Fault>) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut faults[part as usize], fault);
        let given = || faults.iter().flatten();
        match given().map(|(status, _)| *status).max() {
            Some(worst) => {
                let messages: Vec<&str> = given().map(|(_, message)| &**message).collect();
                self.condition.set(worst, messages.join("; "));
            }
            None if before.is_some() => self.condition.set(Status::Pass, self.well.clone()),
            None => {}
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts_and_everything_is_told_until_it_is_well() {
        let standing = Standing::new(Path::new("/state/probity.db"));
        let seen = || standing.condition().get();
        assert!(standing.fault(Part::Log, Status::Warn, "long".into()));
        assert!(standing.fault(Part::Writing, Status::Fail, "full".into()));
        assert!(!standing.fault(Part::Writing, Status::Fail, "still full".into()));
        assert_eq!(seen(), (Status::Fail, "still full; long".into()));
        assert!(standing.well(Part::Writing));
        assert_eq!(seen(), (Status::Warn, "long".into()));
        assert!(standing.well(Part::Log) && !standing.well(Part::Log));
        assert_eq!(
            seen(),
            (Status::Pass, "/state/probity.db is written".into())
        );
    }
}
