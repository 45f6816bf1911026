//! Who started this process and keeps it running, from the environment of the start and the control group.
//!
//! What was inherited proves nothing by itself: a cron job carries cron's own `INVOCATION_ID`. So systemd counts only
//! when it names this process or its parent, or gave it a socket to report to.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::model::SupervisorFacts;

use super::kernel_file::KernelFile;
use super::scan::{lines, number, text};
use super::{Machine, SamplerError};

/// `systemctl` answers in 20 ms; a bus that hangs must not hold up the start.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_POLL: Duration = Duration::from_millis(5);

/// Finds the supervisor. Evidence that names this process comes before evidence that names its container.
///
/// # Errors
/// A file of /proc that is there and cannot be read.
pub(super) fn detect(machine: &Machine) -> Result<SupervisorFacts, SamplerError> {
    let evidence = Evidence::gather(machine)?;
    Ok(pm2(machine)
        .or_else(|| systemd(machine, &evidence))
        .or_else(|| container(machine, &evidence))
        .or_else(|| launchd(machine))
        .unwrap_or_else(|| facts("none", None)))
}

/// What /proc tells of this process' surroundings.
#[derive(Debug, Default)]
struct Evidence {
    /// The control group's path: version 2's, or systemd's own of version 1.
    group: String,
    /// The same of process 1, which in a container is the container's.
    first_group: String,
    /// The lines of the mount table that a container runtime writes.
    mounts: String,
}

impl Evidence {
    fn gather(machine: &Machine) -> Result<Self, SamplerError> {
        let read = |path: &str| -> Result<String, SamplerError> {
            let mut file = KernelFile::open(machine.proc(path))?;
            Ok(file.read()?.map(text).unwrap_or_default())
        };
        Ok(Self {
            group: group_path(&read("self/cgroup")?),
            first_group: read("1/cgroup")?,
            mounts: lent_mounts(&read("self/mountinfo")?),
        })
    }

    fn mentions(&self, word: &str) -> bool {
        [&self.group, &self.first_group, &self.mounts]
            .iter()
            .any(|text| text.contains(word))
    }
}

fn facts(kind: &'static str, name: Option<String>) -> SupervisorFacts {
    SupervisorFacts {
        kind,
        name,
        ..SupervisorFacts::default()
    }
}

/// pm2 hands its own record of the process over as variables.
fn pm2(machine: &Machine) -> Option<SupervisorFacts> {
    machine.variable("pm_id")?;
    machine.variable("PM2_HOME")?;
    let restarts = machine.variable("restart_time");
    Some(SupervisorFacts {
        restarts: restarts.and_then(|count| number(count.as_bytes())),
        ..facts("pm2", machine.variable("name").map(str::to_owned))
    })
}

fn systemd(machine: &Machine, evidence: &Evidence) -> Option<SupervisorFacts> {
    machine.variable("INVOCATION_ID")?;
    let named = machine.variable("SYSTEMD_EXEC_PID").map(is_own_or_parent);
    let reports = machine.variable("NOTIFY_SOCKET").is_some();
    let unit = unit_of(&evidence.group);
    // Before version 248 systemd did not name the process it started; there the unit has to do.
    if !(reports || named.unwrap_or(unit.is_some())) {
        return None;
    }
    let mut found = facts("systemd", unit.clone());
    if let Some(unit) = unit {
        let answer = ask_systemd(&unit, evidence.group.contains("/user@"));
        (found.status, found.restarts) = read_answer(&answer.unwrap_or_default());
    }
    Some(found)
}

fn is_own_or_parent(pid: &str) -> bool {
    let own = std::process::id().to_string();
    let parent = std::os::unix::process::parent_id().to_string();
    pid == own || pid == parent
}

