//! Questions about the past: which series are meant, and what an expression over them comes to.
//!
//! Reads views of the history, and what is older through a trait, and nothing else. It keeps no state, and knows neither HTTP nor JSON. The language is PromQL as
//! the parser crate has it; what is not carried out is refused by its name.

mod aggregation;
mod dialect;
mod error;
mod eval;
mod fault;
mod functions;
mod histogram;
mod labels;
mod limits;
mod matching;
mod operator;
mod over_time;
mod parse;
mod past;
mod pattern;
mod place;
mod plan;
mod planned_calls;
mod planned_operators;
mod planner;
mod question;
mod rate;
mod relabel;
mod select;
mod selector;
mod statistics;
#[cfg(test)]
mod tests;
mod value;

pub use error::{QueryError, QueryFault};
pub use labels::Labels;
pub use limits::{Limits, MAX_STEPS};
pub use parse::{MAX_PATTERNS, parse, patterns_of};
pub use past::{Older, Past};
pub use question::{LOOKBACK, Query, Terms};
pub use selector::Selector;
pub use value::{Answer, Line, Window};
