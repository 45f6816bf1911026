//! What pm2 says of its apps. Format: `pm2 jlist`, the list of its API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Deserialize;

use super::pid_file;
use super::question::{Patience, ask};
use super::sighting::{Found, Sighting};
use super::stat::Processes;
use crate::model::{WatchSupervisor, printable};
use crate::sampler::Machine;

/// `pm2` is a program of node's, which takes half a second to begin; its answer has the environment of every app.
const PATIENCE: Patience = Patience {
    time: Duration::from_secs(5),
    bytes: 8 << 20,
};
/// The longest word of pm2's that is shown.
const WORD_BYTES: usize = 64;

/// One process of pm2's list.
#[derive(Debug, Deserialize)]
struct App {
    name: String,
    #[serde(default)]
    pid: Option<u32>,
    #[serde(default)]
    pm2_env: Environment,
}

/// What pm2 keeps of it. The rest is the app's environment, which is nobody's business here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Environment {
    status: Option<String>,
    restart_time: Option<u64>,
    unstable_restarts: Option<u64>,
    version: Option<String>,
}

/// What pm2 says of each app, in their order, from one question.
///
/// # Errors
/// Why it does not answer.
pub(super) fn look(
    machine: &Machine,
    processes: &mut Processes,
    names: &[String],
    stopped: &AtomicBool,
) -> Result<Vec<Sighting>, String> {
    check_daemon(machine, processes)?;
    let answer = ask(&machine.pm2, ["jlist"], PATIENCE, stopped);
    let answer = answer.map_err(|refusal| refusal.reason)?;
    let apps = parse(&answer)?;
    let mut by_name: BTreeMap<&str, Vec<&App>> = BTreeMap::new();
    for app in &apps {
        by_name.entry(&app.name).or_default().push(app);
    }
    let sighting = |name: &String| match by_name.get(name.as_str()) {
        Some(apps) => sighting(name, apps),
        None => Sighting::none(format!("pm2 has no app `{name}`")),
    };
    Ok(names.iter().map(sighting).collect())
}

/// Whether pm2's daemon runs: asked without one, pm2 would start it.
fn check_daemon(machine: &Machine, processes: &mut Processes) -> Result<(), String> {
    let home = machine
        .pm2_home
        .as_ref()
        .ok_or("neither PM2_HOME nor HOME is set")?;
    let file = home.join("pm2.pid");
    let daemon = pid_file::look(&file, &machine.mounted(&file)).main;
    let named = daemon.and_then(|pid| processes.name(pid));
    // It calls itself `PM2 v5.3.0: God Daemon (/home/app/.pm2)`.
    match named {
        Some(name) if name.starts_with(b"PM2") => Ok(()),
        _ => Err(format!("pm2's daemon does not run for {}", home.display())),
    }
}

/// The list is one line; pm2 may say other things before it, some of which begin with a bracket too.
fn parse(answer: &[u8]) -> Result<Vec<App>, String> {
    let lines = answer.split(|byte| *byte == b'\n').rev();
    let mut lists = lines.filter(|line| line.trim_ascii_start().starts_with(b"["));
    let list = lists.find(|line| line.trim_ascii_end().ends_with(b"]"));
    let list = list.ok_or("`pm2 jlist` prints no list")?;
    serde_json::from_slice(list).map_err(|error| format!("cannot understand `pm2 jlist`: {error}"))
}

/// The processes of one app: one, or several in cluster mode, whose counts are added up.
fn sighting(name: &str, apps: &[&App]) -> Sighting {
    let pids: Vec<u32> = apps
        .iter()
        .filter_map(|app| app.pid)
        .filter(|pid| *pid > 0)
        .collect();
    let sum = |count: fn(&Environment) -> Option<u64>| {
        let counts = apps.iter().filter_map(|app| count(&app.pm2_env));
        counts.reduce(u64::saturating_add)
    };
    let word = |text: &String| printable(text, WORD_BYTES);
    // Of several the one that is not well speaks for all.
    let states = apps.iter().filter_map(|app| app.pm2_env.status.as_ref());
    let state = states
        .max_by_key(|state| state.as_str() != "online")
        .map(word);
    let shown = state.as_deref().unwrap_or("in no state");
    let found = if pids.is_empty() {
        Found::None(format!("`{name}` is {shown} in pm2").into())
    } else {
        Sighting::these(pids.clone())
    };
    let version = apps.iter().find_map(|app| app.pm2_env.version.as_ref());
    let supervisor = WatchSupervisor {
        kind: "pm2",
        restarts: sum(|app| app.restart_time),
        unstable_restarts: sum(|app| app.unstable_restarts),
        state,
        ..WatchSupervisor::default()
    };
    Sighting {
        main: (apps.len() == 1).then(|| pids.first().copied()).flatten(),
        supervisor: Some(Arc::new(supervisor)),
        // pm2 says N/A where the app's package has none.
        version: version
            .filter(|version| *version != "N/A")
            .map(|version| word(version).into()),
        ..Sighting::of(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_list_is_found_behind_what_else_is_said() {
        let list = br#"[{"pid":7,"name":"api","pm2_env":{"status":"online","SECRET":{"a":[1]}}}]"#;
        let noise: &[u8] = b">>>> In-memory PM2 is out-of-date\n[PM2] Spawning PM2 daemon\n";
        let apps = parse(&[noise, list, b"\n"].concat()).unwrap();
        assert_eq!((apps.len(), apps[0].pid), (1, Some(7)));
        assert!(parse(b"[]").unwrap().is_empty());
        for (text, why) in [
            (&b""[..], "prints no list"),
            (b"[PM2][ERROR] no", "prints no list"),
            (
                b"[{\"pid\":1}]",
                "cannot understand `pm2 jlist`: missing field `name`",
            ),
            (b"[1]", "cannot understand"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
