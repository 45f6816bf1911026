//! The schemas as they were released: none of them ever changes.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::*;

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events")
}

/// A schema is written as a file is: an end of line at the end.
fn written(schema: &Value) -> String {
    format!("{schema:#}\n")
}

#[test]
fn every_schema_is_the_one_that_was_released() {
    let schemas = Schemas::new(&[]).unwrap();
    let mut files = BTreeSet::from(["event.json".to_owned()]);
    let envelope = fs::read_to_string(golden().join("event.json")).unwrap();
    assert_eq!(written(schemas.envelope()), envelope);
    for kind in schemas.kinds() {
        let file = format!("{}.v{}.json", kind.name, kind.version);
        let released = fs::read_to_string(golden().join(&file));
        let released = released.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(
            written(kind.schema()),
            released,
            "{file}: what is new is a new version"
        );
        files.insert(file);
    }
    let there = fs::read_dir(golden()).unwrap();
    let there: BTreeSet<String> = there
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, files, "what was released is read for ever");
}

#[test]
fn every_schema_says_what_each_thing_is_and_takes_nothing_else() {
    for kind in Schemas::new(&[]).unwrap().kinds() {
        let schema = kind.schema();
        assert!(kind.validator().is_some(), "{}", kind.name);
        assert_eq!(schema["additionalProperties"], false, "{}", kind.name);
        for (name, field) in schema["properties"].as_object().unwrap() {
            let said = field.get("description").is_some() || field.get("$ref").is_some();
            assert!(said, "{}: {name}", kind.name);
        }
    }
}

#[test]
fn versions_of_a_kind_stand_beside_each_other() {
    let text = r#"
        [[kind]]
        name = "order.placed"
        version = 3
        schema = { required = ["b"] }
        [[kind]]
        name = "order.placed"
        version = 1
        about = "Somebody has ordered something."
        schema = { required = ["a"] }
    "#;
    let config: crate::event::Config = toml::from_str(text).unwrap();
    assert_eq!(config.check(), []);
    let schemas = Schemas::new(&config.kind).unwrap();
    let versions = schemas.versions("order.placed").unwrap();
    assert_eq!(
        versions.map(|kind| kind.version).collect::<Vec<_>>(),
        [1, 3]
    );
    assert_eq!(schemas.find("order.placed", None).unwrap().version, 3);
    let first = schemas.find("order.placed", Some(1)).unwrap();
    assert_eq!(
        (&*first.about, first.known),
        ("Somebody has ordered something.", None)
    );
    assert!(schemas.find("order.placed", Some(2)).is_none());
}

#[test]
fn a_declared_kind_that_is_none_is_refused_by_its_key() {
    let told = |section: &str| {
        let text = format!("[[kind]]\n{section}");
        let mut config: crate::event::Config = toml::from_str(&text).unwrap();
        let mut faults = config.check();
        if faults.is_empty() {
            faults = config.read_schema_files();
        }
        let shown = faults
            .iter()
            .map(|fault| format!("{} {}", fault.key, fault.rule));
        shown.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(told("name = \"a.b\"\nschema = {}"), "");
    for name in ["order", "Order.placed", "a..b", "a.b-c", ".a"] {
        let told = told(&format!("name = \"{name}\"\nschema = {{}}"));
        assert!(told.starts_with("kind[0].name must be words"), "{told}");
    }
    let ours = told("name = \"run.paused\"\nschema = {}");
    assert!(
        ours.starts_with("kind[0].name must not begin with `run.`"),
        "{ours}"
    );
    let neither = told("name = \"a.b\"");
    assert!(
        neither.starts_with("kind[0].name must have a schema"),
        "{neither}"
    );
    let both = told("name = \"a.b\"\nschema = {}\nschema_file = \"x\"");
    assert!(
        both.starts_with("kind[0].schema_file must not be there"),
        "{both}"
    );
    for (schema, word) in [
        ("{ type = \"strin\" }", "/type"),
        (
            "{ \"$ref\" = \"https://example.com/x.json\" }",
            "refers to nothing outside",
        ),
        (
            "{ \"$ref\" = \"file:///etc/passwd\" }",
            "refers to nothing outside",
        ),
        (
            "{ \"$schema\" = \"https://example.com/other\" }",
            "refers to nothing outside",
        ),
        ("{ pattern = \"(?=x)\" }", "/pattern"),
        ("{ pattern = \"(a{1000}){1000}\" }", "/pattern"),
    ] {
        let told = told(&format!("name = \"a.b\"\nschema = {schema}"));
        assert!(
            told.starts_with("kind[0].schema must be a JSON Schema") && told.contains(word),
            "{told}"
        );
    }
    let twice = told("name = \"a.b\"\nschema = {}\n[[kind]]\nname = \"a.b\"\nschema = {}");
    assert!(
        twice.starts_with("kind[1].version must be given once"),
        "{twice}"
    );
}

#[test]
fn a_schema_may_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schema.json");
    let read = |text: &str| {
        fs::write(&file, text).unwrap();
        let config = format!("[[kind]]\nname = \"a.b\"\nschema_file = {file:?}");
        let mut config: crate::event::Config = toml::from_str(&config).unwrap();
        assert_eq!(config.check(), []);
        let faults = config.read_schema_files();
        (
            config,
            faults
                .into_iter()
                .map(|fault| format!("{} {}", fault.key, fault.rule))
                .collect::<Vec<_>>(),
        )
    };
    let (config, faults) = read(r#"{"required": ["a"]}"#);
    assert!(faults.is_empty());
    let schemas = Schemas::new(&config.kind).unwrap();
    let schema = schemas.find("a.b", None).unwrap().schema();
    assert_eq!(schema["required"][0], "a");
    let told = |text: &str| read(text).1.join("");
    assert!(told("{").starts_with("kind[0].schema_file must hold JSON: EOF"));
    assert!(told(r#"{"type": 5}"#).starts_with("kind[0].schema_file must be a JSON Schema"));
    assert!(told(&" ".repeat(300 << 10)).contains("at most 262144 bytes"));
    let config = format!(
        "[[kind]]\nname = \"a.b\"\nschema_file = {:?}",
        folder.path()
    );
    let mut config: crate::event::Config = toml::from_str(&config).unwrap();
    assert!(
        config.read_schema_files()[0]
            .rule
            .contains("must be a regular file")
    );
    // Nobody has read it.
    assert!(Schemas::new(&config.kind).is_err());
}
