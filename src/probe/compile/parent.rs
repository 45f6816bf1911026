//! The compiling process as its parent sees it: started, watched, and never left behind.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};

use super::MAX_ARTIFACT_BYTES;
use super::order::CompileOrder;

/// What the child may say; a refusal is one line. The rest is read and thrown away.
const MAX_WORDS_BYTES: usize = 16 * 1024;
/// How often it is looked whether the compile is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// How often a child that has closed its standard error is asked whether it is gone: it ends within microseconds.
const REAP: Duration = Duration::from_millis(1);

/// A compiling process. Killed and reaped when dropped.
pub(super) struct Running {
    child: Child,
    words: ChildStderr,
    artifact: File,
    deadline: Instant,
}

/// How it ended.
pub(super) struct Ended {
    /// Why the parent killed it, if it did.
    pub(super) cut: Option<Cut>,
    pub(super) status: ExitStatus,
    /// What it said on standard error, as far as that is kept.
    pub(super) words: String,
    /// What it wrote, if it ended well.
    pub(super) artifact: Vec<u8>,
}

/// Why a child was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Its wall time was over.
    Late,
    /// Nobody wants its work any more.
    Unwanted,
}

impl Running {
    /// Starts the process. Nothing of this process' environment and descriptors reaches it; the component and the code
    /// go through memory that both can reach, so that neither side waits for the other.
    ///
    /// The calling thread must be the one that waits: the child dies with it.
    ///
    /// # Errors
    /// The machine gives no process, descriptor or memory, or the program is not there.
    pub(super) fn start(
        program: &Path,
        order: &CompileOrder,
        threads: usize,
        component: &[u8],
        wall: Duration,
    ) -> io::Result<Self> {
        let mut input = memory_file("component")?;
        input.write_all(component)?;
        input.rewind()?;
        let artifact = memory_file("artifact")?;
        let mut child = Command::new(program)
            .arg0("probity")
            .args(order.arguments())
            .env_clear()
            // Each thread takes address space, and the limit should not depend on the number of cores.
            .env("RAYON_NUM_THREADS", threads.to_string())
            .current_dir("/")
            // A signal from the terminal is for the parent, which decides what becomes of the child.
            .process_group(0)
            .stdin(input)
            .stdout(artifact.try_clone()?)
            .stderr(Stdio::piped())
            .spawn()?;
        let words = child.stderr.take().expect("it was just asked for");
        Ok(Self {
            child,
            words,
            artifact,
            deadline: Instant::now() + wall,
        })
    }

    /// Waits for the end: its own, or at its wall limit, or when it is `unwanted`.
    ///
    /// # Errors
    /// It cannot be watched, or what it wrote cannot be read; it is gone then.
    pub(super) fn wait(mut self, unwanted: impl Fn() -> bool) -> io::Result<Ended> {
        let (cut, words) = self.listen(&unwanted)?;
        let (cut, status) = self.reap(cut, &unwanted)?;
        let mut artifact = Vec::new();
        if status.success() {
            self.artifact.rewind()?;
            let length = self.artifact.metadata()?.len().min(MAX_ARTIFACT_BYTES);
            artifact.reserve_exact(usize::try_from(length).unwrap_or(0) + 1);
            (&self.artifact)
                .take(MAX_ARTIFACT_BYTES)
                .read_to_end(&mut artifact)?;
        }
        Ok(Ended {
            cut,
            status,
            words: String::from_utf8_lossy(&words).into_owned(),
            artifact,
        })
    }

    /// Reads what it says until it closes its standard error, which mostly is its end.
    fn listen(&mut self, unwanted: &impl Fn() -> bool) -> io::Result<(Option<Cut>, Vec<u8>)> {
        let mut words = Vec::new();
        let mut piece = [0; 4096];
        loop {
            if let Some(cut) = self.cut(unwanted) {
                return Ok((Some(cut), words));
            }
            let wait = self
                .deadline
                .saturating_duration_since(Instant::now())
                .min(LOOK);
            if !readable(&self.words, wait)? {
                continue;
            }
            match self.words.read(&mut piece) {
                Ok(0) => return Ok((None, words)),
                Ok(length) => {
                    let room = MAX_WORDS_BYTES - words.len();
                    words.extend_from_slice(&piece[..length.min(room)]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn reap(
        &mut self,
        mut cut: Option<Cut>,
        unwanted: &impl Fn() -> bool,
    ) -> io::Result<(Option<Cut>, ExitStatus)> {
        loop {
            if cut.is_some() {
                self.child.kill()?;
                return Ok((cut, self.child.wait()?));
            }
            if let Some(status) = self.child.try_wait()? {
                return Ok((None, status));
            }
            thread::sleep(REAP);
            cut = self.cut(unwanted);
        }
    }

    fn cut(&self, unwanted: &impl Fn() -> bool) -> Option<Cut> {
        if unwanted() {
            Some(Cut::Unwanted)
        } else {
            (Instant::now() >= self.deadline).then_some(Cut::Late)
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a child that was reaped; one that cannot be killed is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether there is something to read, an end included, within `wait`.
fn readable(from: &ChildStderr, wait: Duration) -> io::Result<bool> {
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(from, PollFlags::IN)], Some(&wait)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A file without a name, in memory.
fn memory_file(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}
