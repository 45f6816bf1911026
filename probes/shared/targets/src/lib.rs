//! What the probes that look at several servers share: their addresses in the configuration, a run's time shared out among them,
//! and connections that no server can use to hold up the others.

mod address;
mod gauges;
mod number;
mod round;
mod talk;
mod time;
mod words;

pub use address::Address;
pub use gauges::{Gauges, flag};
pub use number::number;
pub use round::visit;
pub use talk::{Stream, Talk};
pub use time::some_time;
pub use words::{Judged, count, held, moment, short, trouble, without};
