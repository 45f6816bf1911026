//! Asking another program: bounded in time and in what it may say.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::model::{ByteSize, Span, printable};

/// How soon an answer's end or the program's own end is noticed.
const SLICE: Duration = Duration::from_millis(20);
/// How much of its complaint is told, in bytes.
const COMPLAINT_BYTES: usize = 200;

/// What an answer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the start of the program to its end.
    pub(super) time: Duration,
    /// What it may print.
    pub(super) bytes: usize,
}

/// Why there is no answer, or no whole one.
#[derive(Debug)]
pub(super) struct Refusal {
    /// In words.
    pub(super) reason: String,
    /// What the program printed all the same, where it ended by itself.
    pub(super) text: Option<Vec<u8>>,
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { reason, text: None }
    }
}

/// What the program printed.
///
/// # Errors
/// Why there is no answer: it could not be started, took too long, said too much, failed; or `stopped` was set.
pub(super) fn ask<S: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = S>,
    patience: Patience,
    stopped: &AtomicBool,
) -> Result<Vec<u8>, Refusal> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What it starts itself ends with it.
        .process_group(0)
        .spawn();
    let name = program.display();
    let mut child = child.map_err(|reason| format!("cannot start {name}: {reason}"))?;
    let answer = listen(&mut child, patience, stopped);
    if !matches!(
        answer,
        Ok(Heard {
            status: Some(_),
            ..
        })
    ) {
        end(&mut child).map_err(|reason| format!("cannot end {name}: {reason}"))?;
    }
    let heard = answer.map_err(|reason| format!("{name} {reason}"))?;
    match heard.status {
        Some(status) if !status.success() => {
            let complaint = complaint(child.stderr.take());
            Err(Refusal {
                reason: format!("{name} ended with {status}{complaint}"),
                text: Some(heard.text),
            })
        }
        _ => Ok(heard.text),
    }
}

/// What was heard, and how the program ended.
struct Heard {
    text: Vec<u8>,
    status: Option<ExitStatus>,
}

/// Hears the program out.
fn listen(child: &mut Child, patience: Patience, stopped: &AtomicBool) -> Result<Heard, String> {
    let deadline = Instant::now() + patience.time;
    let mut mouth = child.stdout.take().ok_or("has no output")?;
    let io = |reason: io::Error| format!("cannot be heard: {reason}");
    make_nonblocking(&mouth).map_err(io)?;
    let mut text = Vec::new();
    let mut open = true;
    loop {
        let status = child.try_wait().map_err(io)?;
        if open {
            open = hear(&mut mouth, &mut text, patience.bytes).map_err(io)?;
        }
        if text.len() > patience.bytes {
            let most = ByteSize(patience.bytes as u64);
            return Err(format!("said more than {most} and was ended"));
        }
        // It may leave others behind that hold its output open: its own end is the answer's.
        if status.is_some() {
            return Ok(Heard { text, status });
        }
        if stopped.load(Ordering::Relaxed) {
            return Err("was ended with this program".into());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let time = Span(patience.time);
            return Err(format!("did not answer within {time} and was ended"));
        }
        wait(open.then_some(&mouth), left.min(SLICE)).map_err(io)?;
    }
}

/// Reads what is there, up to a byte more than may be; false at its end.
fn hear(mouth: &mut ChildStdout, text: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    let mut piece = [0; 8192];
    while text.len() <= most {
        match mouth.read(&mut piece) {
            Ok(0) => return Ok(false),
            Ok(count) => text.extend_from_slice(&piece[..count]),
            Err(reason) if reason.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(reason) if reason.kind() == io::ErrorKind::Interrupted => {}
            Err(reason) => return Err(reason),
        }
    }
    Ok(true)
}

/// Waits until there is something to read, or for `time`.
fn wait(mouth: Option<&ChildStdout>, time: Duration) -> io::Result<()> {
    let Some(mouth) = mouth else {
        std::thread::sleep(time);
        return Ok(());
    };
    let time = Timespec::try_from(time).map_err(io::Error::other)?;
    let mut watched = [PollFd::new(mouth, PollFlags::IN)];
    match poll(&mut watched, Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(reason) => Err(reason.into()),
    }
}

fn make_nonblocking(pipe: &impl std::os::fd::AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(pipe)?;
    Ok(fcntl_setfl(pipe, flags | OFlags::NONBLOCK)?)
}

/// Kills it with everything it started, and waits for it.
fn end(child: &mut Child) -> io::Result<()> {
    match kill_process_group(Pid::from_child(child), Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(reason) => return Err(reason.into()),
    }
    child.wait().map(drop)
}

/// The first line of what it complained of.
fn complaint(stderr: Option<ChildStderr>) -> String {
    let mut line = [0; COMPLAINT_BYTES];
    let heard = stderr.and_then(|mut stderr| {
        make_nonblocking(&stderr).ok()?;
        stderr.read(&mut line).ok()
    });
    let text = String::from_utf8_lossy(&line[..heard.unwrap_or(0)]).into_owned();
    match text.lines().next().map(str::trim) {
        None | Some("") => String::new(),
        Some(first) => format!(": {}", printable(first, COMPLAINT_BYTES)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shell(script: &str, bytes: usize) -> Result<String, String> {
        let patience = Patience {
            time: Duration::from_secs(20),
            bytes,
        };
        let answer = ask(
            Path::new("/bin/sh"),
            ["-c", script],
            patience,
            &AtomicBool::new(false),
        );
        let text = answer.map(|text| String::from_utf8(text).unwrap());
        text.map_err(|refusal| refusal.reason)
    }

    #[test]
    fn what_is_printed_is_heard_whole() {
        assert_eq!(shell("echo one; echo two", 100), Ok("one\ntwo\n".into()));
        let long = shell(
            "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done",
            1 << 20,
        );
        assert_eq!(
            long.map(|text| text.len()),
            Ok(3000 * 41),
            "more than a pipe holds"
        );
    }

    #[test]
    fn one_that_leaves_others_behind_is_not_waited_for_longer() {
        // The one left behind holds the output open; waiting for that would take until the deadline.
        assert_eq!(
            shell("echo here; sleep 15 & exit 0", 100),
            Ok("here\n".into())
        );
    }

    #[test]
    fn why_there_is_no_answer_is_told() {
        let error = shell("echo 'no bus' >&2; exit 3", 100).unwrap_err();
        assert_eq!(error, "/bin/sh ended with exit status: 3: no bus");
        let error = shell("while :; do echo more; done", 1024).unwrap_err();
        assert_eq!(error, "/bin/sh said more than 1KiB and was ended");
        let nowhere = Path::new("/nowhere/systemctl");
        let patience = Patience {
            time: Duration::from_secs(1),
            bytes: 1,
        };
        let error = ask::<&str>(nowhere, [], patience, &AtomicBool::new(false)).unwrap_err();
        let error = error.reason;
        assert!(
            error.starts_with("cannot start /nowhere/systemctl: "),
            "{error}"
        );
    }

    #[test]
    fn one_that_hangs_is_ended_and_so_is_one_that_is_not_wanted_any_more() {
        let hang = |time, stopped| {
            let patience = Patience { time, bytes: 10 };
            let (program, arguments) = (Path::new("/bin/sh"), ["-c", "sleep 1000; echo"]);
            let answer = ask(program, arguments, patience, &AtomicBool::new(stopped));
            answer.unwrap_err().reason
        };
        let error = hang(Duration::from_millis(50), false);
        assert_eq!(error, "/bin/sh did not answer within 50ms and was ended");
        let error = hang(Duration::from_secs(1000), true);
        assert_eq!(error, "/bin/sh was ended with this program");
    }
}
