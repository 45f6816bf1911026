//! S20: object storage that refuses, fails, is slow, or cuts the wire. Tried again where that helps, told where it does not,
//! and nothing half is ever listed.

use std::time::Duration;

use probity::backup::{BackupError, Chosen, Config, Maker, State};
use probity::model::Span;

use crate::proxy::{Fault, Kind, Proxy};
use crate::storage::{SECRET, Storage, config, credentials};
use crate::wire::nobody;
use crate::{Scene, create, good, restore, rows, verify};

const ALL: [Kind; 7] = [
    Kind::BeginUpload,
    Kind::Part,
    Kind::EndUpload,
    Kind::PutManifest,
    Kind::Read,
    Kind::Head,
    Kind::List,
];

/// A database, storage, and the proxy between them.
struct Bench {
    scene: Scene,
    storage: Storage,
    proxy: Proxy,
    maker: Maker,
}

impl Bench {
    async fn with(bytes: usize) -> Self {
        Self::made(bytes, |_| ()).await
    }

    async fn made(bytes: usize, change: impl FnOnce(&mut Config)) -> Self {
        let scene = Scene::with(bytes).await;
        let storage = Storage::start(&scene).await;
        let proxy = Proxy::start(storage.address).await;
        let mut config = config(proxy.address);
        config.keep = 100;
        change(&mut config);
        let maker = scene.maker_of(&config, Some(&credentials(SECRET)));
        Self {
            scene,
            storage,
            proxy,
            maker,
        }
    }

    /// From now on the first request of a kind fares so.
    fn first(&self, kind: Kind, fault: Fault) {
        self.proxy
            .plan(move |seen, number| match (seen == kind, number) {
                (true, 0) => fault,
                _ => Fault::Pass,
            });
    }

    /// It comes to a good backup all the same.
    async fn succeeds(&self, what: &str) {
        let before = good(&self.maker).await.len();
        let created = create(&self.maker).await;
        let created = created.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(created.untidy, None, "{what}");
        self.proxy.plan(|_, _| Fault::Pass);
        assert_eq!(good(&self.maker).await.len(), before + 1, "{what}");
        let chosen = Chosen::by_id(self.maker.shelf(), created.manifest.id).await;
        verify(chosen.unwrap()).await.unwrap();
        self.is_clear(what);
    }

    /// It comes to nothing, and nothing of it is left.
    async fn fails(&self, what: &str) -> BackupError {
        let before = self.storage.objects();
        let error = create(&self.maker).await.expect_err(what);
        let told = format!("{error} {:?}", error.failure());
        for secret in [SECRET, "AKIDEXAMPLE"] {
            assert!(!told.contains(secret), "{told}");
        }
        self.proxy.plan(|_, _| Fault::Pass);
        good(&self.maker).await;
        assert_eq!(self.storage.objects(), before, "{what}");
        error
    }

