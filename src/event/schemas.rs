//! Every kind that is taken, with its schema: those that the program knows, and those that the operator declared.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jsonschema::Validator;
use serde_json::Value;

use super::declared::{KindConfig, compile};
use super::kinds::Kind;
use super::read::envelope;
use crate::model::Invalid;

/// All kinds by name; cloning shares them.
#[derive(Clone)]
pub struct Schemas(Arc<Shared>);

struct Shared {
    envelope: Checked,
    /// In order: the program's own, then the declared ones.
    kinds: Vec<KindSchema>,
    /// The places of a kind's versions in `kinds`, in rising order.
    by_name: HashMap<Arc<str>, Vec<usize>>,
}

/// One version of a kind.
pub struct KindSchema {
    /// Its name, such as `run.started`.
    pub name: Arc<str>,
    /// The version of its schema.
    pub version: u32,
    /// What it tells, in a line.
    pub about: Box<str>,
    /// The kind, if the program knows it; nothing for one that the operator declared.
    pub known: Option<Kind>,
    schema: Checked,
}

/// A schema, and what holds something against it, made when it is first needed.
struct Checked {
    schema: Value,
    validator: OnceLock<Option<Validator>>,
}

impl Checked {
    fn new(schema: Value) -> Self {
        Self {
            schema,
            validator: OnceLock::new(),
        }
    }

    fn validator(&self) -> Option<&Validator> {
        let compile = || compile(&self.schema).ok();
        self.validator.get_or_init(compile).as_ref()
    }
}

impl KindSchema {
    /// The JSON Schema of what an event of this kind says.
    pub fn schema(&self) -> &Value {
        &self.schema.schema
    }

    /// What holds `data` against the schema.
    pub(super) fn validator(&self) -> Option<&Validator> {
        self.schema.validator()
    }
}

impl Schemas {
    /// # Errors
    /// The first declared kind that is not acceptable.
    pub(super) fn new(declared: &[KindConfig]) -> Result<Self, Invalid> {
        let mut shared = Shared {
            envelope: Checked::new(envelope::schema()),
            kinds: Vec::new(),
            by_name: HashMap::new(),
        };
        for kind in Kind::ALL {
            shared.add(KindSchema {
                name: kind.as_str().into(),
                version: kind.version(),
                about: kind.about().into(),
                known: Some(*kind),
                schema: Checked::new(kind.schema().to_value()),
            });
        }
        for kind in declared {
            let schema = kind.json_schema();
            let schema = schema.ok_or_else(|| {
                Invalid::new("kind.schema_file", &kind.name, "must have been read")
            })?;
            shared.add(KindSchema {
                name: kind.name.as_str().into(),
                version: kind.version,
                about: kind.about.as_str().into(),
                known: None,
                schema: Checked::new(schema),
            });
        }
        Ok(Self(Arc::new(shared)))
    }

    /// Every version of every kind: the program's own in the order of its list, then the declared ones.
    pub fn kinds(&self) -> &[KindSchema] {
        &self.0.kinds
    }

    /// The JSON Schema of an event as it is sent.
    pub fn envelope(&self) -> &Value {
        &self.0.envelope.schema
    }

    pub(super) fn envelope_validator(&self) -> Option<&Validator> {
        self.0.envelope.validator()
    }

    /// The versions of the kind of this name, in rising order.
    pub fn versions(&self, name: &str) -> Option<impl Iterator<Item = &KindSchema>> {
        let places = self.0.by_name.get(name)?;
        Some(places.iter().map(|place| &self.0.kinds[*place]))
    }

    /// One version of a kind, or its newest.
    pub fn find(&self, name: &str, version: Option<u32>) -> Option<&KindSchema> {
        let places = self.0.by_name.get(name)?;
        let place = match version {
            None => places.last(),
            Some(version) => places
                .iter()
                .find(|place| self.0.kinds[**place].version == version),
        };
        place.map(|place| &self.0.kinds[*place])
    }
}

impl Shared {
    fn add(&mut self, kind: KindSchema) {
        let places = self.by_name.entry(kind.name.clone()).or_default();
        places.push(self.kinds.len());
        self.kinds.push(kind);
        let kinds = &self.kinds;
        places.sort_by_key(|place| kinds[*place].version);
    }
}

#[cfg(test)]
#[path = "schemas_tests.rs"]
mod tests;
