//! How long a target may take.

use probity_sdk::config::Seconds;
use serde::de::{Deserialize, Deserializer, Error};

/// Reads a duration that is not nothing: no target could answer in that. For `#[serde(deserialize_with)]`.
///
/// # Errors
/// That it is none.
pub fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Seconds, D::Error> {
    let seconds = Seconds::deserialize(from)?;
    match seconds.0 > 0.0 {
        true => Ok(seconds),
        false => Err(D::Error::custom("must be longer than nothing")),
    }
}
