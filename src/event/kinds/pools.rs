//! Pools of workers or connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventData, Kind, numbers};

/// A pool is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolStarted {
    /// Its name.
    pub pool: Box<str>,
    /// How many it holds.
    #[serde(deserialize_with = "numbers::whole")]
    #[schemars(schema_with = "numbers::whole_schema")]
    pub size: u64,
}

impl EventData for PoolStarted {
    const KIND: Kind = Kind::PoolStarted;
}

/// Everything in a pool is in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSaturated {
    /// Its name.
    pub pool: Box<str>,
    /// How many it holds.
    #[serde(deserialize_with = "numbers::whole")]
    #[schemars(schema_with = "numbers::whole_schema")]
    pub size: u64,
    /// How many of them are in use.
    #[serde(deserialize_with = "numbers::whole")]
    #[schemars(schema_with = "numbers::whole_schema")]
    pub in_use: u64,
    /// How many wait for one.
    #[serde(deserialize_with = "numbers::whole")]
    #[schemars(schema_with = "numbers::whole_schema")]
    pub waiting: u64,
}

impl EventData for PoolSaturated {
    const KIND: Kind = Kind::PoolSaturated;
}
