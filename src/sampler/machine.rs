//! The machine to be sampled: where its files are, its event loop, and the environment of the start.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio::runtime::Handle;

/// Environment variables by which supervisors announce themselves; no other is kept, for others hold secrets.
const VARIABLES: [&str; 11] = [
    "INVOCATION_ID",
    "NOTIFY_SOCKET",
    "SYSTEMD_EXEC_PID",
    "KUBERNETES_SERVICE_HOST",
    "POD_NAME",
    "HOSTNAME",
    "PM2_HOME",
    "pm_id",
    "name",
    "restart_time",
    "XPC_SERVICE_NAME",
];

/// What the samplers look at. Tests give a tree of their own as `root`.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The root under which `proc`, `sys` and the mounted file systems lie.
    pub root: PathBuf,
    /// The event loop to be measured; its runtime must have time enabled.
    pub event_loop: Handle,
    /// The variables of the start that tell of a supervisor, by name.
    pub environment: BTreeMap<String, String>,
    /// The program that asks systemd; a plain name is looked for in the `PATH`.
    pub systemctl: PathBuf,
    /// The program that asks pm2, likewise.
    pub pm2: PathBuf,
    /// Where pm2 keeps its daemon's process id, where that is known.
    pub pm2_home: Option<PathBuf>,
    /// When the program started, for the uptime where /proc does not tell.
    pub started: Instant,
}

impl Machine {
    /// The machine this program runs on. Reads the environment, so it is made once, at the start.
    pub fn local(event_loop: Handle) -> Self {
        let environment = VARIABLES
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), text(&std::env::var_os(name)?))))
            .collect();
        Self {
            root: "/".into(),
            event_loop,
            environment,
            systemctl: "systemctl".into(),
            pm2: "pm2".into(),
            pm2_home: pm2_home(),
            started: Instant::now(),
        }
    }

    /// A file of /proc.
    pub(super) fn proc(&self, path: &str) -> PathBuf {
        self.root.join("proc").join(path)
    }

    /// A file of /sys.
    pub(super) fn sys(&self, path: &str) -> PathBuf {
        self.root.join("sys").join(path)
    }

    /// A path as the machine's mount table writes it, absolute there, as it is reached from here.
    pub(super) fn mounted(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let value = self.environment.get(name)?;
        (!value.is_empty()).then_some(value)
    }
}

/// Where pm2 keeps its things, as it finds that folder itself.
fn pm2_home() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || folder("HOME").map(|home| Path::new(&home).join(".pm2"));
    folder("PM2_HOME").map(PathBuf::from).or_else(home)
}

fn text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}
