//! What probes may reach: secrets and grants as an operator writes them.

use crate::{Bench, assert_holds};

#[test]
fn c05_a_secret_that_cannot_be_read_is_a_fault_with_its_place() {
    let text = "[secrets]\ntoken = { file = \"/nowhere/token\" }\nother = { env = \"UNSET\" }\n";
    let refusal = Bench::with_file(text).refusal();
    assert_holds(
        &refusal,
        &[
            "/probity.toml:2:18: `secrets.token.file` is \"/nowhere/token\": it cannot be read",
            "/probity.toml:3:17: `secrets.other.env` is \"UNSET\": it is not set",
            "let this user read it",
        ],
    );
}

#[test]
fn a_secret_is_read_at_the_start_and_shown_nowhere() {
    let bench = Bench::with_file("").variable("DB_PASSWORD", "correct horse");
    let file = bench.write("token", "hunter2\n");
    let text = format!(
        "[secrets]\ntoken = {{ file = \"{file}\", origins = [\"https://a.example\"] }}\n\
         db = {{ env = \"DB_PASSWORD\" }}\n[[probe]]\nname = \"x\"\ngrant = {{ secrets = [\"token\"], reveal = [\"db\"] }}\n"
    );
    bench.write("here/probity.toml", text);
    let loaded = bench.good();
    let shown = format!("{loaded:?}{}", toml::to_string(&loaded.config).unwrap());
    assert_holds(&shown, &["DB_PASSWORD", "https://a.example"]);
    for value in ["hunter2", "correct horse"] {
        assert!(!shown.contains(value), "{shown}");
    }
}

#[test]
fn a_secret_has_one_source_and_a_grant_names_one_that_is_there() {
    for (text, told) in [
        ("[secrets]\na = {}", "must have a `file` or an `env`"),
        ("[secrets]\n\"a b\" = { env = \"X\" }", "1 to 64 letters"),
        (
            "[secrets]\na = { env = \"X=\" }",
            "must be the name of a variable",
        ),
        (
            "[secrets]\na = { path = \"/x\" }",
            "the keys are file, env, origins",
        ),
        (
            "[[probe]]\nname = \"x\"\ngrant = { secrets = [\"a\"] }",
            "name of a secret in [secrets]",
        ),
        (
            "[[probe]]\nname = \"x\"\ngrant = { reveal = [\"a\"] }",
            "`probe[0].grant.reveal[0]`",
        ),
    ] {
        assert_holds(&Bench::with_file(text).refusal(), &[told]);
    }
}

#[test]
fn what_is_granted_is_read_at_the_door() {
    for (grant, told) in [
        ("read = [\"etc\"]", "must be an absolute path"),
        (
            "http = [\"https://a.example/path\"]",
            "must be an origin without path or wildcard",
        ),
        (
            "http = [\"https://*.example\"]",
            "must be an origin without path or wildcard",
        ),
        (
            "http = [\"https://127.1\"]",
            "must name a host in ASCII or as an address",
        ),
        ("tcp = [\"db\"]", "must be a host and a port"),
        ("udp = [\"10.0.0.1:0\"]", "must be a host and a port"),
        (
            "tcp = [\"[::ffff:127.0.0.1]:1\"]",
            "must be written as an IPv4 address",
        ),
        ("env = [\"A=B\"]", "must be the name of a variable"),
        ("https = []", "did you mean `http`?"),
    ] {
        let text = format!("[[probe]]\nname = \"x\"\ngrant = {{ {grant} }}\n");
        let refusal = Bench::with_file(text).refusal();
        assert_holds(&refusal, &[told, "/probity.toml:3:"]);
    }
}
