//! From a component's bytes to compiled code.

mod cache;

pub(super) use cache::ArtifactCache;
