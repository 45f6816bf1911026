//! A probe host whose compiler is a child, with a state folder of its own or a shared one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity::model::{ByteSize, Failure, ProbeIdentity, Tally};
use probity::probe::{
    Candidate, CompileConfig, CompileTally, Compiler, Config, Loaded, Probe, ProbeConfig,
    ProbeHost, Surroundings, load,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::guest::Guest;

/// Nothing here takes longer, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Bench {
    pub host: Arc<ProbeHost>,
    pub state: PathBuf,
    config: Config,
    tally: Tally,
    folder: tempfile::TempDir,
}

impl Bench {
    /// With a child and the limits that are the default.
    pub fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// With these limits.
    pub fn limited(limits: CompileConfig) -> Self {
        Self::with(|config, _| config.compile = limits)
    }

    /// With whatever the caller changes.
    pub fn with(change: impl FnOnce(&mut Config, &mut Surroundings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        Self::open(folder, state, change)
    }

    /// A further host on the state folder of this one.
    pub fn again(&self, change: impl FnOnce(&mut Config, &mut Surroundings)) -> Self {
        Self::open(tempfile::tempdir().unwrap(), self.state.clone(), change)
    }

    fn open(
        folder: tempfile::TempDir,
        state: PathBuf,
        change: impl FnOnce(&mut Config, &mut Surroundings),
    ) -> Self {
        let mut tally = Tally::default();
        let mut config = Config::default();
        let mut around = Surroundings {
            cache: Some(state.join("compiled")),
            attempts: Some(state.join("compiling")),
            compiler: Compiler::Child(env!("CARGO_BIN_EXE_probity").into()),
            compile_tally: CompileTally::new(&mut tally),
            ..Surroundings::default()
        };
        change(&mut config, &mut around);
        Self {
            host: ProbeHost::new(&config, around).unwrap(),
            state,
            config,
            tally,
            folder,
        }
    }

    /// Loads bytes as a probe.
    pub fn load(&self, bytes: &[u8]) -> Result<Box<Probe>, Failure> {
        match self.try_load(bytes) {
            Loaded::Fit(version) => Ok(Box::new(Probe::new(version))),
            Loaded::Rejected(_, failure) => Err(Failure::clone(&failure)),
        }
    }

    fn try_load(&self, bytes: &[u8]) -> Loaded {
        let name = format!("p{}", blake3::hash(bytes).to_hex());
        let file = self.folder.path().join(format!("{}.wasm", &name[..60]));
        // Another thread may be reading it.
        let mut written = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap();
        written.write_all(bytes).unwrap();
        written.persist(&file).unwrap();
        let candidate = Candidate {
            name: name[..60].into(),
            file,
            generation: 1,
        };
        load(
            &self.host,
            &candidate,
            &self.config,
            &ProbeConfig::unmentioned(&candidate.name),
        )
    }

    /// Who a good probe turned out to be.
    pub fn identity(&self, bytes: &[u8]) -> Arc<ProbeIdentity> {
        self.load(bytes).unwrap().identity().clone()
    }

    /// Whether these bytes, which are no probe, were compiled without complaint.
    pub fn compiles(&self, bytes: &[u8]) -> bool {
        let failure = self.load(bytes).err().unwrap();
        failure.code == "component.export"
    }

    /// Expects a refusal with this code and these words.
    pub fn refuses(&self, bytes: &[u8], code: &str, words: &[&str]) {
        let failure = self.load(bytes).err().expect(code);
        assert_eq!(failure.code, code, "{failure}");
        for word in words {
            assert!(
                failure.message.contains(word),
                "{word:?} is not in {failure}"
            );
        }
        assert!(failure.message.len() <= 1100, "{failure}");
    }

    /// A counter of compiling, by its metric's name without `probity_`, and its label.
    pub fn count(&self, name: &str, label: Option<&str>) -> u64 {
        let found = self.tally.entries().iter().find(|entry| {
            entry.name == format!("probity_{name}")
                && entry.label.as_ref().map(|(_, value)| &**value) == label
        });
        found.expect(name).counter.get()
    }

    /// Has a compile of `bytes` going on in a thread, and its child killed with `signal` as soon as it is there. Gives
    /// what came of the compile.
    pub fn killed(&self, bytes: &[u8], signal: Signal) -> Failure {
        std::thread::scope(|scope| {
            let compile = scope.spawn(|| self.load(bytes).err().unwrap());
            let child = until("the child works", || self.child());
            kill_process(child, signal).unwrap();
            compile.join().unwrap()
        })
    }

    /// The compiling child that was told this bench's stack, which is its mark among those of other tests.
    pub fn child(&self) -> Option<Pid> {
        let mark = format!("--stack={}", self.config.stack.0);
        compilers().into_iter().find_map(|(pid, command)| {
            let own = command.contains(&mark) && command.contains(&own_parent());
            (own && is_limited(pid)).then_some(pid)
        })
    }

    /// A stack that no other test's host has, so that [`Bench::child`] finds the right one.
    pub fn marked(config: &mut Config, mark: u64) {
        config.stack = ByteSize((256 << 10) + 4096 * mark);
    }
}

fn own_parent() -> String {
    format!("--parent={}", std::process::id())
}

/// The command lines of all compiling processes on the machine.
pub fn compilers() -> Vec<(Pid, String)> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let compiler = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        command
            .contains(" compile-component ")
            .then_some((Pid::from_raw(pid)?, command))
    };
    entries.filter_map(|entry| compiler(entry.ok()?)).collect()
}

/// Whether a compiling process has put itself under its limits: its name is the last of it but the priority.
pub fn is_limited(pid: Pid) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    name.is_ok_and(|name| name.trim() == "probity-compile")
}

/// Asks until there is an answer.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A good probe, different for each name.
pub fn good(name: &str) -> Vec<u8> {
    Guest::new().text("name", name).build()
}

/// The files in a folder with this ending.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect()
}
