//! The cache: what is kept, what is not believed, and what is thrown away.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use probity::model::ByteSize;
use probity::probe::{Compiler, ProbeError, ProbeHost, Surroundings};

use crate::bench::{Bench, files, good};

fn entries(bench: &Bench) -> Vec<PathBuf> {
    files(&bench.state.join("compiled"), "cwasm")
}

/// Expects that the only entry is not believed once `damage` was done to it, that it is counted, and made anew.
fn not_believed(damage: impl FnOnce(&mut Vec<u8>)) {
    let bench = Bench::new();
    let component = good("a");
    bench.identity(&component);
    let [path] = &entries(&bench)[..] else {
        panic!("one entry is kept");
    };
    let whole = fs::read(path).unwrap();
    let mut damaged = whole.clone();
    damage(&mut damaged);
    fs::write(path, damaged).unwrap();
    assert!(!bench.identity(&component).cached);
    assert_eq!(bench.count("compile_cache_damaged_total", None), 1);
    assert!(bench.identity(&component).cached);
    assert_eq!(fs::read(path).unwrap(), whole);
}

#[test]
fn what_was_compiled_is_loaded_by_the_next_host() {
    let bench = Bench::new();
    let component = good("a");
    assert!(!bench.identity(&component).cached);
    assert!(bench.identity(&component).cached);
    let next = bench.again(|_, around| around.compiler = Compiler::Child("/nonexistent".into()));
    assert!(next.identity(&component).cached);
    assert_eq!(next.count("compiles_total", Some("cached")), 1);
    assert_eq!(next.count("compile_cache_damaged_total", None), 0);
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    for share in [0, 10, 33, 50, 99, 100] {
        not_believed(|entry| {
            let at = (entry.len() - 1) * share / 100;
            entry[at] ^= 1;
        });
    }
}

#[test]
fn a_torn_entry_is_noticed_at_every_length() {
    for keep in [0, 1, 31, 32, 33, 4096] {
        not_believed(|entry| entry.truncate(keep));
    }
    not_believed(|entry| entry.truncate(entry.len() - 1));
    not_believed(|entry| entry.push(0));
    // What a power cut leaves of a file whose blocks were not written.
    not_believed(|entry| entry.fill(0));
}

#[test]
fn an_entry_under_another_name_is_not_believed() {
    let bench = Bench::new();
    let (one, other) = (good("a"), good("b"));
    bench.identity(&one);
    let first = entries(&bench);
    bench.identity(&other);
    let second = entries(&bench)
        .into_iter()
        .find(|path| !first.contains(path));
    fs::copy(&first[0], second.unwrap()).unwrap();
    assert!(!bench.identity(&other).cached);
    assert!(bench.identity(&one).cached);
    assert_eq!(bench.count("compile_cache_damaged_total", None), 1);
}

#[test]
fn entries_of_another_key_are_compiled_anew() {
    let bench = Bench::new();
    let component = good("a");
    bench.identity(&component);
    let key = bench.state.join("compiled/key");
    let old = fs::read(&key).unwrap();
    assert_eq!(old.len(), 32);
    let readable = fs::Permissions::from_mode(0o644);
    let spoil: [&dyn Fn(); 4] = [
        &|| fs::write(&key, [7; 32]).unwrap(),
        &|| fs::write(&key, [7; 31]).unwrap(),
        &|| fs::remove_file(&key).unwrap(),
        // Somebody else may have read it.
        &|| fs::set_permissions(&key, readable.clone()).unwrap(),
    ];
    for spoil in spoil {
        spoil();
        let next = bench.again(|_, _| {});
        assert!(!next.identity(&component).cached);
        assert_eq!(next.count("compile_cache_damaged_total", None), 1);
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read(&key).unwrap().len(), 32);
    }
}

