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

#[test]
fn headers_go_to_the_end_of_their_line_with_the_quotes_in_them() {
    redacts(
        "Cookie: session=\"abc\"; user=\"O'Brien\"; x=\"y\"\nHost: h",
        "Cookie: [redacted]\nHost: h",
    );
    redacts(
        "sent Authorization: Digest username=\"u\", response=\"abc\" to it",
        "sent Authorization: [redacted]",
    );
    redacts(
        "curl -H \"Authorization: Basic YWJjZDo==\" -H \"X: y\" https://h",
        "curl -H \"Authorization: [redacted]\" -H \"X: y\" https://h",
    );
    redacts(
        "curl -H 'Cookie: a=\"b\"; c=d' https://h",
        "curl -H 'Cookie: [redacted]' https://h",
    );
    redacts(
        r#"-H "Authorization: Digest username=\"u\", response=\"abc\"""#,
        r#"-H "Authorization: [redacted]"#,
    );
    redacts(
        "X-Proxy-Authorization: a b",
        "X-Proxy-Authorization: [redacted]",
    );
    leaves("the cookie was eaten, and authorization is pending");
}

#[test]
fn user_info_goes_whatever_is_in_the_password() {
    redacts("postgres://u:p/w@h/x", "postgres://[redacted]@h/x");
    redacts("postgres://u:12/34@h/x", "postgres://[redacted]@h/x");
    redacts(
        "mysql+pymysql://u:p?w#@x@h:3306/x",
        "mysql+pymysql://[redacted]@h:3306/x",
    );
    redacts("https://u:p/w@h/x", "https://[redacted]@h/x");
    redacts("https://u:/w@h/x", "https://[redacted]@h/x");
    redacts(
        "dsn=app:p@/w@tcp(db:3306)/x?parseTime=true",
        "dsn=[redacted]@tcp(db:3306)/x?parseTime=true",
    );
    leaves("https://host:8080/@scope/name and http://[::1]:80/a@b, http://h/c:d/e@f");
    leaves("call f@tcp(x) at 12:30");
}

#[test]
fn passwords_may_have_what_separates_others() {
    redacts("password=a,b;c&d next", "password=[redacted] next");
    redacts(
        "Server=h;Password=a;b,c&d;Encrypt=true",
        "Server=h;Password=[redacted];Encrypt=true",
    );
    redacts(
        "GET /x?token=a,b&y=1&secret=c;d&z",
        "GET /x?token=[redacted]&y=1&secret=[redacted]",
    );
    redacts(
        "password=abc; then, ends",
        "password=[redacted]; then, ends",
    );
    redacts(
        "password: 'it\\'s' and pwd=x,",
        "password: [redacted] and pwd=[redacted],",
    );
}

#[test]
fn keys_of_accounts_and_of_masters_are_secrets() {
    for name in ["x-auth-key", "AccountKey", "master_key", "X-Auth-Key"] {
        redacts(
            &format!("{name}: abc next"),
            &format!("{name}: [redacted] next"),
        );
        redacts(
            &format!(r#"{{"{name}":"abc"}}"#),
            &format!(r#"{{"{name}":"[redacted]"}}"#),
        );
    }
    redacts(
        "AccountName=a;AccountKey=abc==;Suffix=x",
        "AccountName=a;AccountKey=[redacted];Suffix=x",
    );
    redacts("/x?auth=abc&y=1", "/x?auth=[redacted]&y=1");
    leaves("the auth: it works; account: 5; master: on; key: 5");
}

#[test]
fn addresses_of_webhooks_and_tokens_of_services_are_secrets() {
    redacts(
        "to https://hooks.slack.com/services/T00/B00/xyz now",
        "to https://hooks.slack.com/services/[redacted] now",
    );
    redacts(
        "https://discord.com/api/webhooks/123456/ab-C_d",
        "https://discord.com/api/webhooks/123456/[redacted]",
    );
    redacts(
        "discordapp.com/api/v10/webhooks/123456/ab-C_d",
        "discordapp.com/api/v10/webhooks/123456/[redacted]",
    );
    let letters = "aB3".repeat(12);
    for secret in [
        format!("hf_{letters}"),
        format!("SG.{}.{}", &letters[..22], letters),
        format!("123456789:AA{}", &letters[..33]),
        format!("glrt-{}", &letters[..20]),
        format!("gho_{letters}"),
        format!("ABIA{}", "A1B2C3D4E5F6G7H8"),
    ] {
        redacts(&format!("found {secret}, stop"), "found [redacted], stop");
    }
    let url = format!(
        "https://api.telegram.org/bot123456789:AA{}/x",
        &letters[..33]
    );
    redacts(&url, "https://api.telegram.org/[redacted]/x");
    leaves("msg. sent at 10:aa, half_hf_5, sg.example.com, gluten-free, /api/webhooks/list");
}
