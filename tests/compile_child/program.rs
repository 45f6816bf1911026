//! The whole program, killed while it compiles.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{compilers, files, good, is_limited, until};
use crate::bomb;

/// The program on a probe folder and a state folder; killed if the test fails before it ends.
struct Program {
    child: Child,
    log: std::path::PathBuf,
}

impl Program {
    fn start(folder: &Path, program: &Path, settings: &[(&str, &str)]) -> Self {
        let log = folder.join("log");
        let child = Command::new(program)
            .args([
                "run",
                "--listen",
                "127.0.0.1:0",
                "--state",
                "state",
                "--probes",
                "probes",
            ])
            .current_dir(folder)
            .env_clear()
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// Waits until a line of the log holds all of these words.
    fn until_said(&self, words: &[&str]) {
        let said = || fs::read_to_string(&self.log).unwrap();
        until(&format!("{words:?}"), || {
            let found = said()
                .lines()
                .any(|line| words.iter().all(|word| line.contains(word)));
            found.then_some(())
        });
    }

    /// A compiling child of it that has put itself under its limits.
    fn compiler(&self) -> Option<Pid> {
        let parent = format!("--parent={} ", self.child.id());
        let own = |(pid, command): &(Pid, String)| {
            format!("{command} ").contains(&parent) && is_limited(*pid)
        };
        compilers().into_iter().find(own).map(|(pid, _)| pid)
    }

    /// The whole answer to a POST.
    fn post(&self, path: &str) -> String {
        let said = fs::read_to_string(&self.log).unwrap();
        let address = said.split("http://").nth(1).unwrap().split('/').next();
        let mut stream = TcpStream::connect(address.unwrap()).unwrap();
        let head = "Host: localhost\r\nConnection: close\r\nContent-Length: 0";
        write!(stream, "POST {path} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already gone unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder(probes: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("probes")).unwrap();
    for (name, bytes) in probes {
        fs::write(folder.path().join(format!("probes/{name}.wasm")), bytes).unwrap();
    }
    folder
}

fn own() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_probity"))
}

fn markers(folder: &Path) -> usize {
    files(&folder.join("state/compiling"), "tries").len()
}

#[test]
fn r25_after_kill_9_while_compiling_the_next_start_is_clean() {
    let folder = folder(&[("bomb", bomb::endless()), ("good", good("good"))]);
    let folder = folder.path();
    for _ in 0..2 {
        let mut program = Program::start(folder, own(), &[]);
        program.until_said(&["good", "asks for"]);
        until("it compiles the other", || program.compiler());
        assert_eq!(markers(folder), 1);
        program.end(Signal::KILL);
        until("the compiler is gone with its parent", || {
            program.compiler().is_none().then_some(())
        });
    }
    let mut program = Program::start(folder, own(), &[]);
    program.until_said(&["bomb", "rejected", "compile.skipped"]);
    program.until_said(&["good", "from the cache"]);
    assert_eq!(files(&folder.join("state/compiled"), "part").len(), 0);
    assert!(program.end(Signal::TERM).success());
    assert_eq!(markers(folder), 1);

    // An operator forces it: that it takes too long is a refusal, and no death.
    let limit = [("PROBITY__PROBES__COMPILE__WALL", "500ms")];
    let mut program = Program::start(folder, own(), &limit);
    program.until_said(&["bomb", "rejected", "compile.skipped"]);
    let answer = program.post("/api/v1/probes/bomb/reload");
    assert!(
        answer.contains(" 422 ") && answer.contains("compile.wall"),
        "{answer}"
    );
    assert_eq!(markers(folder), 0);
    assert!(program.end(Signal::TERM).success());
}

#[test]
fn p03_an_orderly_end_while_compiling_is_quick_and_no_death() {
    let folder = folder(&[("bomb", bomb::endless())]);
    let folder = folder.path();
    for _ in 0..3 {
        let mut program = Program::start(folder, own(), &[]);
        until("it compiles", || program.compiler());
        assert!(program.end(Signal::TERM).success());
        program.until_said(&["drained"]);
        assert_eq!(markers(folder), 0);
    }
}

#[test]
fn a_program_that_is_replaced_on_disk_still_compiles() {
    let folder = folder(&[("bomb", bomb::endless())]);
    let folder = folder.path();
    let copy = folder.join("copy");
    // By another process: what this one has open for writing while it starts others cannot be started.
    let copied = Command::new("cp").arg(own()).arg(&copy).status().unwrap();
    assert!(copied.success());
    let mut program = Program::start(folder, &copy, &[]);
    until("it compiles", || program.compiler());
    fs::remove_file(&copy).unwrap();
    fs::write(&copy, "#!/bin/false\n").unwrap();
    // It is compiled beside the other, which comes to no end.
    fs::write(folder.join("new"), good("good")).unwrap();
    fs::rename(folder.join("new"), folder.join("probes/good.wasm")).unwrap();
    program.until_said(&["good", "asks for"]);
    assert!(program.end(Signal::TERM).success());
}

#[test]
fn the_verb_is_hidden_and_refuses_to_work_for_nobody() {
    let help = Command::new(own()).arg("--help").output().unwrap();
    assert!(
        !String::from_utf8(help.stdout)
            .unwrap()
            .contains("compile-component")
    );
    let order = [
        "--stack=524288",
        "--memory=536870912",
        "--cpu=9",
        "--nice=10",
    ];
    let stranger = Command::new(own())
        .arg("compile-component")
        .args(order)
        .arg("--parent=1")
        .output()
        .unwrap();
    assert_eq!(stranger.status.code(), Some(69));
    assert_eq!(stranger.stderr, b"the process that asked is gone");
}
