//! Files that come, change and go.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use probity::model::{DiskVerdict, ProbeState, Span};

use super::{Place, gauge, generation, is_refused, on_disk, running_with_one, value, view};

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_added_changed_renamed_and_removed_while_everything_runs() {
    let (place, running) = running_with_one().await;
    place.put("b", &gauge(10.0).build());
    running
        .until("an added probe", |now| value(now, "b") == Some(10.0))
        .await;

    place.put("b", &gauge(11.0).build());
    let now = running
        .until("a changed one", |now| value(now, "b") == Some(11.0))
        .await;
    assert_eq!(generation(&now, "b"), Some(2));
    assert_eq!(generation(&now, "a"), Some(1));

    fs::rename(place.file("b"), place.file("c")).unwrap();
    running
        .until("a renamed one", |now| {
            value(now, "c") == Some(11.0) && view(now, "b").is_none()
        })
        .await;

    fs::remove_file(place.file("c")).unwrap();
    let now = running
        .until("a removed one", |now| view(now, "c").is_none())
        .await;
    assert!(
        now.sources.iter().all(|source| &*source.info.name != "c"),
        "its series are gone"
    );
    assert_eq!(value(&now, "a"), Some(1.0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r03_a_broken_version_never_costs_a_value_and_a_mended_one_takes_over() {
    let (place, running) = running_with_one().await;
    let whole = gauge(2.0).build();
    place.put("a", &whole[..whole.len() / 2]);
    let now = running
        .until("a refused file", |now| {
            is_refused(now, "a", "component.invalid")
        })
        .await;
    assert_eq!(
        (value(&now, "a"), generation(&now, "a")),
        (Some(1.0), Some(1))
    );
    let runs = view(&now, "a").unwrap().status.runs;
    running
        .until("the version before running on", |now| {
            view(now, "a").unwrap().status.runs > runs + 2
        })
        .await;
    place.put("a", &whole);
    let now = running
        .until("the mended one", |now| value(now, "a") == Some(2.0))
        .await;
    assert_eq!(on_disk(&now, "a").unwrap().verdict, DiskVerdict::Running);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_was_rejected_at_the_start_runs_once_it_is_mended() {
    let place = Place::new().add_bytes("a", b"nothing of the kind");
    let running = place.start().await;
    running
        .until("a rejected probe", |now| {
            view(now, "a").is_some_and(|view| view.status.state == ProbeState::Rejected)
        })
        .await;
    place.put("a", &gauge(3.0).build());
    running
        .until("its value", |now| value(now, "a") == Some(3.0))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r01_a_slow_copy_is_read_when_it_is_complete() {
    let (place, running) = running_with_one().await;
    let bytes = gauge(2.0).build();
    let mut file = fs::File::create(place.file("a")).unwrap();
    let seen = running.0.snapshots().load().unwrap().sequence;
    for chunk in bytes[..bytes.len() - 1].chunks(bytes.len() / 4) {
        file.write_all(chunk).unwrap();
        // Longer than the quiet time: the copy pauses in the middle.
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    let now = running.0.snapshots().load().unwrap();
    assert!(now.sequence > seen);
    assert_eq!(value(&now, "a"), Some(1.0), "half a file runs nowhere");
    let refused = on_disk(&now, "a").is_some_and(|disk| disk.verdict == DiskVerdict::Rejected);
    assert!(!refused, "half a file is not held against it");
    file.write_all(&bytes[bytes.len() - 1..]).unwrap();
    drop(file);
    running
        .until("the whole", |now| value(now, "a") == Some(2.0))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_r12_what_cannot_be_read_is_refused_and_what_runs_goes_on() {
    let (place, running) = running_with_one().await;
    fs::remove_file(place.file("a")).unwrap();
    fs::create_dir(place.file("a")).unwrap();
    // The removal may be seen on its own; then there is nothing that could run on.
    running
        .until("a refused folder", |now| {
            let kind = |failure: &probity::model::Failure| failure.code == "file.kind";
            let disk = on_disk(now, "a")
                .and_then(|disk| disk.failure.as_deref())
                .is_some_and(kind);
            let status = view(now, "a").and_then(|view| view.status.last_error.as_ref());
            disk || status.is_some_and(|(failure, _)| kind(failure))
        })
        .await;
    fs::remove_dir(place.file("a")).unwrap();
    place.put("a", &gauge(4.0).build());
    running
        .until("a file again", |now| value(now, "a") == Some(4.0))
        .await;

    // Root reads everything, so the mode is only told from the content there.
    fs::set_permissions(place.file("a"), fs::Permissions::from_mode(0o000)).unwrap();
    let runs = |now: &probity::snapshot::Snapshot| view(now, "a").map(|view| view.status.runs);
    let before = runs(&running.0.snapshots().load().unwrap());
    running
        .until("it runs on", |now| runs(now) > before.map(|runs| runs + 3))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r16_the_same_content_is_not_loaded_again() {
    let (place, running) = running_with_one().await;
    let same = gauge(1.0).build();
    for _ in 0..3 {
        place.put("a", &same);
    }
    place.put("b", &gauge(5.0).build());
    // The later file has been handled, and so have the earlier ones.
    let now = running
        .until("the other one", |now| value(now, "b") == Some(5.0))
        .await;
    assert_eq!(generation(&now, "a"), Some(1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r13_of_many_rewrites_the_last_one_wins() {
    let (place, running) = running_with_one().await;
    let versions: Vec<_> = (2..=60)
        .map(|number| gauge(f64::from(number)).build())
        .collect();
    for version in &versions {
        place.put("a", version);
    }
    let now = running
        .until("the last one", |now| value(now, "a") == Some(60.0))
        .await;
    assert!(generation(&now, "a").unwrap() < 60, "some were passed over");
    let runs = view(&now, "a").unwrap().status.runs;
    let later = running
        .until("it stays", |now| {
            view(now, "a").unwrap().status.runs > runs + 3
        })
        .await;
    assert_eq!(value(&later, "a"), Some(60.0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r17_a_hundred_files_at_once_are_all_loaded() {
    let mut place = Place::new().add("a", &gauge(1.0));
    // A slow machine has its hands full with them already.
    place.config.probes.interval = Span::seconds(1);
    let running = place.start().await;
    let bytes = gauge(7.0).build();
    for number in 0..100 {
        place.put(&format!("many-{number}"), &bytes);
    }
    running
        .until("all of them", |now| {
            let values = (0..100).map(|number| value(now, &format!("many-{number}")));
            values.into_iter().all(|value| value == Some(7.0))
        })
        .await;
    for number in 0..100 {
        fs::remove_file(place.file(&format!("many-{number}"))).unwrap();
    }
    let now = running
        .until("none of them", |now| now.probes.len() == 1)
        .await;
    assert_eq!(value(&now, "a"), Some(1.0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r26_flipping_between_good_and_bad_ends_with_what_is_there() {
    let (place, running) = running_with_one().await;
    let (good, bad) = (gauge(2.0).build(), b"bad".to_vec());
    for _ in 0..10 {
        place.put("a", &bad);
        place.put("a", &good);
    }
    running
        .until("the good one", |now| value(now, "a") == Some(2.0))
        .await;
    place.put("a", &bad);
    running
        .until("the bad one", |now| is_refused(now, "a", "file.text"))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_probes_run_one_component_with_their_own_configuration() {
    let mut place = Place::new().add("shared", &gauge(8.0));
    for name in ["one", "two"] {
        let mut section = probity::probe::ProbeConfig::unmentioned(name);
        section.component = Some("shared".to_owned());
        place.config.probe.push(section);
    }
    let running = place.start().await;
    let both = |now: &probity::snapshot::Snapshot, wanted| {
        ["one", "two"]
            .iter()
            .all(|name| value(now, name) == Some(wanted))
    };
    let now = running.until("both", |now| both(now, 8.0)).await;
    assert!(
        view(&now, "shared").is_none(),
        "it runs under their names alone"
    );
    place.put("shared", &gauge(9.0).build());
    running
        .until("both in the new version", |now| both(now, 9.0))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_load_comes_to_is_not_taken_for_a_later_one() {
    let (place, running) = running_with_one().await;
    // Enough code to compile for a while.
    let functions: String = (0..400)
        .map(|number| {
            let body: String = (0..60)
                .map(|step| format!("(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const {step})) (i32.const {number})))"))
                .collect();
            format!("(func $slow{number} (param i32) (result i32) {body} (local.get 0))")
        })
        .collect();
    let slow = gauge(10.0).extra(&functions).build();
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(30));
    // The pauses let the folder be looked at in between; wherever they fall, the last file wins.
    place.put("b", &slow);
    pause().await;
    fs::remove_file(place.file("b")).unwrap();
    pause().await;
    place.put("b", &gauge(20.0).build());
    let now = running
        .until("the last file", |now| value(now, "b") == Some(20.0))
        .await;
    let runs = view(&now, "b").unwrap().status.runs;
    let later = running
        .until("it stays", |now| {
            view(now, "b").is_some_and(|view| view.status.runs > runs + 20)
        })
        .await;
    assert_eq!(value(&later, "b"), Some(20.0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_file_does_not_run_under_the_name_of_a_configured_probe() {
    let mut place = Place::new()
        .add("disk", &gauge(8.0))
        .add("root", &gauge(9.0));
    let mut section = probity::probe::ProbeConfig::unmentioned("root");
    section.component = Some("disk".to_owned());
    place.config.probe.push(section);
    let running = place.start().await;
    running
        .until("the configured probe", |now| {
            value(now, "root") == Some(8.0)
        })
        .await;
    place.put("root", &gauge(10.0).build());
    place.put("other", &gauge(11.0).build());
    let now = running
        .until("a later file", |now| value(now, "other") == Some(11.0))
        .await;
    assert_eq!(
        (value(&now, "root"), generation(&now, "root")),
        (Some(8.0), Some(1))
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_samplers_name_is_refused_and_goes_without_the_sampler() {
    let (place, running) = running_with_one().await;
    place.put("cpu", &gauge(2.0).build());
    running
        .until("a refused name", |now| {
            view(now, "cpu").is_some_and(|view| view.status.state == ProbeState::Rejected)
        })
        .await;
    fs::remove_file(place.file("cpu")).unwrap();
    let now = running
        .until("no such probe", |now| view(now, "cpu").is_none())
        .await;
    assert!(now.sources.iter().any(|source| &*source.info.name == "cpu"));
    running.stop().await;
}
