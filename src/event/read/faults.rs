//! Everything that is wrong with one event, once it is known that something is.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::error::Category;

use crate::event::fault::{Fault, Reason};
use crate::event::kinds::Kind;
use crate::event::schemas::Schemas;
use crate::model::printable;

/// Faults of one event that are told one by one.
const MAX_FAULTS: usize = 20;
/// The largest event of which everything that is wrong is looked for, in bytes: its text is made values of for that, which take many
/// times as much. Of a larger one the first fault is told.
pub(super) const MAX_BYTES: usize = 64 << 10;
/// The longest words on a fault and the longest pointer to it, in bytes.
const MAX_MESSAGE_BYTES: usize = 300;
const MAX_POINTER_BYTES: usize = 300;

/// How serde begins its words on a name that an object has twice.
const TWICE: &str = "duplicate field `";

/// The faults of one event: those that are told, and how many more there are.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) list: Vec<Fault>,
    pub(super) more: u64,
}

impl Found {
    pub(super) fn push(&mut self, fault: Fault) {
        if self.list.len() < MAX_FAULTS {
            self.list.push(fault);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl From<Fault> for Found {
    fn from(fault: Fault) -> Self {
        let mut found = Self::default();
        found.push(fault);
        found
    }
}

/// What an event whose envelope cannot be read is counted as.
pub(super) fn reason_of_event(text: &str, error: &serde_json::Error) -> Fault {
    let reason = match error.classify() {
        Category::Data if text.starts_with('{') => Reason::Envelope,
        _ => Reason::Syntax,
    };
    Fault::new(reason, "", "is no event")
}

/// Everything that is wrong with the text of an event whose envelope cannot be read, for which serde has words already.
pub(super) fn of_event(text: &str, error: &serde_json::Error, schemas: &Schemas) -> Found {
    let is_object = text.starts_with('{');
    if is_object && text.len() > MAX_BYTES {
        return match error.classify() {
            Category::Data => of_envelope(error).into(),
            _ => no_json(Reason::Syntax, "", error).into(),
        };
    }
    // A list may be deep, or large: nothing of it is wanted.
    let value = match is_object {
        true => serde_json::from_str(text),
        false => serde_json::from_str::<IgnoredAny>(text).map(|_| Value::Null),
    };
    let value: Value = match value {
        Ok(value @ Value::Object(_)) => value,
        Ok(_) => return Fault::new(Reason::Syntax, "", "is no object: an event is one").into(),
        Err(error) => return no_json(Reason::Syntax, "", &error).into(),
    };
    let mut found = Found::default();
    if error.to_string().starts_with(TWICE) {
        found.push(of_envelope(error));
    }
    if let Some(validator) = schemas.envelope_validator() {
        by_schema(&mut found, validator, &value, "", Reason::Envelope);
    }
    let version = match value.get("version") {
        None | Some(Value::Null) => Some(None),
        Some(version) => version
            .as_u64()
            .and_then(|one| u32::try_from(one).ok())
            .map(Some),
    };
    let named = value.get("kind").and_then(Value::as_str).zip(version);
    let kind = named.and_then(|(name, version)| schemas.find(name, version));
    if let (Some(kind), Some(data @ Value::Object(_))) = (kind, value.get("data"))
        && let Some(validator) = kind.validator()
    {
        by_schema(&mut found, validator, data, "/data", Reason::Data);
    }
    if found.is_empty() {
        found.push(of_envelope(error));
    }
    found
}

/// What serde found wrong around what an event says. A name that is there twice is one that is known.
fn of_envelope(error: &serde_json::Error) -> Fault {
    let words = words(error);
    let twice = words.strip_prefix(TWICE);
    match twice.and_then(|name| name.strip_suffix('`')) {
        Some(name) => Fault::new(Reason::Envelope, format!("/{name}"), "is there twice"),
        None => Fault::new(Reason::Envelope, "", words),
    }
}

/// Everything that is wrong with what an event says: by its schema, or, if that finds nothing, by what reads it.
pub(super) fn of_data(
    found: &mut Found,
    text: &str,
    validator: Option<&Validator>,
    kind: Option<Kind>,
) {
    let before = found.list.len();
    // What the program knows is read without a tree; of what an operator declared there was one already.
    if text.len() <= MAX_BYTES || kind.is_none() {
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return found.push(no_json(Reason::Data, "/data", &error)),
        };
        if let Some(validator) = validator {
            let most = if text.len() <= MAX_BYTES {
                usize::MAX
            } else {
                1
            };
            for error in validator.iter_errors(&value).take(most) {
                tell(found, &error, "/data", Reason::Data);
            }
        }
    }
    if found.list.len() == before
        && let Some((path, message)) = kind.and_then(|kind| kind.first_fault(text))
    {
        let pointer = printable(&format!("/data{path}"), MAX_POINTER_BYTES);
        found.push(Fault::new(Reason::Data, pointer, words(&message)));
    }
}

/// What is no JSON, or none that is read: with line and column within the event.
pub(super) fn no_json(reason: Reason, pointer: &str, error: &serde_json::Error) -> Fault {
    let message = match error.to_string() {
        deep if deep.starts_with("recursion limit") => {
            "is nested too deeply: 127 levels are the most".to_owned()
        }
        other => format!("is not JSON: {other}"),
    };
    Fault::new(reason, pointer, printable(&message, MAX_MESSAGE_BYTES))
}

/// serde's words without their place in the text, which the pointer tells.
fn words(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let end = message.rfind(" at line ").unwrap_or(message.len());
    printable(&message[..end], MAX_MESSAGE_BYTES)
}

/// Everything that a schema finds wrong.
fn by_schema(
    found: &mut Found,
    validator: &Validator,
    value: &Value,
    prefix: &str,
    reason: Reason,
) {
    for error in validator.iter_errors(value) {
        tell(found, &error, prefix, reason);
    }
}

/// Tells what one error of a schema means: each field that should not be there for itself, and of several forms that something may
/// have what is wrong with the one that was meant.
fn tell(found: &mut Found, error: &ValidationError<'_>, prefix: &str, reason: Reason) {
    let at = format!("{prefix}{}", error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            for name in unexpected {
                let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                let pointer = printable(&pointer, MAX_POINTER_BYTES);
                found.push(Fault::new(reason, pointer, "is not known here"));
            }
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            if let Some(words) = none_of(context) {
                return found.push(Fault::new(reason, printable(&at, MAX_POINTER_BYTES), words));
            }
            match meant(context) {
                Some(errors) => errors
                    .iter()
                    .for_each(|one| tell(found, one, prefix, reason)),
                None => found.push(plain(error, &at, reason)),
            }
        }
        ValidationErrorKind::Required { property } => {
            let message = format!("lacks {}", property.as_str().unwrap_or_default());
            let message = printable(&message, MAX_MESSAGE_BYTES);
            found.push(Fault::new(
                reason,
                printable(&at, MAX_POINTER_BYTES),
                message,
            ));
        }
        _ => found.push(plain(error, &at, reason)),
    }
}

/// Words on what may be one of some values, if that is what it may be.
fn none_of(forms: &[Vec<ValidationError<'static>>]) -> Option<String> {
    let value = |errors: &Vec<ValidationError<'static>>| match errors.first()?.kind() {
        ValidationErrorKind::Constant { expected_value } => Some(expected_value.to_string()),
        _ => None,
    };
    let values: Option<Vec<String>> = forms.iter().map(value).collect();
    let words = format!("it is none of {}", values?.join(", "));
    Some(printable(&words, MAX_MESSAGE_BYTES))
}

/// The one of several forms that was meant: the only one that is of the right type.
fn meant<'a>(
    forms: &'a [Vec<ValidationError<'static>>],
) -> Option<&'a Vec<ValidationError<'static>>> {
    let is_other_type = |error: &ValidationError<'_>| match error.kind() {
        ValidationErrorKind::Type { kind } => matches!(kind, TypeKind::Single(_)),
        _ => false,
    };
    let mut fitting = forms
        .iter()
        .filter(|errors| !(errors.len() == 1 && is_other_type(&errors[0])));
    fitting.next().filter(|_| fitting.next().is_none())
}

/// The schema's words, without the value: nobody knows what it holds.
fn plain(error: &ValidationError<'_>, at: &str, reason: Reason) -> Fault {
    let message = error.masked_with("it").to_string();
    let message = printable(&message, MAX_MESSAGE_BYTES);
    Fault::new(reason, printable(at, MAX_POINTER_BYTES), message)
}
