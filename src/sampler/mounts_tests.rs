//! Tests of reading the mount table and choosing from it.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const TEXT: &[u8] = br"22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
28 27 254:1 / /mnt/my\040disk ro,nosuid master:2 propagate_from:3 - xfs /dev/vdb rw
29 27 254:0 /srv /bound rw - ext4 /dev/vda rw
30 27 0:40 / /nfs rw - nfs4 host:/export rw,vers=4.2
31 27 0:41 / /empty rw -  tmpfs  rw
";

fn machine(root: &Path) -> Machine {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    Machine {
        root: root.to_owned(),
        event_loop: runtime.handle().clone(),
        environment: Default::default(),
        systemctl: "systemctl".into(),
        pm2: "pm2".into(),
        pm2_home: None,
        started: std::time::Instant::now(),
    }
}

fn points(text: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("etc")).unwrap();
    std::fs::write(folder.path().join("etc/hosts"), "").unwrap();
    real_mounts(parse(text).unwrap(), &machine(folder.path()))
        .iter()
        .map(|mount| super::text(&mount.point))
        .collect()
}

#[test]
fn mounts_are_read_with_escapes_and_optional_fields() {
    let mounts = parse(TEXT).unwrap();
    assert_eq!(mounts.len(), 6);
    assert_eq!(mounts[2].point, b"/mnt/my disk");
    assert!(mounts[2].read_only && !mounts[1].read_only);
    assert_eq!(
        (&*mounts[4].fstype, &*mounts[4].source),
        (&b"nfs4"[..], &b"host:/export"[..])
    );
    assert_eq!(mounts[5].source, b"", "an empty source leaves two blanks");
}

#[test]
fn real_file_systems_are_kept_once() {
    assert_eq!(points(TEXT), ["/", "/mnt/my disk", "/nfs"]);
    for (text, wanted, why) in [
        (
            &b"1 0 8:1 /srv /bound rw - ext4 /dev/sda1 rw\n2 0 8:1 / /late rw - ext4 /dev/sda1 rw\n"[..],
            vec!["/late"],
            "the whole before its part",
        ),
        (
            b"1 0 8:1 / /a rw - ext4 /dev/sda1 rw\n2 0 0:9 / /a rw - tmpfs none rw\n",
            vec![],
            "hidden by a later mount",
        ),
        (
            b"1 0 0:50 / / rw - overlay overlay rw\n2 0 8:1 /x/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n",
            vec!["/"],
            "a container's root, without the files lent to it",
        ),
        (
            b"1 0 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n",
            vec![],
            "somebody else's container",
        ),
    ] {
        assert_eq!(points(text), wanted, "{why}");
    }
}

#[test]
fn what_is_no_mount_is_refused_with_the_line() {
    for (text, reason) in [
        (
            &b"1 0 8:1 / /a rw ext4 /dev/sda1 rw\n"[..],
            "the line ends too early",
        ),
        (b"x\n", "a whole number is expected"),
        (
            b"1 0 8:1 / /a rw - ext4\n",
            "a source and its options are expected",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), Malformed::new(1, reason));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(mut bytes: Vec<u8>, place in 0..TEXT.len()) {
        let _refused = parse(&bytes).is_ok();
        let mut text = TEXT.to_vec();
        text.truncate(place);
        text.append(&mut bytes);
        let _damaged = parse(&text).is_ok();
    }
}
