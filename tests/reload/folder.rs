//! The folder itself: links, mounts, folders that go and come back, systems that tell nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use probity::model::Span;
use probity::probe::WatchMode;

use super::{Place, gauge, running_with_one, value, view};

/// Points the link `name` elsewhere in one step.
fn relink(folder: &Path, name: &str, target: &Path) {
    let aside = folder.join("link.part");
    symlink(target, &aside).unwrap();
    fs::rename(aside, folder.join(name)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r10_a_link_that_is_pointed_elsewhere_is_a_change_and_a_loop_is_a_clear_refusal() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (one, two) = (elsewhere.path().join("one"), elsewhere.path().join("two"));
    fs::write(&one, gauge(21.0).build()).unwrap();
    fs::write(&two, gauge(22.0).build()).unwrap();
    let (place, running) = running_with_one().await;
    let folder = place.folder.path();
    relink(folder, "linked.wasm", &one);
    running
        .until("the first", |now| value(now, "linked") == Some(21.0))
        .await;
    relink(folder, "linked.wasm", &two);
    running
        .until("the second", |now| value(now, "linked") == Some(22.0))
        .await;

    symlink("loop.wasm", folder.join("loop.wasm")).unwrap();
    running
        .until("a refused loop", |now| {
            let error = view(now, "loop").and_then(|view| view.status.last_error.clone());
            error.is_some_and(|(failure, _)| failure.code == "file.unreadable")
        })
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r10_kubernetes_swaps_all_files_by_one_link() {
    // As a mounted ConfigMap: files are links through `..data`, which is a link to a dated folder.
    let place = Place::new();
    let folder = place.folder.path();
    for (dated, number) in [("..1", 31.0), ("..2", 41.0)] {
        fs::create_dir(folder.join(dated)).unwrap();
        for (name, more) in [("x", 0.0), ("y", 1.0)] {
            fs::write(
                folder.join(dated).join(format!("{name}.wasm")),
                gauge(number + more).build(),
            )
            .unwrap();
        }
    }
    relink(folder, "..data", Path::new("..1"));
    for name in ["x", "y"] {
        symlink(format!("..data/{name}.wasm"), place.file(name)).unwrap();
    }
    let running = place.start().await;
    let both = |now: &probity::snapshot::Snapshot, x| {
        value(now, "x") == Some(x) && value(now, "y") == Some(x + 1.0)
    };
    running.until("both", |now| both(now, 31.0)).await;
    relink(folder, "..data", Path::new("..2"));
    running.until("both anew", |now| both(now, 41.0)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_system_that_tells_no_changes_is_polled() {
    let mut place = Place::new().add("a", &gauge(1.0));
    place.config.probes.watch = WatchMode::Poll;
    place.config.probes.rescan = Span::millis(100);
    let running = place.start().await;
    running
        .until("the first value", |now| value(now, "a") == Some(1.0))
        .await;
    place.put("a", &gauge(2.0).build());
    running
        .until("the second", |now| value(now, "a") == Some(2.0))
        .await;
    fs::remove_file(place.file("a")).unwrap();
    running.until("none", |now| view(now, "a").is_none()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r24_a_folder_that_goes_and_comes_back_costs_no_probe() {
    let outer = tempfile::tempdir().unwrap();
    let mut place = Place::new();
    place.config.probes.folder = outer.path().join("probes");
    place.config.probes.rescan = Span::millis(100);
    let folder = place.config.probes.folder.clone();
    fs::create_dir(&folder).unwrap();
    let put = |number: f64| {
        fs::write(folder.join("part"), gauge(number).build()).unwrap();
        fs::rename(folder.join("part"), folder.join("a.wasm")).unwrap();
    };
    put(1.0);
    let running = place.start().await;
    let now = running
        .until("the first value", |now| value(now, "a") == Some(1.0))
        .await;
    let runs =
        |now: &probity::snapshot::Snapshot| view(now, "a").map_or(0, |view| view.status.runs);
    let before = runs(&now);
    fs::rename(&folder, outer.path().join("away")).unwrap();
    running
        .until("it runs without its folder", |now| runs(now) > before + 5)
        .await;
    fs::create_dir(&folder).unwrap();
    let now = running
        .until("it runs beside an empty one", |now| runs(now) > before + 10)
        .await;
    assert_eq!(value(&now, "a"), Some(1.0));
    put(2.0);
    running
        .until("the new file", |now| value(now, "a") == Some(2.0))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_made_later_is_found() {
    let outer = tempfile::tempdir().unwrap();
    let mut place = Place::new();
    place.config.probes.folder = outer.path().join("probes");
    place.config.probes.rescan = Span::millis(100);
    let running = place.start().await;
    running.until("a whole snapshot", |now| now.whole).await;
    fs::create_dir(outer.path().join("probes")).unwrap();
    fs::write(outer.path().join("probes/a.wasm"), gauge(5.0).build()).unwrap();
    running
        .until("its value", |now| value(now, "a") == Some(5.0))
        .await;
    running.stop().await;
}
