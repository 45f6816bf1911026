//! Branches of granted git repositories: how many match, when each last moved, which are missing, and what is left under way.
//!
//! `settings` is the configuration. `place` finds a repository's folders, `names` says what the name of a ref is, `head` reads HEAD,
//! `refs` gathers branches, `reflog` dates them, `underway` finds merges and locks; `survey` puts them together, `judge` gives the
//! verdict, and `probe` carries all of it to the host. Formats: gitrepository-layout(5), git-pack-refs(1), git-update-ref(1).

mod head;
mod judge;
mod names;
mod place;
mod probe;
mod reflog;
mod refs;
mod settings;
mod survey;
mod underway;

pub use head::Head;
pub use judge::judge;
pub use place::Place;
pub use refs::{Budget, Refs};
pub use settings::{Repository, Settings};
pub use survey::{Age, Survey};
pub use underway::Operation;