#[test]
fn its_size_is_bounded_and_what_was_used_longest_ago_goes_first() {
    let measure = Bench::new();
    measure.identity(&good("0"));
    let size = fs::metadata(&entries(&measure)[0]).unwrap().len();
    // Room for three and a half.
    let bench = Bench::with(|config, _| config.cache_size = ByteSize(size * 7 / 2));
    let old = SystemTime::now() - Duration::from_secs(3600);
    let mut made: Vec<PathBuf> = Vec::new();
    for (age, name) in ["a", "b", "c"].into_iter().enumerate() {
        bench.identity(&good(name));
        let new = entries(&bench)
            .into_iter()
            .find(|path| !made.contains(path));
        let path = new.unwrap();
        let used = old + Duration::from_secs(age as u64);
        File::open(&path).unwrap().set_modified(used).unwrap();
        made.push(path);
    }
    assert!(bench.identity(&good("a")).cached);
    bench.identity(&good("d"));
    assert_eq!(bench.count("compile_cache_evicted_total", None), 1);
    assert!(!made[1].exists() && made[0].exists() && made[2].exists());
    assert!(bench.identity(&good("d")).cached);
    // One that is larger than all the room is kept alone: it was just written.
    let small = bench.again(|config, _| config.cache_size = ByteSize(1));
    assert_eq!(entries(&small).len(), 0);
    small.identity(&good("e"));
    assert_eq!(entries(&small).len(), 1);
    assert!(small.identity(&good("e")).cached);
}

#[test]
fn leftovers_of_dead_processes_are_swept_and_files_being_written_are_not() {
    let bench = Bench::new();
    let folder = bench.state.join("compiled");
    let (dead, alive) = (
        folder.join("x.cwasm.1-0.part"),
        folder.join("y.cwasm.2-0.part"),
    );
    fs::write(&dead, "half").unwrap();
    let writer = File::create(&alive).unwrap();
    writer.try_lock().unwrap();
    bench.again(|_, _| {});
    assert!(!dead.exists() && alive.exists());
    // By hand: a child that another test has just begun holds the file too, and with it the lock.
    writer.unlock().unwrap();
    bench.again(|_, _| {});
    assert!(!alive.exists());
}

#[test]
fn two_hosts_on_one_folder_do_not_hurt_each_other() {
    let first = Bench::new();
    let second = first.again(|_, _| {});
    let components: Vec<Vec<u8>> = (0..6).map(|number| good(&format!("n{number}"))).collect();
    std::thread::scope(|scope| {
        for host in [&first, &second] {
            for _ in 0..2 {
                scope.spawn(|| {
                    for component in &components {
                        host.identity(component);
                    }
                });
            }
        }
    });
    for host in [&first, &second] {
        assert_eq!(host.count("compile_cache_damaged_total", None), 0);
        assert!(components.iter().all(|one| host.identity(one).cached));
    }
    assert_eq!(entries(&first).len(), components.len());
    assert_eq!(files(&first.state.join("compiled"), "part").len(), 0);
}

#[test]
fn a_folder_of_somebody_else_is_not_used() {
    // As the superuser, who could otherwise be made to load what its owner wrote.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    fs::create_dir(&cache).unwrap();
    std::os::unix::fs::chown(&cache, Some(12345), None).unwrap();
    let around = Surroundings {
        cache: Some(cache),
        ..Surroundings::default()
    };
    let Err(error @ ProbeError::Cache(..)) = ProbeHost::new(&Default::default(), around) else {
        panic!("it is refused");
    };
    assert!(error.to_string().contains("another user"), "{error}");
}

#[test]
fn without_room_on_the_disk_a_component_is_compiled_and_not_kept() {
    let bench = Bench::new();
    let folder = bench.state.join("compiled");
    let component = good("a");
    // A folder in the way of the entry stands for every failure to write it.
    bench.identity(&component);
    let path = entries(&bench).remove(0);
    fs::remove_file(&path).unwrap();
    fs::create_dir_all(path.join("in the way")).unwrap();
    assert!(!bench.identity(&component).cached);
    assert_eq!(files(&folder, "part").len(), 0);
}
