//! Scrapes other Prometheus endpoints and gives out again what an operator wants of them.
//!
//! `exposition` reads a line of the text format, `selector` and `rules` say what is kept, `export` what a sample becomes, `harvest` takes an
//! answer apart with these, and `left_out` counts what is not taken. `names` gives numbers to texts. `registry` defines metrics and writes series, `judge` gives the verdict,
//! `settings` reads the configuration, and `probe` is what the host calls.

mod export;
mod exposition;
mod harvest;
mod judge;
mod left_out;
mod metrics;
mod names;
mod probe;
mod registry;
mod rules;
mod selector;
mod settings;

pub use export::{Families, Kind, Role};
pub use exposition::{Line, Sample, Type, line};
pub use harvest::{Around, Bounds, Harvest, Kept, harvest};
pub use left_out::{LeftOut, Reason};
pub use names::{Labels, Names};
pub use rules::Rules;
pub use selector::Selector;
pub use settings::{Rename, Settings, Target};
