//! Released interfaces do not change: their texts are held against `wit/LOCK`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// As `b3sum` writes it, so that `b3sum --check wit/LOCK` does the same.
fn locked() -> BTreeMap<String, String> {
    let lock = fs::read_to_string(root().join("wit/LOCK")).unwrap();
    let line = |line: &str| {
        let (hash, file) = line.split_once("  ").unwrap();
        (file.to_owned(), hash.to_owned())
    };
    lock.lines().map(line).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of every version, with the hash of its bytes.
fn present() -> BTreeMap<String, String> {
    let folders = fs::read_dir(root().join("wit")).unwrap();
    let folders = folders
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let named = files.map(|entry| {
        let path = entry.unwrap().path();
        let hash = blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string();
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        (name, hash)
    });
    named.collect()
}

#[test]
fn prb9_a_released_interface_is_frozen() {
    let (locked, present) = (locked(), present());
    for (file, hash) in &locked {
        assert_eq!(
            present.get(file),
            Some(hash),
            "{file} is released, so probes are compiled against it: undo the change, and put it into a new folder \
             wit/VERSION with a file src/probe/vVERSION.rs beside the old ones"
        );
    }
    for (file, hash) in &present {
        assert!(
            locked.contains_key(file),
            "{file} is new: when it is released, freeze it with this line in wit/LOCK:\n{hash}  {file}"
        );
    }
}

/// What was released is held here too: a text that is changed together with its line in `wit/LOCK` is still another one.
const RELEASED: [(&str, &str); 1] = [(
    "wit/0.1.0/probity.wit",
    "75737f83ec87f35b3838224d6a96e2195a3da819fd211716c5d65617e6ebdc0d",
)];

#[test]
fn prb9_what_was_released_is_what_it_was() {
    let present = present();
    for (file, hash) in RELEASED {
        assert_eq!(present.get(file).map(String::as_str), Some(hash), "{file}");
    }
}

#[test]
fn the_host_speaks_the_newest_interface_that_is_there() {
    let [major, minor, patch] = probity::probe::INTERFACE_VERSION;
    let file = format!("wit/{major}.{minor}.{patch}/probity.wit");
    assert_eq!(present().keys().next_back(), Some(&file));
    assert_eq!(
        fs::read_to_string(root().join(file)).unwrap(),
        probity::probe::WIT
    );
}
