//! What a control group's folder belongs to, by the names that systemd and the usual runtimes of containers give.

/// So much of a container's id is shown, as `docker ps` does.
const SHORT: usize = 12;

/// What a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A unit of systemd's that runs processes, by its name.
    Unit(String),
    /// A container, by its runtime and its short id, or the name that it was given.
    Container(String),
    /// A folder of groups: a slice, a pod.
    Group,
    /// What watches over a container, and is no container itself.
    Helper,
}

/// What a group is told apart by: one of both is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// A unit's name; below a user's own manager with that before it: `user@1000.service/app.service`.
    pub unit: String,
    /// A container's name.
    pub container: String,
}

impl Label {
    /// The one that is not empty.
    pub fn name(&self) -> &str {
        match self.unit.as_str() {
            "" => &self.container,
            unit => unit,
        }
    }
}

/// Beginnings of names before a container's id, and the runtime that gives them.
const RUNTIMES: [(&str, &str); 7] = [
    ("docker-", "docker"),
    ("libpod-payload-", "podman"),
    ("libpod-", "podman"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("crio-", "crio"),
    ("kubepods-", "kubepods"),
];
/// Folders that hold groups which are named by the id alone.
const PARENTS: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("moby", "docker"),
    ("libpod_parent", "podman"),
    ("default", "containerd"),
    ("k8s.io", "containerd"),
    ("lxc", "lxc"),
];

/// What the folder `name` in the folder `parent` is.
pub fn kind(parent: &str, name: &str) -> Kind {
    let stem = name.strip_suffix(".scope").unwrap_or(name);
    if stem.contains("-conmon-") || stem.starts_with("lxc.monitor.") {
        return Kind::Helper;
    }
    for (beginning, runtime) in RUNTIMES {
        if let Some(id) = stem.strip_prefix(beginning).filter(|id| is_id(id)) {
            return container(runtime, id);
        }
    }
    if is_id(stem) {
        return container(runtime_of(parent), stem);
    }
    if let Some(name) = stem.strip_prefix("lxc.payload.") {
        return Kind::Container(format!("lxc-{name}"));
    }
    match stem.strip_prefix("machine-") {
        Some(machine) if stem != name => Kind::Container(format!("machine-{}", unescaped(machine))),
        _ if name.ends_with(".service") || stem != name => Kind::Unit(name.to_owned()),
        _ => Kind::Group,
    }
}

fn container(runtime: &str, id: &str) -> Kind {
    Kind::Container(format!("{runtime}-{}", id.get(..SHORT).unwrap_or(id)))
}

/// 64 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn runtime_of(parent: &str) -> &'static str {
    let known = PARENTS.iter().find(|(name, _)| *name == parent);
    match known {
        Some((_, runtime)) => runtime,
        // Kubernetes' own folders, with either driver.
        None if parent.starts_with("pod") || parent.starts_with("kubepods") => "kubepods",
        None => "container",
    }
}

/// systemd writes what is not plain in a name as `\x2d` (systemd-escape(1)).
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        match rest {
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0);
                bytes.push((digit(high) * 16 + digit(low)) as u8);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| is_plain(text))
        .unwrap_or_else(|| name.to_owned())
}

/// Whether a name can be shown as it is.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn names_are_those_that_an_operator_knows() {
        let unit = |name: &str| Kind::Unit(name.to_owned());
        let container = |name: &str| Kind::Container(name.to_owned());
        for (parent, name, what) in [
            ("system.slice", "nginx.service", unit("nginx.service")),
            (
                "system.slice",
                "getty@tty1.service",
                unit("getty@tty1.service"),
            ),
            ("", "init.scope", unit("init.scope")),
            ("user-0.slice", "session-1.scope", unit("session-1.scope")),
            (
                "system.slice",
                "docker-ID.scope",
                container("docker-0123456789ab"),
            ),
            ("docker", "ID", container("docker-0123456789ab")),
            (
                "machine.slice",
                "libpod-ID.scope",
                container("podman-0123456789ab"),
            ),
            (
                "libpod_parent",
                "libpod-ID",
                container("podman-0123456789ab"),
            ),
            ("machine.slice", "libpod-conmon-ID.scope", Kind::Helper),
            (
                "kubepods-pod1.slice",
                "cri-containerd-ID.scope",
                container("containerd-0123456789ab"),
            ),
            (
                "kubepods-pod1.slice",
                "crio-ID.scope",
                container("crio-0123456789ab"),
            ),
            ("kubepods-pod1.slice", "crio-conmon-ID.scope", Kind::Helper),
            ("pod3f1e-11", "ID", container("kubepods-0123456789ab")),
            ("elsewhere", "ID", container("container-0123456789ab")),
            ("", "lxc.payload.web", container("lxc-web")),
            ("", "lxc.monitor.web", Kind::Helper),
            (
                "machine.slice",
                r"machine-qemu\x2d1\x2dvm.scope",
                container("machine-qemu-1-vm"),
            ),
            (
                "machine.slice",
                r"machine-\x0a\xzz.scope",
                container(r"machine-\x0a\xzz"),
            ),
            ("", "system.slice", Kind::Group),
            (
                "kubepods.slice",
                "kubepods-burstable-podabc.slice",
                Kind::Group,
            ),
            ("kubepods", "burstable", Kind::Group),
            ("system.slice", "dev-hugepages.mount", Kind::Group),
            (
                "system.slice",
                "docker-short.scope",
                unit("docker-short.scope"),
            ),
        ] {
            let name = name.replace("ID", ID);
            assert_eq!(kind(parent, &name), what, "{parent}/{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(parent in "\\PC{0,20}", name in "\\PC{0,80}", near in "(docker-|libpod-|machine-|lxc.payload.)?[0-9a-fé]{60,64}(.scope)?", escaped in "(\\\\x?[0-9a-g]{0,3}){0,5}") {
            kind(&parent, &name);
            kind(&parent, &near);
            unescaped(&escaped);
        }
    }
}