/// Container runtimes leave their names in control groups and in the mounts they lend to a container.
fn container(machine: &Machine, evidence: &Evidence) -> Option<SupervisorFacts> {
    let hostname = || machine.variable("HOSTNAME").map(str::to_owned);
    if machine.variable("KUBERNETES_SERVICE_HOST").is_some() {
        let pod = machine.variable("POD_NAME").map(str::to_owned);
        return Some(facts("kubernetes", pod.or_else(hostname)));
    }
    if evidence.mentions("kubepods") || evidence.mentions("/kubelet/pods/") {
        return Some(facts("kubernetes", hostname()));
    }
    let docker = machine.root.join(".dockerenv").exists()
        || evidence.mentions("/docker/")
        || evidence.group.contains("/docker-");
    if docker {
        return Some(facts("docker", container_id(evidence).or_else(hostname)));
    }
    evidence
        .mentions("containerd")
        .then(|| facts("containerd", container_id(evidence).or_else(hostname)))
}

fn launchd(machine: &Machine) -> Option<SupervisorFacts> {
    // A shell that launchd started says `0`.
    let service = machine.variable("XPC_SERVICE_NAME")?;
    (service != "0").then(|| facts("launchd", Some(service.to_owned())))
}

/// The 64 hexadecimal digits by which docker and containerd call a container, as its first twelve.
fn container_id(evidence: &Evidence) -> Option<String> {
    let is_id = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = |text: &str| {
        let found = text
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .find(is_id);
        found.map(|id| id[..12].to_owned())
    };
    words(&evidence.group).or_else(|| {
        // Layers of an image have names of the same form, and are not it.
        let mut lent = evidence.mounts.lines();
        words(lent.find(|line| line.contains("/containers/"))?)
    })
}

/// What a runtime mounts into every container. Elsewhere in the table its words prove nothing: a machine that runs
/// containers sees their mounts, too.
fn lent_mounts(table: &str) -> String {
    let lent = ["/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
    let is_lent = |line: &&str| {
        line.split(' ')
            .nth(4)
            .is_some_and(|point| lent.contains(&point))
    };
    table.lines().filter(is_lent).collect::<Vec<_>>().join("\n")
}

/// The path of this process' control group in /proc/self/cgroup: version 2 has number 0, and where both versions are
/// mounted systemd keeps its own under a name.
fn group_path(text: &str) -> String {
    let paths = |prefix: &str| {
        let line = lines(text.as_bytes())
            .filter_map(|(_, line)| std::str::from_utf8(line).ok())
            .find_map(|line| line.strip_prefix(prefix).map(str::to_owned));
        line.filter(|path| path != "/")
    };
    let named = text
        .lines()
        .find_map(|line| line.split_once(":name=systemd:"));
    paths("0::")
        .or_else(|| named.map(|(_, path)| path.to_owned()))
        .unwrap_or_default()
}

/// The service that a control group belongs to.
fn unit_of(group: &str) -> Option<String> {
    let unit = group.rsplit('/').find(|part| part.ends_with(".service"))?;
    // `user@1000.service` is the user's manager, not a program of its own.
    (!unit.starts_with("user@")).then(|| unit.to_owned())
}

/// The unit's state and restarts as `systemctl show` prints them; nothing when the tool is missing, fails or hangs.
fn ask_systemd(unit: &str, of_user: bool) -> Option<String> {
    let scope = if of_user { "--user" } else { "--system" };
    let mut child = Command::new("systemctl")
        .args([
            scope,
            "show",
            "--property=ActiveState,SubState,NRestarts",
            "--",
            unit,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    while let Ok(None) = child.try_wait() {
        if Instant::now() >= deadline {
            // Killing fails when it has just ended; it is waited for in any case.
            let killed = child.kill();
            child.wait().and(killed).ok()?;
            return None;
        }
        std::thread::sleep(ANSWER_POLL);
    }
    // It has ended; its three lines wait in the pipe.
    let output = child.wait_with_output().ok()?;
    (output.status.success()).then(|| text(&output.stdout))
}

/// State as `active (running)`, and restarts.
fn read_answer(answer: &str) -> (Option<String>, Option<u64>) {
    let value = |key: &str| {
        let mut pairs = answer.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let status = match (value("ActiveState"), value("SubState")) {
        (Some(active), Some(sub)) => Some(format!("{active} ({sub})")),
        _ => None,
    };
    let restarts = value("NRestarts").and_then(|count| number(count.as_bytes()));
    (status, restarts)
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
