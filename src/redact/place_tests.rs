//! Secrets that are known by what stands beside them.

use super::tests::{leaves, redacts};

#[test]
fn texts_under_many_tokens_are_taken_out_and_counts_stay() {
    redacts(
        r#"{"tokens":["x"],"a":1}"#,
        r#"{"tokens":"[redacted]","a":1}"#,
    );
    redacts(
        r#"{"refresh_tokens":{"a":"x"}}"#,
        r#"{"refresh_tokens":"[redacted]"}"#,
    );
    redacts(
        r#"{"tokens":[1,{"b":["x"]}]}"#,
        r#"{"tokens":"[redacted]"}"#,
    );
    redacts(
        r#"{"pass":"x","pw":"y"}"#,
        r#"{"pass":"[redacted]","pw":"[redacted]"}"#,
    );
    leaves(r#"{"tokens":120,"input_tokens":[1,2],"pass":12,"db_pass":true,"bypass":"x"}"#);
}

#[test]
fn pairs_of_names_and_values_are_known() {
    redacts(
        r#"[{"name":"Authorization","value":"Digest x"},{"name":"Host","value":"x"}]"#,
        r#"[{"name":"Authorization","value":"[redacted]"},{"name":"Host","value":"x"}]"#,
    );
    redacts(
        r#"{"value": "x", "enabled": {"a": 1}, "key": "X-Api-Key"}"#,
        r#"{"value": "[redacted]", "enabled": {"a": 1}, "key": "X-Api-Key"}"#,
    );
    redacts(
        r#"{"name":"cookie","more":{"name":"auth","value":"x"},"value":"y"}"#,
        r#"{"name":"cookie","more":{"name":"auth","value":"[redacted]"},"value":"[redacted]"}"#,
    );
    redacts(
        r#"{"Name":"client_secret","value":["x"],"b":"c"}"#,
        r#"{"Name":"client_secret","value":"[redacted]","b":"c"}"#,
    );
    leaves(r#"[{"name":"password"},{"value":"x"}]"#);
}

#[test]
fn options_of_a_command_lose_their_secrets() {
    redacts(
        r#"["login","--password","hunter2","-v"]"#,
        r#"["login","--password","[redacted]","-v"]"#,
    );
    redacts(r#"["--password=hunter2"]"#, r#"["--password=[redacted]"]"#);
    redacts("login --pass=hunter2 x", "login --pass=[redacted] x");
    redacts("DB_PASS=hunter2 x", "DB_PASS=[redacted] x");
    redacts(
        r#"["--token" , "x", "y"]"#,
        r#"["--token" , "[redacted]", "y"]"#,
    );
    leaves(r#"["--token","--verbose"]"#);
    leaves(r#"["--password",5,"x"]"#);
    leaves(r#"{"a":["--password"],"b":"x"}"#);
    leaves("12 tests pass: 3 fail");
}

#[test]
fn what_signs_a_url_is_taken_out() {
    redacts(
        "https://h/x?sv=1&sig=abc%2B&se=2",
        "https://h/x?sv=1&sig=[redacted]&se=2",
    );
    redacts(
        "https://h/x?X-Amz-Signature=abcdef&signature=x",
        "https://h/x?X-Amz-Signature=[redacted]&signature=[redacted]",
    );
    redacts(
        "/go?to=https%3A%2F%2Fme%3Apw%40host%2Fx&pw=abc",
        "/go?to=https%3A%2F%2F[redacted]%40host%2Fx&pw=[redacted]",
    );
    leaves("/go?to=https%3A%2F%2Fhost%2Fx%3Fmail%3Da%40b");
}
