//! S14: a backup that is killed at any of its steps leaves nothing half that counts, and the next one clears it away.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use probity::backup::{Chosen, State};
use rustix::process::{Pid, Signal, kill_process};

use crate::command::program;
use crate::proxy::{Fault, Kind, Proxy};
use crate::storage::{Storage, VARIABLES, maker, write_config};
use crate::wire::Client;
use crate::{PATIENCE, Scene, create, good, restore, rows};

/// Steps that take long enough to be seen.
const PHASES: [&str; 4] = ["copying", "checking", "packing", "verifying"];
/// So large that each of them does.
const BYTES: usize = 24 << 20;

/// Starts a backup and waits until it says that it is at a step; nothing if that went by unseen.
fn until(scene: &Scene, phase: &str) -> Option<Child> {
    let mut child = program(scene, &["create", "--state", "state"])
        .envs(VARIABLES)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    if lines.any(|line| line.unwrap().starts_with(phase)) {
        return Some(child);
    }
    assert!(child.wait().unwrap().success());
    None
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_a_kill_at_any_step_leaves_nothing_that_counts() {
    let scene = Scene::with(BYTES).await;
    // The folder that the command uses by itself.
    let config = probity::backup::Config {
        folder: Some(scene.state().join("backups")),
        ..scene.config()
    };
    let maker = scene.maker_of(&config, None);
    let mut kills = 0;
    for phase in PHASES {
        let before = good(&maker).await.len();
        let Some(child) = until(&scene, phase) else {
            continue;
        };
        kill(child);
        kills += 1;
        let entries = maker.shelf().entries().await.unwrap();
        let whole = entries.iter().filter(|entry| entry.state == State::Good);
        assert_eq!(whole.count(), before, "{phase}: it counts");
        if phase != PHASES[0] {
            assert_ne!(scene.names("state/backing-up"), ["lock"], "{phase}");
        }
        // A running Probity clears up when it starts, as here.
        maker.clear().await.unwrap();
        scene.is_clear();
        assert_eq!(good(&maker).await.len(), before, "{phase}");
        assert_eq!(scene.names("state/backups").len(), before * 2, "{phase}");
    }
    assert!(kills >= 2, "{kills}");
    create(&maker).await.unwrap();
    let into = scene.place.path().join("restored");
    let chosen = Chosen::latest(maker.shelf()).await.unwrap();
    restore(chosen, &into, false).await.unwrap();
    assert!(rows(&into.join("probity.db")) == rows(&scene.database()));
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_a_kill_during_an_upload_leaves_nothing_when_the_next_one_is_made() {
    let scene = Scene::with(BYTES).await;
    let storage = Storage::start(&scene).await;
    let endpoint = format!("http://{}", storage.address);
    write_config(&scene.place.path().join("probity.toml"), &endpoint);
    let maker = maker(&scene, storage.address);
    for phase in ["packing", "verifying"] {
        let before = good(&maker).await.len();
        let Some(child) = until(&scene, phase) else {
            continue;
        };
        kill(child);
        let entries = maker.shelf().entries().await.unwrap();
        let whole = entries.iter().filter(|entry| entry.state == State::Good);
        assert_eq!(whole.count(), before, "{phase}");
        let left = storage.uploads().len() + entries.len() - before;
        assert!(left > 0, "{phase}: there was something");
        create(&maker).await.unwrap();
        assert_eq!(storage.uploads(), [""; 0], "{phase}");
        assert_eq!(good(&maker).await.len(), before + 1);
        assert_eq!(storage.objects().len(), 2 * (before + 1));
        scene.is_clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_one_and_nothing_is_left() {
    let scene = Scene::with(BYTES).await;
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = until(&scene, "copying").expect("copying takes a while");
        let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        scene.is_clear();
        assert_eq!(scene.names("state/backups"), [""; 0]);
    }
}

/// A running Probity that makes a backup, seen at the step `phase`; killed if the test fails before it ends.
struct Making(Child);

impl Making {
    async fn until(scene: &Scene, phase: &str) -> Self {
        let mut making = Self(
            Command::new(env!("CARGO_BIN_EXE_probity"))
                .args(["run", "--listen", "127.0.0.1:0", "--state", "state"])
                .args(["--probes", "none"])
                .current_dir(&scene.place)
                .env_clear()
                .envs(VARIABLES)
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let lines = BufReader::new(making.0.stderr.take().unwrap()).lines();
        let (sender, address) = std::sync::mpsc::channel();
        // Reads on, so that the program never waits for room for what it says.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("http://") {
                    let address = rest.split('/').next().unwrap().parse();
                    let _heard = address.map(|address| sender.send(address));
                }
            }
        });
        let address = address.recv_timeout(PATIENCE).unwrap();
        let mut client = Client::connect(address).await;
        client
            .send("POST /api/v1/backups HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            .await;
        let begun = client.answer().await;
        assert_eq!(begun.status, 202, "{}", begun.text());
        let began = Instant::now();
        loop {
            let told = client.get("/api/v1/backups").await.json();
            let running = &told["running"];
            assert!(running.is_object(), "{phase} went by unseen: {told}");
            if running["progress"]["phase"] == phase {
                return making;
            }
            assert!(began.elapsed() < PATIENCE, "{told}");
        }
    }

    fn terminate(mut self) {
        let id = Pid::from_raw(self.0.id().try_into().unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // Already gone unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_a_program_that_is_terminated_gives_its_backup_up_and_leaves_nothing() {
    let scene = Scene::with(BYTES).await;
    Making::until(&scene, "copying").await.terminate();
    scene.is_clear();
    assert_eq!(scene.names("state/backups"), [""; 0]);

    let storage = Storage::start(&scene).await;
    let proxy = Proxy::start(storage.address).await;
    let endpoint = format!("http://{}", proxy.address);
    write_config(&scene.place.path().join("probity.toml"), &endpoint);
    for (phase, kind) in [("packing", Kind::Part), ("verifying", Kind::Read)] {
        // So that the step is seen.
        proxy.plan(move |seen, _| match seen == kind {
            true => Fault::Slow(Duration::from_secs(2)),
            false => Fault::Pass,
        });
        Making::until(&scene, phase).await.terminate();
        assert_eq!(storage.objects(), [""; 0], "{phase}");
        assert_eq!(storage.uploads(), [""; 0], "{phase}");
        scene.is_clear();
    }
}
