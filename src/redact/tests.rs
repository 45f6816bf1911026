//! Secrets put in, and looked for in what comes out.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::config::MAX_ENTRIES;
use super::*;

fn with(keys: &[&str], patterns: &[&str]) -> Redactor {
    let config = Config {
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        patterns: patterns.iter().map(|&one| one.to_owned()).collect(),
    };
    Redactor::new(&config, TallyCounter::default()).unwrap()
}

#[track_caller]
pub(super) fn redacts(text: &str, wanted: &str) {
    let redactor = Redactor::default();
    assert_eq!(redactor.text(text), wanted);
    let again = redactor.text(wanted);
    assert_eq!(again, wanted, "a second time changes something");
}

#[track_caller]
pub(super) fn leaves(text: &str) {
    let redactor = Redactor::default();
    assert_eq!(redactor.text(text), text);
    assert_eq!(redactor.0.redactions.get(), 0);
}

#[test]
fn what_stands_under_the_name_of_a_secret_is_taken_out() {
    for key in [
        "password",
        "Password",
        "db_password",
        "userPassword",
        "passwd",
        "PGPASSWORD",
        "client_secret",
        "clientSecret",
        "SECRETS",
        "api_key",
        "apiKey",
        "X-API-Key",
        "apikey",
        "aws.secret.access.key",
        "AccessKeyId",
        "private-key",
        "token",
        "accessToken",
        "github_token",
        "authtoken",
        "authorization",
        "Proxy-Authorization",
        "cookie",
        "Set-Cookie",
        "credentials",
        "auth",
        "proxy_auth",
        "pwd",
        "jwt",
        "pass\u{77}ord",
        "pass phrase",
        "pass___word",
        "api - key",
        "HTTPAuth",
        "DBPwd",
        "OAuth",
    ] {
        for value in [
            json!("hunter2"),
            json!(1234),
            json!(["hunter2"]),
            json!({"x": "hunter2", "y": [1, {}]}),
        ] {
            let text = json!({"a": 1, key: value, "z": "stays"}).to_string();
            let wanted = json!({"a": 1, key: REDACTED, "z": "stays"}).to_string();
            redacts(&text, &wanted);
        }
    }
}