    fn is_clear(&self, what: &str) {
        assert_eq!(self.storage.uploads(), [""; 0], "{what}");
        self.scene.is_clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_a_refusal_is_told_at_once() {
    let bench = Bench::with(50_000).await;
    for kind in [
        Kind::BeginUpload,
        Kind::Part,
        Kind::EndUpload,
        Kind::PutManifest,
        Kind::Read,
    ] {
        bench.proxy.plan(move |seen, _| match seen == kind {
            true => Fault::Status(403),
            false => Fault::Pass,
        });
        let counted = bench.proxy.count(kind);
        let error = create(&bench.maker).await.expect_err("it is refused");
        assert_eq!(
            bench.proxy.count(kind),
            counted + 1,
            "{kind:?} is not tried again"
        );
        let refused = matches!(error, BackupError::Target { refused: true, .. });
        assert!(refused, "{kind:?}: {error:?}");
        assert!(error.to_string().contains("AccessDenied"), "{error}");
        assert!(!error.to_string().contains("AKIDEXAMPLE"), "{error}");
        bench.proxy.plan(|_, _| Fault::Pass);
        assert_eq!(bench.storage.objects(), [""; 0], "{kind:?}");
        bench.is_clear(&format!("{kind:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_failures_that_pass_are_tried_again() {
    let bench = Bench::with(50_000).await;
    for status in [500, 503] {
        for kind in ALL {
            bench
                .proxy
                .plan(move |seen, number| match (seen == kind, number) {
                    (true, 0 | 1) => Fault::Status(status),
                    _ => Fault::Pass,
                });
            bench.succeeds(&format!("{status} for {kind:?}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_what_is_slow_is_tried_again() {
    let slow = |kind| async move {
        // So long that nothing else is given up on a busy machine.
        let patience = |config: &mut Config| config.s3.timeout = Span::seconds(5);
        let bench = Bench::made(300_000, patience).await;
        let fault = Fault::Slow(Duration::from_millis(5_500));
        bench.first(kind, fault);
        bench.succeeds(&format!("{fault:?} for {kind:?}")).await;
    };
    tokio::join!(
        slow(Kind::Part),
        slow(Kind::EndUpload),
        slow(Kind::PutManifest),
        slow(Kind::Read),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_what_is_cut_is_tried_again() {
    let bench = Bench::with(300_000).await;
    for (kind, fault) in [
        (Kind::Part, Fault::CutRequest(100_000)),
        (Kind::Part, Fault::CutAnswer(0)),
        (Kind::EndUpload, Fault::CutAnswer(0)),
        (Kind::PutManifest, Fault::CutRequest(1)),
        (Kind::PutManifest, Fault::CutAnswer(0)),
        (Kind::Read, Fault::CutAnswer(0)),
        (Kind::Read, Fault::CutAnswer(100_000)),
        (Kind::Head, Fault::CutAnswer(0)),
        (Kind::List, Fault::CutAnswer(50)),
    ] {
        bench.first(kind, fault);
        bench.succeeds(&format!("{fault:?} for {kind:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_of_an_upload_whose_name_is_lost_only_the_name_is_left() {
    let bench = Bench::with(50_000).await;
    bench.proxy.plan(|seen, number| match (seen, number) {
        (Kind::BeginUpload, 0) => Fault::CutAnswer(0),
        _ => Fault::Pass,
    });
    create(&bench.maker).await.unwrap();
    assert_eq!(bench.proxy.count(Kind::BeginUpload), 2);
    assert_eq!(good(&bench.maker).await.len(), 1);
    // Nobody can end it but the storage's own rule for such; it has no part.
    let left = bench.storage.uploads();
    assert!(
        !left.is_empty() && !left.concat().contains("part"),
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_what_fails_for_good_is_given_up_and_the_next_one_clears_up() {
    let bench = Bench::with(50_000).await;
    bench.succeeds("the first").await;
    for kind in [Kind::Part, Kind::EndUpload, Kind::PutManifest, Kind::Read] {
        let what = format!("{kind:?}");
        bench.proxy.plan(move |seen, _| match seen == kind {
            true => Fault::Status(503),
            false => Fault::Pass,
        });
        let error = bench.fails(&what).await;
        let passing = matches!(error, BackupError::Target { refused: false, .. });
        assert!(passing, "{what}: {error:?}");
        assert!(error.to_string().contains("503"), "{error}");
        bench.is_clear(&what);
    }
    // Everything fails once the upload has begun, so that nothing of it can be taken away.
    bench.proxy.plan(|seen, _| match seen {
        Kind::Part | Kind::Other => Fault::Status(403),
        _ => Fault::Pass,
    });
    create(&bench.maker).await.unwrap_err();
    assert_ne!(
        bench.scene.names("state/backing-up"),
        ["lock"],
        "it is noted"
    );
    assert_ne!(bench.storage.uploads(), [""; 0]);
    bench.proxy.plan(|_, _| Fault::Pass);
    bench.succeeds("the next").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_storage_that_is_not_there_is_told() {
    let scene = Scene::with(10_000).await;
    let (_taken, address) = nobody();
    let config = config(address);
    let maker = scene.maker_of(&config, Some(&credentials(SECRET)));
    let error = create(&maker).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(matches!(error, BackupError::Target { refused: false, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_a_restore_through_faults_is_whole_or_nothing() {
    let bench = Bench::with(300_000).await;
    bench.succeeds("one to restore").await;
    let into = bench.scene.place.path().join("restored");
    let restored = || async {
        let chosen = Chosen::latest(bench.maker.shelf()).await?;
        restore(chosen, &into, false).await
    };
    // The manifest is read before the archive.
    bench.proxy.plan(|seen, number| match (seen, number) {
        (Kind::Read, 0..20) => Fault::Status(500),
        _ => Fault::Pass,
    });
    restored()
        .await
        .expect_err("it fails for longer than it is tried");
    assert!(!into.exists());
    bench.proxy.plan(|seen, number| match (seen, number) {
        (Kind::Read, 0) => Fault::CutAnswer(70_000),
        (Kind::Read, 1) => Fault::Status(503),
        _ => Fault::Pass,
    });
    restored().await.unwrap();
    assert!(rows(&into.join("probity.db")) == rows(&bench.scene.database()));
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_faults_while_older_ones_go_cost_the_new_one_nothing() {
    let bench = Bench::with(50_000).await;
    let mut one = config(bench.proxy.address);
    one.keep = 1;
    let maker = bench.scene.maker_of(&one, Some(&credentials(SECRET)));
    create(&maker).await.unwrap();
    // Listing is refused; so is the first removal, that of a manifest, or the second, that of its archive.
    for (kind, from) in [(Kind::List, 0), (Kind::Other, 0), (Kind::Other, 1)] {
        let what = format!("{kind:?} from {from} on");
        bench
            .proxy
            .plan(move |seen, number| match seen == kind && number >= from {
                true => Fault::Status(403),
                false => Fault::Pass,
            });
        let created = create(&maker).await.unwrap();
        let untidy = created.untidy.expect(&what);
        assert!(untidy.contains("AccessDenied"), "{what}: {untidy}");
        assert_eq!(created.gone, [], "{what}");
        bench.proxy.plan(|_, _| Fault::Pass);
        let chosen = Chosen::by_id(maker.shelf(), created.manifest.id).await;
        verify(chosen.unwrap()).await.unwrap();
    }
    // A removal whose answer is lost is not tried again: the next backup goes on where this one ended.
    bench.proxy.plan(|seen, number| match (seen, number) {
        (Kind::Other, 0) => Fault::CutAnswer(0),
        _ => Fault::Pass,
    });
    let untidy = create(&maker).await.unwrap().untidy;
    assert!(untidy.is_some_and(|told| told.contains("connection closed")));
    bench.proxy.plan(|_, _| Fault::Pass);
    let created = create(&maker).await.unwrap();
    assert_eq!((created.gone.len(), created.untidy), (3, None));
    let entries = maker.shelf().entries().await.unwrap();
    let whole = entries.iter().filter(|entry| entry.state == State::Good);
    let ids: Vec<_> = whole.map(|entry| entry.id).collect();
    assert_eq!(ids, [created.manifest.id]);
    assert_eq!(
        entries.len(),
        3,
        "halves of two are left until they are old"
    );
    bench.is_clear("the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_in_one_prefix_never_harm_what_the_other_is_making() {
    let bench = Bench::with(50_000).await;
    let other = Scene::with(50_000).await;
    let mut config = config(bench.proxy.address);
    config.keep = 100;
    let theirs = other.maker_of(&config, Some(&credentials(SECRET)));
    // Each pauses before its manifest, so that the other lists and clears up meanwhile.
    bench.proxy.plan(|seen, _| match seen {
        Kind::PutManifest => Fault::Slow(Duration::from_millis(300)),
        _ => Fault::Pass,
    });
    for _ in 0..4 {
        let (one, two) = tokio::join!(create(&bench.maker), create(&theirs));
        assert_eq!((one.unwrap().gone, two.unwrap().gone), (vec![], vec![]));
    }
    let made = good(&bench.maker).await;
    assert_eq!(made.len(), 8);
    bench.is_clear("the end");
    other.is_clear();
}
