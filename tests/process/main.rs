//! The program as a process: what it says first, how it ends, and what it does with the standard probes.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "../support/guest.rs"]
#[allow(dead_code, reason = "the log's tests need little of it")]
mod guest;
mod kill;
mod log;
mod program;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use program::{PATIENCE, PROGRAM, Program, command};
use rustix::process::{Pid, Signal, kill_process};

/// The committed probes, or those that CI has just built from their sources.
fn probes() -> String {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/probes");
    std::env::var("PROBITY_TEST_PROBES").unwrap_or_else(|_| committed.to_owned())
}

#[test]
fn the_standard_probes_are_served_beside_a_damaged_copy() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["saturation", "sockets", "files"] {
        std::fs::copy(
            format!("{}/{name}.wasm", probes()),
            folder.path().join(format!("{name}.wasm")),
        )
        .unwrap();
    }
    let mut damaged = std::fs::read(format!("{}/saturation.wasm", probes())).unwrap();
    let middle = damaged.len() / 2;
    damaged[8] ^= 0xff;
    damaged[middle] ^= 0xff;
    std::fs::write(folder.path().join("damaged.wasm"), damaged).unwrap();

    let program = Program::start(&["--probes", folder.path().to_str().unwrap()]);
    program.until_ready();
    let (status, body) = program.get("/snapshot");
    let snapshot: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    let state = |name: &str| {
        let probes = snapshot["probes"].as_array().unwrap();
        probes.iter().find(|probe| probe["name"] == name).unwrap()["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(state("damaged"), "rejected");
    for name in ["saturation", "sockets", "files"] {
        assert!(
            ["active", "dormant"].contains(&state(name).as_str()),
            "{name}: {body}"
        );
        let described = snapshot["probes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|probe| probe["name"] == name)
            .unwrap();
        assert!(described["failures"] == 0, "{described}");
    }
    let (_, metrics) = program.get("/metrics");
    for name in ["saturation", "sockets"] {
        assert!(
            metrics.contains(&format!("probe=\"{name}\"")),
            "no metric of {name}"
        );
    }
}

#[test]
fn the_first_lines_say_what_is_sampled_where_to_look_and_what_to_do_next() {
    let mut program = Program::start(&["--probes", "none"]);
    program.until_said("next: ");
    let said = program.said.join("\n");
    for words in [
        "sampling cpu, memory",
        "probes from none",
        "/snapshot",
        "/metrics",
        "/readyz?verbose",
    ] {
        assert!(said.contains(words), "{words:?} is not in\n{said}");
    }
    // Off a terminal every line is a JSON object.
    for line in &program.said {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["message"].is_string()
                && line["level"].is_string()
                && line["timestamp"].is_string()
        );
    }
}

#[test]
fn p01_sigterm_drains_with_connections_open() {
    let program = Program::start(&["--probes", "none"]);
    program.until_ready();
    let idle = TcpStream::connect(program.address).unwrap();
    let mut kept = TcpStream::connect(program.address).unwrap();
    kept.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut first = [0; 15];
    kept.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code(), Some(0));
    drop(idle);
}

/// A request under way, of which the program has the head and waits for the body: it asked for that.
fn half_a_request(program: &Program) -> TcpStream {
    let mut half = TcpStream::connect(program.address).unwrap();
    half.set_read_timeout(Some(PATIENCE)).unwrap();
    half.write_all(
        b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
          Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
    )
    .unwrap();
    let mut asked = [0; 21];
    half.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue");
    half
}

#[test]
fn p02_a_second_sigterm_ends_at_once() {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        &config,
        "[server]\ndrain_timeout = \"5m\"\nbody_timeout = \"5m\"\n",
    )
    .unwrap();
    let mut program = Program::start(&[
        "--probes",
        "none",
        "--config",
        config.path().to_str().unwrap(),
    ]);
    program.until_ready();
    // A request that never ends holds the drain up for longer than the test waits.
    let _half = half_a_request(&program);
    program.signal(Signal::TERM);
    program.until_said("draining");
    program.signal(Signal::TERM);
    let code = program.exit_code();
    // 0 only if the drain had nothing to wait for before the second signal came.
    assert_eq!(code, Some(1));
}

#[test]
fn p01_a_request_that_is_cut_off_is_no_clean_end() {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        &config,
        "[server]\ndrain_timeout = \"100ms\"\nbody_timeout = \"5m\"\n",
    )
    .unwrap();
    let config = config.path().to_str().unwrap();
    let program = Program::start(&["--probes", "none", "--config", config]);
    program.until_ready();
    let _half = half_a_request(&program);
    program.signal(Signal::TERM);
    let (code, said) = program.ended();
    assert_eq!(code, Some(1), "{said:#?}");
    // On a slow machine the server itself is late.
    let cut = said.iter().any(|line| {
        ["requests", "http"]
            .iter()
            .any(|what| line.contains(&format!("not drained in time: {what}")))
    });
    assert!(cut, "{said:#?}");
}

#[test]
fn a_sighup_is_noted_and_ends_nothing() {
    let mut program = Program::start(&["--probes", "none"]);
    program.until_ready();
    program.signal(Signal::HUP);
    program.until_said("the configuration is read at the start only");
    assert_eq!(program.get("/livez").0, 200);
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn p05_a_closed_standard_output_and_error_do_not_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "exec {PROGRAM} run --listen 127.0.0.1:{port} --probes none --state state >&- 2>&-"
        ))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let answered = loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            write!(
                stream,
                "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            break answer;
        }
        assert!(began.elapsed() < PATIENCE, "it does not listen");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    kill_process(
        Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
        Signal::TERM,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn c06_a_port_in_use_ends_with_69_and_the_next_step() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path())
        .args([
            "run",
            "--listen",
            &taken.local_addr().unwrap().to_string(),
            "--state",
            "state",
        ])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(
        said.contains("already in use") && said.contains("--listen"),
        "{said}"
    );
}

#[test]
fn s10_a_second_start_on_the_folder_ends_with_75_also_when_the_port_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let first = Program::start_in(folder.path(), &["--probes", "none"]);
    let address = first.address.to_string();
    let output = command(folder.path())
        .args(["run", "--listen", &address, "--state", "state"])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("in use by another instance"), "{said}");
}