#[test]
fn what_only_sounds_like_one_stays() {
    leaves(r#"{"max_tokens":4096,"total_tokens": 17,"tokens":{"prompt":5,"completion":7}}"#);
    leaves(
        r#"{"author":"x","authority":"y","keyboard":"z","key":"k","monkey":1,"token_type":"t","passed":true}"#,
    );
    leaves(r#"{"has_password":true,"password":null,"secret":""}"#);
    leaves(
        "the tokens of the parser: 5; a basic understanding of authentication, see https://example.com/a@b",
    );
    leaves("mail to user@example.com, or ssh to git@github.com:probity/probity");
    leaves("a path such as C:\\u0041 and \"quoted\" words");
}

#[test]
fn what_looks_like_a_secret_is_taken_out_wherever_it_stands() {
    let mut jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0".to_owned();
    jwt.push_str(".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c");
    let aws = format!("AKIA{}", "IOSFODNN7EXAMPLE");
    let github = format!("ghp_{}", "a1B2".repeat(9));
    let slack = format!("xoxb-{}", "123456789012-abcdefABCDEF");
    let stripe = format!("sk_live_{}", "4eC39HqLyjWDarjtT1zdp7dc");
    let pem = format!(
        "-----BEGIN RSA {0}-----\nMIIE\nabc=\n-----END RSA {0}-----",
        "PRIVATE KEY"
    );
    for secret in [&jwt, &aws, &github, &slack, &stripe, &pem] {
        redacts(&format!("found {secret}, stop"), "found [redacted], stop");
        let text = json!({"a": [format!("x {secret} y")], secret.as_str(): true}).to_string();
        let wanted = json!({"a": ["x [redacted] y"], REDACTED: true}).to_string();
        redacts(&text, &wanted);
    }
    redacts("Bearer abcdefgh12345 end", "Bearer [redacted] end");
    redacts(
        "said Basic dXNlcjpwYXNz to it",
        "said Basic [redacted] to it",
    );
    let cut = &pem[..40];
    redacts(cut, "[redacted]");
}

#[test]
fn who_one_is_goes_out_of_urls() {
    redacts(
        "postgres://user:p@ss@db:5432/x?y=1",
        "postgres://[redacted]@db:5432/x?y=1",
    );
    redacts(
        "at https://token@github.com/x.git now",
        "at https://[redacted]@github.com/x.git now",
    );
    redacts(
        r#"{"url":"https:\/\/u:p@h\/x"}"#,
        r#"{"url":"https://[redacted]@h/x"}"#,
    );
    leaves("https://example.com/~user?mail=a@b.c");
}

#[test]
fn what_is_assigned_goes_out_of_texts() {
    redacts("GET /x?token=abc123&y=1", "GET /x?token=[redacted]&y=1");
    redacts("password: \"a b c\" next", "password: [redacted] next");
    redacts("api-key=abc, other=1", "api-key=[redacted], other=1");
    redacts("Authorization: Digest a=b c", "Authorization: [redacted]");
    redacts("Cookie: a=b; c=d\nHost: x", "Cookie: [redacted]\nHost: x");
    redacts(
        "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0mhunter2 x",
        "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0m[redacted] x",
    );
    redacts(
        r#"broken {"password":"hun\"ter2","a":1"#,
        r#"broken {"password":[redacted],"a":1"#,
    );
}

#[test]
fn no_escape_hides_a_name() {
    let redactor = Redactor::default();
    for between in [r"\u00a0", r"\u2009", r"\t", r"\n", r"\u0020", r"\u005f"] {
        for (one, other) in [("api", "key"), ("pass", "word"), ("connection", "string")] {
            let name = format!("{one}{between}{other}");
            assert_eq!(
                redactor.json(&format!(r#"{{"{name}":"hunter2"}}"#)),
                format!(r#"{{"{name}":"[redacted]"}}"#)
            );
        }
    }
}

#[test]
fn names_and_patterns_of_the_operators_count_too() {
    let redactor = with(&["social_security", "ssn"], &[r"emp-\d{6}"]);
    let text =
        json!({"socialSecurity": 1, "SOCIAL-SECURITY": "x", "user_ssn": "y", "lessness": "z"})
            .to_string();
    let wanted = json!({"socialSecurity": REDACTED, "SOCIAL-SECURITY": REDACTED, "user_ssn": REDACTED, "lessness": "z"});
    assert_eq!(redactor.json(&text), wanted.to_string());
    assert_eq!(
        redactor.text("ssn=123 emp-123456"),
        "ssn=[redacted] [redacted]"
    );
    assert_eq!(redactor.json(r#"["emp\u002d123456"]"#), r#"["[redacted]"]"#);
    assert_eq!(
        redactor.json(r#"{"s\u0073n":5}"#),
        r#"{"s\u0073n":"[redacted]"}"#
    );
    assert_eq!(redactor.0.redactions.get(), 7);
}

#[test]
fn what_is_not_acceptable_names_its_key() {
    let check = |keys: &[&str], patterns: &[&str]| {
        let config = Config {
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            patterns: patterns.iter().map(|&one| one.to_owned()).collect(),
        };
        let faults = config.check().into_iter();
        faults
            .map(|fault| format!("{} {}", fault.key, fault.rule))
            .collect::<Vec<_>>()
    };
    assert_eq!(check(&["fine", "-"], &["fine"]).len(), 1);
    let faults = check(&[], &["a(", "a*", "(?:a{1000}){1000}", "(?=x)"]);
    assert!(
        faults[0].starts_with("patterns[0] must be a regular expression: unclosed group"),
        "{faults:?}"
    );
    assert!(
        faults[1].starts_with("patterns[1] must not match an empty text"),
        "{faults:?}"
    );
    assert!(
        faults[2].starts_with("patterns[2] must be smaller"),
        "{faults:?}"
    );
    assert!(faults[3].contains("look-around"), "{faults:?}");
    assert_eq!(check(&[], &["x"; MAX_ENTRIES + 1]).len(), 1);
    for all in [".", r"\w+", "[a-z]{3,}", r"\S", r"\d"] {
        let faults = check(&[], &[all]);
        assert!(faults[0].contains("must match secrets alone"), "{all}");
    }
}

#[test]
fn lists_behind_names_are_taken_out_whole_and_what_only_names_secrets_stays() {
    redacts("password=['a b', 'c'] x", "password=[redacted] x");
    redacts("secrets = hunter2", "secrets = [redacted]");
    leaves("granted by `grant = { secrets = [\"db\", \"mail\"] }`");
    redacts(
        "client_secrets = [\"hunter2\"]",
        "client_secrets = [redacted]",
    );
    redacts("passwords: [abc, def] x", "passwords: [redacted] x");
    redacts("passwords = [\"a]b\"] x", "passwords = [redacted] x");
    redacts(r"password=\'hunter2\' x", "password=[redacted] x");
    redacts(
        r#"at {\"password\":\"ab\\\"cd\",\"x\":1}"#,
        r#"at {\"password\":[redacted],\"x\":1}"#,
    );
}

#[test]
fn lines_of_a_log_lose_theirs_one_by_one() {
    let redactor = Redactor::default();
    let lines = b"{\"message\":\"x\",\"password\":\"hunter2\"}\nplain token=abc\n\xff fine\n";
    let out = redactor.lines(lines).into_owned();
    let wanted =
        "{\"message\":\"x\",\"password\":\"[redacted]\"}\nplain token=[redacted]\n\u{fffd} fine\n";
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
    assert!(matches!(
        redactor.lines(b"nothing \xff here\n"),
        Cow::Borrowed(_)
    ));
}

/// A secret that stands for itself in any text.
fn secret() -> impl Strategy<Value = String> {
    "hunter[A-Z]{6}[0-9]{6}[\"\\\\/\u{e4}\n ]?[a-z]{3}zz"
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "password",
        "Client-Secret",
        "accessToken",
        "api_key",
        "Set-Cookie",
        "AUTHORIZATION",
    ])
    .prop_map(str::to_owned)
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Puts a value somewhere in others: under a name, in a list, or as text within a text.
fn nested(value: Value, ways: &[u8], beside: &Value) -> Value {
    ways.iter().fold(value, |value, way| match way {
        0 => json!({"a": beside, "b": value}),
        1 => json!([beside, value, beside]),
        _ => json!({"text": value.to_string(), "c": beside}),
    })
}

/// The text of JSON with some of its letters written as escapes.
fn escaped(text: &str, which: u64) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(character) = rest.chars().next() {
        let whole = match (character, rest.as_bytes().get(1)) {
            ('\\', Some(b'u')) => 6,
            ('\\', _) => 2,
            _ => character.len_utf8(),
        };
        // Literals and numbers stay, and so do escapes.
        let letter = character.is_ascii_lowercase() && !"truefalsnu".contains(character);
        if letter && which >> (out.len() % 64) & 1 == 1 {
            out.push_str(&format!("\\u{:04x}", character as u32));
        } else {
            out.push_str(&rest[..whole]);
        }
        rest = &rest[whole..];
    }
    out
}

/// Made once: compiling the patterns takes a while.
static BUILT_IN: LazyLock<Redactor> = LazyLock::new(Redactor::default);

proptest! {
    #[test]
    fn a_secret_never_comes_out_and_json_stays_json(
        secret in secret(),
        name in name(),
        ways in prop::collection::vec(0..3_u8, 0..4),
        beside in anything(),
        which in any::<u64>(),
    ) {
        let redactor = &*BUILT_IN;
        let text = nested(json!({ name: {"deep": [secret.clone()]} }), &ways, &beside).to_string();
        let text = escaped(&text, which);
        prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        let out = redactor.json(&text).into_owned();
        prop_assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
        prop_assert!(!out.contains(&secret[..18]), "{out}");
        prop_assert!(out.contains(REDACTED), "{out}");
        prop_assert_eq!(redactor.json(&out), out.as_str());
    }

    #[test]
    fn a_shape_never_comes_out(
        secret in "(ghp_[A-Za-z0-9]{36}|xoxb-[0-9]{12}-[a-z]{12}|AKIA[A-Z0-9]{16}|glpat-[A-Za-z0-9]{20})",
        ways in prop::collection::vec(0..3_u8, 0..4),
        beside in anything(),
        which in any::<u64>(),
    ) {
        let redactor = &*BUILT_IN;
        let text = nested(json!(format!("x {secret}.")), &ways, &beside).to_string();
        let text = escaped(&text, which);
        let out = redactor.json(&text).into_owned();
        prop_assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
        prop_assert!(!out.contains(&secret), "{out}");
        prop_assert!(out.contains(REDACTED), "{out}");
    }

    #[test]
    fn json_without_secrets_stays_as_it_was_written(value in anything()) {
        let redactor = &*BUILT_IN;
        let text = serde_json::to_string_pretty(&value).unwrap();
        let out = redactor.json(&text);
        prop_assert!(out.contains(REDACTED) || out == text);
    }

    #[test]
    fn no_text_whatever_makes_it_panic(text in "\\PC{0,80}|[\"{}\\[\\]:,\\\\a-z=@/ ]{0,40}") {
        let redactor = &*BUILT_IN;
        let once = redactor.text(&text).into_owned();
        redactor.json(&text);
        redactor.lines(text.as_bytes());
        prop_assert!(once.len() <= 12 * text.len() + 12);
    }
}
