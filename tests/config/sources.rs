//! Files, variables and flags, and which of them wins.

use std::path::Path;

use probity::config::Config;

use crate::Bench;

#[test]
fn the_first_file_that_exists_is_read() {
    let mut bench = Bench::new();
    let listen = |port: u16| format!("server.listen = \"127.0.0.1:{port}\"");
    let port = |bench: &Bench| bench.good().config.server.listen.port();
    assert_eq!(port(&bench), 7762);
    bench.write("etc.toml", listen(1));
    assert_eq!(port(&bench), 1);
    let home = bench.folder.path().join("home");
    bench = bench.variable("HOME", home.to_str().unwrap());
    bench.write("home/.config/probity/probity.toml", listen(2));
    assert_eq!(port(&bench), 2);
    let xdg = bench.folder.path().join("xdg");
    bench = bench.variable("XDG_CONFIG_HOME", xdg.to_str().unwrap());
    bench.write("xdg/probity/probity.toml", listen(3));
    assert_eq!(port(&bench), 3);
    bench.write("here/probity.toml", listen(4));
    assert_eq!(port(&bench), 4);
    let named = bench.write("named.toml", listen(5));
    bench = bench.variable("PROBITY_CONFIG", &named);
    assert_eq!(port(&bench), 5);
    bench.sources.file = Some(bench.write("flag.toml", listen(6)).into());
    assert_eq!(port(&bench), 6);
    bench = bench.variable("PROBITY__SERVER__LISTEN", "127.0.0.1:7");
    assert_eq!(port(&bench), 7);
    bench = bench.flag("--listen", "server.listen", "127.0.0.1:8");
    assert_eq!(port(&bench), 8);
    let origin = bench.good().origin.to_string();
    assert!(
        origin.ends_with("/flag.toml, then PROBITY__SERVER__LISTEN, --listen"),
        "{origin}"
    );
}

#[test]
fn a_file_replaces_the_built_in_one_wholly_and_an_empty_one_is_all_defaults() {
    for text in ["", "\n# nothing\n", "\u{feff}"] {
        assert_eq!(Bench::with_file(text).good().config, Config::default());
    }
}

#[test]
fn variables_are_text_where_the_key_is_text_and_toml_elsewhere() {
    let config = Bench::new()
        .variable("PROBITY__SERVER__MAX_CONNECTIONS", "7")
        .variable("PROBITY__SERVER__TOKEN_FILE", "5")
        .variable("PROBITY__SERVER__ALLOW_UNAUTHENTICATED", "true")
        .variable("PROBITY__SERVER__MAX_BODY", "4096")
        .variable("PROBITY__HEALTH__READY", "[\"disk\"]")
        .variable("PROBITY__HEALTH__DISK_USED_PERCENT__WARN", "50")
        .variable("PROBITY__PROBES__LIMITS__MEMORY", "32MiB")
        .variable("PROBITY__PROBE", "[{ name = \"only\" }]")
        .variable("PROBITY_OTHER", "ignored")
        .good()
        .config;
    assert_eq!(config.server.max_connections, 7);
    assert_eq!(config.server.token_file.as_deref(), Some(Path::new("5")));
    assert!(config.server.allow_unauthenticated);
    assert_eq!(config.server.max_body.0, 4096);
    assert_eq!(config.health.ready, ["disk"]);
    assert_eq!(config.health.disk_used_percent.warn, 50.0);
    assert_eq!(config.probes.limits.memory.0, 32 << 20);
    assert_eq!(config.probe.len(), 1);
}
