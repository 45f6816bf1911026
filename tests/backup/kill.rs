//! S14: a backup that is killed at any of its steps leaves nothing half that counts, and the next one clears it away.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use probity::backup::{Chosen, Config, Maker, State};
use rustix::process::{Pid, Signal, kill_process};

use crate::command::program;
use crate::proxy::{Fault, Kind, Proxy};
use crate::storage::{Storage, VARIABLES, maker, write_config};
use crate::wire::Client;
use crate::{PATIENCE, Scene, create, good, names, restore, rows, take_whole, verify};

/// Steps that take long enough to be seen.
const PHASES: [&str; 4] = ["copying", "checking", "packing", "verifying"];
/// So large that each of them does.
const BYTES: usize = 24 << 20;
/// So often at most a step is tried for that went by before it was seen, or before the signal came.
const TRIES: usize = 4;

/// One that uses the folder that the command uses by itself, and that folder.
fn maker_of_the_state(scene: &Scene) -> (Maker, PathBuf) {
    let folder = scene.state().join("backups");
    let config = Config {
        folder: Some(folder.clone()),
        ..scene.config()
    };
    (scene.maker_of(&config, None), folder)
}

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

/// Kills a backup at a step, and gives how many good ones there were before. Nothing if each went past the step before it was killed.
async fn killed(scene: &Scene, maker: &Maker, phase: &str) -> Option<usize> {
    for _ in 0..TRIES {
        let before = good(maker).await;
        let Some(child) = until(scene, phase) else {
            continue;
        };
        kill(child);
        let entries = maker.shelf().entries().await.unwrap();
        let whole = entries.iter().filter(|entry| entry.state == State::Good);
        let mut new = whole.filter(|entry| !before.contains(&entry.id));
        let Some(entry) = new.next() else {
            return Some(before.len());
        };
        assert!(new.next().is_none(), "{phase}");
        // It counts, so it has to be whole.
        let chosen = Chosen::by_id(maker.shelf(), entry.id).await.unwrap();
        verify(chosen).await.unwrap();
        maker.clear().await.unwrap();
        scene.is_clear();
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_a_kill_at_any_step_leaves_nothing_that_counts() {
    let scene = Scene::with(BYTES).await;
    let (maker, _) = maker_of_the_state(&scene);
    let mut kills = 0;
    for phase in PHASES {
        let Some(before) = killed(&scene, &maker, phase).await else {
            continue;
        };
        kills += 1;
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
    let proxy = Proxy::start(storage.address).await;
    let endpoint = format!("http://{}", proxy.address);
    write_config(&scene.place.path().join("probity.toml"), &endpoint);
    let maker = maker(&scene, proxy.address);
    for (phase, held) in [("packing", (Kind::Part, 1)), ("verifying", (Kind::Read, 0))] {
        let before = good(&maker).await.len();
        // So that it is at the step until it is killed; those of the next one are not held.
        proxy.plan(move |seen, number| match (seen, number) == held {
            true => Fault::Held,
            false => Fault::Pass,
        });
        let child = until(&scene, phase).expect("it is held there");
        proxy.until(held).await;
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
    let (maker, folder) = maker_of_the_state(&scene);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut ended = None;
        for _ in 0..TRIES {
            let child = until(&scene, "copying");
            let status = child.and_then(|child| signalled(child, signal));
            scene.is_clear();
            // One that was whole before the signal says nothing.
            if !take_whole(&maker, &folder).await {
                ended = status;
                break;
            }
        }
        assert_eq!(ended, Some(code));
        assert_eq!(names(&folder), [""; 0]);
    }
}

/// Sends a signal, and waits for the end.
fn signalled(mut child: Child, signal: Signal) -> Option<i32> {
    let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(id, signal).unwrap();
    child.wait().unwrap().code()
}

/// A running Probity that makes a backup, seen at a step; killed if the test fails before it ends.
struct Making(Child);

impl Making {
    /// Nothing if the step went by unseen.
    async fn until(scene: &Scene, phase: &str) -> Option<Self> {
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
            if running["progress"]["phase"] == phase {
                return Some(making);
            }
            if !running.is_object() {
                making.terminate();
                return None;
            }
            assert!(began.elapsed() < PATIENCE, "{told}");
        }
    }

    fn terminate(mut self) {
        let id = Pid::from_raw(self.0.id().try_into().unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }

    /// One that is terminated at a step is given up, and nothing is left of it in `folder`, which `maker` uses.
    async fn is_given_up(scene: &Scene, phase: &str, maker: &Maker, folder: &Path) {
        for _ in 0..TRIES {
            let making = Self::until(scene, phase).await;
            let is_seen = making.map(Self::terminate).is_some();
            scene.is_clear();
            // One that was whole before the end says nothing.
            if !take_whole(maker, folder).await {
                assert!(is_seen, "{phase}: it failed");
                return assert_eq!(names(folder), [""; 0], "{phase}");
            }
        }
        panic!("{phase}: none is given up");
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
    let (own, folder) = maker_of_the_state(&scene);
    Making::is_given_up(&scene, "copying", &own, &folder).await;

    let storage = Storage::start(&scene).await;
    let proxy = Proxy::start(storage.address).await;
    let endpoint = format!("http://{}", proxy.address);
    write_config(&scene.place.path().join("probity.toml"), &endpoint);
    let (maker, folder) = (maker(&scene, proxy.address), storage.object(""));
    for (phase, kind) in [("packing", Kind::Part), ("verifying", Kind::Read)] {
        // So that the step is seen.
        proxy.plan(move |seen, _| match seen == kind {
            true => Fault::Slow(Duration::from_secs(2)),
            false => Fault::Pass,
        });
        Making::is_given_up(&scene, phase, &maker, &folder).await;
        assert_eq!(storage.uploads(), [""; 0], "{phase}");
    }
}
