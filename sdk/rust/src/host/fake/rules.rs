//! What the real host's metrics refuse: names, endings, units and values.

use super::Refusal;

pub(crate) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(crate) fn check_name(kind: &str, name: &str, unit: &str) -> Result<(), Refusal> {
    if !is_name(name) || name.len() > 128 {
        return Err(Refusal::new(
            "metrics.name",
            format!("`{name}` is no metric name"),
        ));
    }
    if name.starts_with("probity_") {
        return Err(Refusal::new(
            "metrics.reserved",
            format!("`{name}` begins with `probity_`, which is the host's own"),
        ));
    }
    let stem = match (kind, name.strip_suffix("_total")) {
        ("counter", Some(stem)) => stem,
        ("counter", None) => {
            return Err(Refusal::new(
                "metrics.suffix",
                format!("a counter's name ends with `_total`: `{name}`"),
            ));
        }
        (_, Some(_)) => {
            return Err(Refusal::new(
                "metrics.suffix",
                format!("only a counter's name ends with `_total`: `{name}`"),
            ));
        }
        (_, None) => name,
    };
    if kind == "info" && !name.ends_with("_info") {
        return Err(Refusal::new(
            "metrics.suffix",
            format!("an info metric's name ends with `_info`: `{name}`"),
        ));
    }
    if !unit.is_empty() && !stem.ends_with(&format!("_{unit}")) {
        return Err(Refusal::new(
            "metrics.unit",
            format!("`{name}` has to end with its unit `{unit}`"),
        ));
    }
    Ok(())
}

pub(crate) fn finite(value: f64) -> Result<f64, Refusal> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(Refusal::new(
            "metrics.not-finite",
            format!("{value} cannot be counted"),
        )),
    }
}

pub(crate) fn total(value: f64) -> Result<f64, Refusal> {
    match finite(value)? {
        value if value < 0.0 => Err(Refusal::new(
            "metrics.decrease",
            format!("{value} is below zero"),
        )),
        value => Ok(value),
    }
}
