//! What runs leave behind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventData, Kind, numbers};

/// A run has made something that stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactCreated {
    /// Tells it from the other artifacts of its run.
    pub artifact: Box<str>,
    /// The step that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Box<str>>,
    /// What people call it: a file's name.
    pub name: Box<str>,
    /// What it is, such as `text/csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Box<str>>,
    /// Its size.
    #[serde(
        default,
        deserialize_with = "numbers::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "numbers::optional_schema")]
    pub bytes: Option<u64>,
    /// A checksum of it, such as `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Box<str>>,
    /// Where it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Box<str>>,
}

impl EventData for ArtifactCreated {
    const KIND: Kind = Kind::ArtifactCreated;
}
