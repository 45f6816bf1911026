//! `probity backup` on the command line, with and without a running Probity.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use base64::Engine;
use probity::store::Store;
use serde_json::Value;
use tokio_rustls::TlsAcceptor;

use crate::storage::{SECRET, Storage, VARIABLES, write_config};
use crate::{Scene, names, rows};

/// The program with nothing of the test's own environment.
pub fn program(scene: &Scene, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command
        .arg("backup")
        .args(words)
        .current_dir(&scene.place)
        .env_clear();
    command
}

fn run(scene: &Scene, words: &[&str]) -> Output {
    program(scene, words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Ends with this status, and tells the reason and one next step.
fn told(output: &Output, code: i32, reason: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(reason), "{said}");
    let next = said.lines().filter(|line| line.starts_with("next: "));
    assert_eq!(next.count(), 1, "{said}");
}

fn done(output: &Output) -> &str {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    text(&output.stdout).trim_end()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_made_listed_verified_and_restored_beside_a_running_store() {
    let scene = Scene::with(200_000).await;
    let store = Store::open(&scene.state(), &mut probity::model::Tally::default()).unwrap();
    let state = ["--state", "state"];
    let output = run(&scene, &["create", state[0], state[1]]);
    let id = done(&output).to_owned();
    let said = text(&output.stderr);
    assert!(
        said.contains("stored in folder") && said.contains("rows"),
        "{said}"
    );
    // Neither owner nor lock of the running one's files changed.
    store.close().await;
    assert_eq!(
        names(&scene.state()),
        ["backing-up", "backups", "probity.db", "probity.lock"]
    );

    let list = run(&scene, &["list", state[0], state[1]]);
    let lines: Vec<&str> = done(&list).lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("ID ") && lines[1].starts_with(&id),
        "{lines:?}"
    );
    assert!(lines[1].contains("good"), "{lines:?}");
    let list = run(&scene, &["list", "--format", "json", state[0], state[1]]);
    let list: Value = serde_json::from_str(done(&list)).unwrap();
    let first = &list["backups"][0];
    assert_eq!(
        (&first["id"], &first["state"]),
        (&Value::from(&*id), &"good".into())
    );
    assert_eq!(first["tables"]["probe_state"], 4);

    let archive = format!("state/backups/{id}.tar.zst");
    for which in [&*id, "--latest", &archive] {
        let output = run(&scene, &["verify", which, state[0], state[1]]);
        assert!(done(&output).starts_with(&format!("{id} is whole")));
    }
    let output = run(
        &scene,
        &["restore", &id, "--into", "new", state[0], state[1]],
    );
    done(&output);
    assert!(text(&output.stderr).contains("next: probity run --state new"));
    let wanted = rows(&scene.database());
    assert!(rows(&scene.place.path().join("new/probity.db")) == wanted);
    // A file needs no configuration, and no manifest beside it.
    std::fs::copy(
        scene.place.path().join(&archive),
        scene.place.path().join("alone.tar.zst"),
    )
    .unwrap();
    std::fs::write(
        scene.place.path().join("probity.toml"),
        "no = configuration",
    )
    .unwrap();
    let output = run(&scene, &["restore", "alone.tar.zst", "--into", "other"]);
    done(&output);
    assert!(rows(&scene.place.path().join("other/probity.db")) == wanted);
    let output = run(&scene, &["verify", "alone.tar.zst"]);
    done(&output);
    assert!(text(&output.stderr).contains("note: no manifest lies beside it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_no_folder_to_restore_into() {
    let scene = Scene::with(1_000).await;
    let id = done(&run(&scene, &["create", "--state", "state"])).to_owned();
    std::fs::write(scene.place.path().join("file"), "").unwrap();
    told(
        &run(
            &scene,
            &["restore", &id, "--into", "file", "--state", "state"],
        ),
        69,
        "cannot be used as a folder",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_its_exit_and_one_next_step() {
    let scene = Scene::with(50_000).await;
    let state = ["--state", "state"];
    let at = |words: &[&str]| run(&scene, &[words, &state].concat());
    told(
        &run(&scene, &["create", "--state", "none"]),
        65,
        "there is no database",
    );
    told(&at(&["verify", "--latest"]), 65, "there is no good backup");
    told(
        &at(&["verify", "probity-20260131T140500Z-0f1e2d3c"]),
        65,
        "there is no backup",
    );
    told(&at(&["verify", "none.tar.zst"]), 65, "there is no backup");
    let id = done(&at(&["create"])).to_owned();
    told(
        &at(&["restore", &id, "--into", "state"]),
        69,
        "is there already",
    );
    let store = Store::open(&scene.state(), &mut probity::model::Tally::default()).unwrap();
    let replace = ["restore", &id, "--into", "state", "--replace"];
    told(&at(&replace), 75, "in use by another instance");
    store.close().await;
    done(&at(&replace));
    let archive = scene.state().join(format!("backups/{id}.tar.zst"));
    let mut bytes = std::fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes).unwrap();
    told(&at(&["verify", &id]), 65, "is damaged");
    told(&at(&["restore", &id, "--into", "new"]), 65, "is damaged");
    assert!(!scene.place.path().join("new").exists());
    std::fs::write(
        scene.place.path().join("probity.toml"),
        "[backup]\nlevel = 99\n",
    )
    .unwrap();
    told(&at(&["create"]), 78, "must be between 1 and 19");
    std::fs::write(
        scene.place.path().join("probity.toml"),
        "[backup]\nto = \"s3\"\n",
    )
    .unwrap();
    told(&at(&["create"]), 78, "must be set where `to`");
    for words in [
        &["verify"][..],
        &["verify", &id, "--latest"],
        &["restore", &id],
        &["restore", "--into", "x"],
        &[],
    ] {
        assert_eq!(at(words).status.code(), Some(2), "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_used_with_secrets_that_nobody_sees() {
    let scene = Scene::with(50_000).await;
    let storage = Storage::start(&scene).await;
    let file = scene.place.path().join("probity.toml");
    write_config(&file, &format!("http://{}", storage.address));
    let words = |words: &[&str]| {
        let mut command = program(&scene, words);
        command.args(["--state", "state"]).envs(VARIABLES);
        command
    };
    let id = done(&words(&["create"]).output().unwrap()).to_owned();
    assert_eq!(
        storage.objects(),
        [format!("{id}.manifest.json"), format!("{id}.tar.zst")]
    );
    done(&words(&["verify", "--latest"]).output().unwrap());
    done(&words(&["restore", &id, "--into", "new"]).output().unwrap());
    assert!(rows(&scene.place.path().join("new/probity.db")) == rows(&scene.database()));

    let mut wrong = words(&["create"]);
    wrong.env("KEY", "wrong-wrong-wrong-wrong");
    let output = wrong.output().unwrap();
    told(&output, 69, "SignatureDoesNotMatch");
    let said = text(&output.stderr);
    assert!(
        !said.contains("AKIDEXAMPLE") && !said.contains("wrong-wrong"),
        "{said}"
    );
    let mut unset = words(&["create"]);
    unset.env_remove("KEY");
    told(&unset.output().unwrap(), 78, "secrets.key.env");
    let shown = Command::new(env!("CARGO_BIN_EXE_probity"))
        .args(["config", "show"])
        .current_dir(&scene.place)
        .env_clear()
        .envs(VARIABLES)
        .output();
    let shown = shown.unwrap();
    assert!(!text(&shown.stdout).contains(SECRET) && shown.status.success());
    write_config(&file, "http://AKIDEXAMPLE:hunter2@127.0.0.1:9");
    let refused = words(&["create"]).output().unwrap();
    told(
        &refused,
        78,
        "`backup.s3.endpoint` is \"http://…@127.0.0.1:9\"",
    );
    let said = text(&refused.stderr);
    assert!(
        !said.contains("AKID") && !said.contains("hunter2"),
        "{said}"
    );
    write_config(&file, &format!("http://{}", storage.address));
    let text = std::fs::read_to_string(&file).unwrap();
    let plain = text.replace("access_key = \"id\"\nsecret_key = \"key\"\n", "");
    std::fs::write(Path::new(&file), plain).unwrap();
    let output = words(&["create"]).output().unwrap();
    told(&output, 78, "AWS_ACCESS_KEY_ID is not set");
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_over_tls_is_trusted_only_when_the_machine_trusts_it() {
    let scene = Scene::with(50_000).await;
    let (certificate, key) = crate::certificate::make();
    let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    std::fs::write(scene.place.path().join("trusted.pem"), pem).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(settings));
    let storage = Storage::start_over(&scene, Some(tls)).await;
    let endpoint = format!("https://{}", storage.address);
    write_config(&scene.place.path().join("probity.toml"), &endpoint);
    let words = |words: &[&str]| {
        let mut command = program(&scene, words);
        command.args(["--state", "state"]).envs(VARIABLES);
        command
    };
    // What the machine trusts by itself has not signed this one.
    told(&words(&["create"]).output().unwrap(), 69, "certificate");
    assert_eq!(storage.objects(), [""; 0]);
    let trusting = |given: &[&str]| {
        let mut command = words(given);
        command.env("SSL_CERT_FILE", "trusted.pem");
        command.output().unwrap()
    };
    let id = done(&trusting(&["create"])).to_owned();
    assert!(done(&trusting(&["verify", "--latest"])).starts_with(&id));
}

/// A file system of one mebibyte, in a mount namespace of the child's own.
const SMALL: &str = "mount -t tmpfs -o size=1m tmpfs \"$1\" || exit 99
small=\"$1\"; shift; \"$@\"; code=$?; ls -A \"$small\"; exit $code";

#[tokio::test(flavor = "multi_thread")]
async fn s02_a_full_disk_leaves_nothing_half() {
    let scene = Scene::with(3_000_000).await;
    for small in ["state/backing-up", "state/backups"] {
        let folder = scene.place.path().join(small);
        std::fs::create_dir_all(&folder).unwrap();
        let output = Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                SMALL,
                "sh",
            ])
            .arg(&folder)
            .arg(env!("CARGO_BIN_EXE_probity"))
            .args(["backup", "create", "--state", "state"])
            .current_dir(&scene.place)
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_ne!(
            output.status.code(),
            Some(99),
            "nothing can be mounted: {said}"
        );
        let wanted = match small {
            // What is free is looked at before.
            "state/backing-up" => "the disk is too full for a copy",
            _ => "the disk is full",
        };
        told(&output, 69, wanted);
        let left: Vec<&str> = text(&output.stdout).lines().collect();
        let expected: &[&str] = if small.ends_with("up") {
            &["lock"]
        } else {
            &[]
        };
        assert_eq!(left, expected, "{small}");
        assert_eq!(scene.names("state/backups"), [""; 0]);
    }
    done(&run(&scene, &["create", "--state", "state"]));
    scene.is_clear();
}
