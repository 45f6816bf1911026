//! A running program, as its user and its supervisor see it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_probity");
/// Nothing here takes longer, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; killed if the test fails before it ends.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    pub said: Vec<String>,
    lines: std::io::Lines<Box<dyn BufRead + Send>>,
    _folder: Option<tempfile::TempDir>,
}

impl Program {
    /// Starts it on a free port, in a folder of its own, and reads its log up to the address.
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        Self::begin(&path, Some(folder), arguments)
    }

    /// The same in this folder.
    pub fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        Self::begin(folder, None, arguments)
    }

    fn begin(folder: &Path, own: Option<tempfile::TempDir>, arguments: &[&str]) -> Self {
        let mut child = command(folder)
            .args(["run", "--listen", "127.0.0.1:0", "--state", "state"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log: Box<dyn BufRead + Send> = Box::new(BufReader::new(child.stderr.take().unwrap()));
        let mut lines = log.lines();
        let mut said = Vec::new();
        let address = loop {
            let line = lines.next().expect("it says where it listens").unwrap();
            said.push(line.clone());
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        Self {
            child,
            address,
            said,
            lines,
            _folder: own,
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Reads the log until a line holds `words`.
    pub fn until_said(&mut self, words: &str) {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.said.push(line.clone());
            if line.contains(words) {
                return;
            }
        }
        panic!("it ended without saying {words:?}: {:#?}", self.said);
    }

    /// Closes the reader's end of its log.
    pub fn close_log(&mut self) {
        let nothing: Box<dyn BufRead + Send> = Box::new(std::io::empty());
        self.lines = nothing.lines();
    }

    /// The status code and body of one GET.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(self.address, path)
    }

    /// Asks until the answer is 200.
    pub fn until_ready(&self) {
        let began = Instant::now();
        while self.get("/readyz").0 != 200 {
            assert!(
                began.elapsed() < PATIENCE,
                "{:?}",
                self.get("/readyz?verbose")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end and reads what it says until then.
    pub fn exit_code(self) -> Option<i32> {
        self.ended().0
    }

    /// [`Program::exit_code`], and everything it said.
    pub fn ended(mut self) -> (Option<i32>, Vec<String>) {
        for line in self.lines.by_ref() {
            self.said.push(line.unwrap());
        }
        (self.until_gone(), std::mem::take(&mut self.said))
    }

    /// Waits for its end, and reads nothing.
    pub fn until_gone(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end: {:#?}", self.said);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already gone unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program in a folder of its own, with nothing of this environment.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// The status code and body of one GET.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}
