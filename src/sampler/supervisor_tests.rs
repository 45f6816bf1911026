//! Tests of finding the supervisor.
#![allow(clippy::unwrap_used)]

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A machine with these variables and these files of /proc.
fn found(variables: &[(&str, &str)], files: &[(&str, &str)]) -> SupervisorFacts {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let machine = Machine {
        root: folder.path().to_owned(),
        event_loop: runtime.handle().clone(),
        environment: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        systemctl: "systemctl".into(),
        pm2: "pm2".into(),
        pm2_home: None,
        started: Instant::now(),
    };
    detect(&machine).unwrap()
}

#[test]
fn nothing_known_is_none() {
    assert_eq!(found(&[], &[]), facts("none", None));
    let shell = [(
        "self/cgroup",
        "0::/user.slice/user-0.slice/session-1.scope\n",
    )];
    let shell = shell.map(|(path, text)| (format!("proc/{path}"), text));
    assert_eq!(found(&[], &[(&shell[0].0, shell[0].1)]).kind, "none");
}

#[test]
fn pm2_tells_name_and_restarts() {
    let variables = [
        ("pm_id", "0"),
        ("PM2_HOME", "/home/op/.pm2"),
        ("name", "probity"),
        ("restart_time", "3"),
    ];
    let supervisor = found(&variables, &[]);
    assert_eq!((supervisor.kind, supervisor.restarts), ("pm2", Some(3)));
    assert_eq!(supervisor.name.as_deref(), Some("probity"));
    assert_eq!(
        found(&variables[..1], &[]).kind,
        "none",
        "an id without its home"
    );
}

#[test]
fn systemd_counts_only_when_it_means_this_process() {
    let own = std::process::id().to_string();
    let group = [(
        "proc/self/cgroup",
        "0::/system.slice/probity-test-none.service\n",
    )];
    let id = ("INVOCATION_ID", "0123");
    for (variables, wanted, why) in [
        (
            vec![id, ("SYSTEMD_EXEC_PID", own.as_str())],
            "systemd",
            "it names this process",
        ),
        (
            vec![id, ("SYSTEMD_EXEC_PID", "1")],
            "none",
            "inherited from another program",
        ),
        (
            vec![id, ("SYSTEMD_EXEC_PID", "1"), ("NOTIFY_SOCKET", "/run/x")],
            "systemd",
            "a socket",
        ),
        (
            vec![id],
            "systemd",
            "an old systemd, and the group is a service",
        ),
        (vec![], "none", "a group alone"),
    ] {
        assert_eq!(found(&variables, &group).kind, wanted, "{why}");
    }
    let supervisor = found(&[id], &group);
    assert_eq!(
        supervisor.name.as_deref(),
        Some("probity-test-none.service")
    );
}

#[test]
fn containers_are_told_by_what_their_runtime_leaves() {
    let hosts = format!(
        "9 1 8:1 /var/lib/docker/containers/{ID}/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"
    );
    let scope = format!("0::/system.slice/docker-{ID}.scope\n");
    let layers =
        format!("9 1 0:5 / / rw - overlay overlay rw,lowerdir=/var/lib/containerd/{ID}/fs\n");
    let pods = format!("0::/kubepods.slice/cri-containerd-{ID}.scope\n");
    for (file, content, kind, name) in [
        (
            "proc/self/mountinfo",
            hosts.as_str(),
            "docker",
            Some(&ID[..12]),
        ),
        ("proc/self/cgroup", &scope, "docker", Some(&ID[..12])),
        (".dockerenv", "", "docker", None),
        ("proc/self/mountinfo", &layers, "containerd", None),
        ("proc/self/cgroup", &pods, "kubernetes", None),
        (
            "proc/self/mountinfo",
            "9 1 0:5 / /var/lib/docker/containers/x/mounts/shm rw - tmpfs shm rw\n",
            "none",
            None,
        ),
    ] {
        let supervisor = found(&[], &[(file, content)]);
        assert_eq!(
            (supervisor.kind, supervisor.name.as_deref()),
            (kind, name),
            "{content}"
        );
    }
}

#[test]
fn kubernetes_tells_every_pod_where_it_is() {
    let pod = [
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ("HOSTNAME", "probity-x2"),
    ];
    assert_eq!(
        found(&pod, &[]),
        facts("kubernetes", Some("probity-x2".into()))
    );
}

#[test]
fn launchd_names_the_service() {
    assert_eq!(
        found(&[("XPC_SERVICE_NAME", "org.x")], &[]),
        facts("launchd", Some("org.x".into()))
    );
    assert_eq!(found(&[("XPC_SERVICE_NAME", "0")], &[]).kind, "none");
}

#[test]
fn the_answer_of_systemctl_is_read() {
    let answer = "NRestarts=2\nActiveState=active\nSubState=running\n";
    assert_eq!(
        read_answer(answer),
        (Some("active (running)".into()), Some(2))
    );
    assert_eq!(read_answer(""), (None, None));
    assert_eq!(read_answer("NRestarts=\nActiveState"), (None, None));
}

#[test]
fn groups_and_units_are_found_in_both_versions() {
    for (text, group, unit) in [
        (
            "0::/system.slice/a.service\n",
            "/system.slice/a.service",
            Some("a.service"),
        ),
        (
            "9:name=systemd:/system.slice/a.service/x\n8:cpu:/\n0::/\n",
            "/system.slice/a.service/x",
            Some("a.service"),
        ),
        (
            "0::/user.slice/user@1000.service/app.slice/b.scope\n",
            "/user.slice/user@1000.service/app.slice/b.scope",
            None,
        ),
        ("", "", None),
    ] {
        assert_eq!(group_path(text), group);
        assert_eq!(unit_of(group).as_deref(), unit, "{group}");
    }
}
