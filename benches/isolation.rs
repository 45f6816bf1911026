//! What hostile probes, and a storm of reloads, cost the good ones beside them: lateness of their runs, and how long HTTP takes.
//!
//! `cargo bench --bench isolation [SECONDS]`: three times that long, 60 s by default. First ten good probes alone, then beside
//! twenty hostile ones, then beside files that are rewritten without a pause.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and a failed step ends it"
)]

#[path = "../tests/support/guest.rs"]
#[allow(dead_code)]
mod guest;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use guest::Guest;
use probity::app::App;
use probity::config::{Config, Loaded, Origin};
use probity::model::Span;
use probity::probe::Compiler;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

const GOOD: usize = 10;
const HOSTILE: usize = 20;
/// Between two requests; each is for a page that is encoded anew for most of them.
const PAUSE: Duration = Duration::from_millis(20);

/// One of each kind of trouble, over and over.
fn hostile(number: usize) -> Guest {
    let forever = "(loop $forever (br $forever)) (call $ok)";
    let guest = Guest::new()
        .text("name", &format!("hostile_{number}"))
        .text("help", "Help.")
        .text("empty", "");
    let define = "(call $gauge.define %name %empty %help %empty (i32.const 16))";
    match number % 10 {
        0 => guest.collect(forever),
        1 => guest.start(forever),
        2 => guest.extra("(func $deep (call $deep) (call $deep))").collect("(call $deep) (call $ok)"),
        3 => guest.collect("(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable"),
        4 => guest.collect("unreachable"),
        5 => guest.collect("(loop $forever (call $log (i32.const 4) %help) (br $forever)) (call $ok)"),
        6 => guest.collect(&format!("(loop $forever {define} (br $forever)) (call $ok)")),
        7 => guest.collect("(loop $forever (drop (call $failure.other %help)) (br $forever)) (call $ok)"),
        8 => guest.collect("(loop $forever (memory.fill (i32.const 2048) (i32.const 1) (i32.const 60000)) (br $forever)) (call $ok)"),
        _ => guest.collect("(loop $forever (call $state.get %name (i32.const 64)) (br $forever)) (call $ok)"),
    }
}

fn good(number: usize) -> Vec<u8> {
    Guest::new()
        .text("name", &format!("good_{number}"))
        .text("help", "Help.")
        .text("empty", "")
        .collect(
            "(call $gauge.define %name %empty %help %empty (i32.const 16))
             (call $gauge.set (call $handle) %empty (f64.const 1) (i32.const 16)) (call $pass-on)",
        )
        .build()
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let part = folder.join(format!("{name}.part"));
    fs::write(&part, bytes).unwrap();
    fs::rename(part, folder.join(format!("{name}.wasm"))).unwrap();
}

/// As the program itself compiles.
fn compiler() -> Compiler {
    Compiler::Child(env!("CARGO_BIN_EXE_probity").into())
}

struct Bench {
    runtime: Runtime,
    app: App,
    folder: tempfile::TempDir,
}

impl Bench {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.probes.folder = folder.path().join("probes");
        config.probes.interval = Span::seconds(1);
        config.state.directory = Some(folder.path().join("state"));
        fs::create_dir(&config.probes.folder).unwrap();
        for number in 0..GOOD {
            put(
                &config.probes.folder,
                &format!("good-{number}"),
                &good(number),
            );
        }
        let loaded = Loaded {
            state_directory: folder.path().join("state"),
            config,
            origin: Origin {
                file: None,
                overrides: Vec::new(),
            },
            ..Loaded::default()
        };
        let runtime = Runtime::new().unwrap();
        let app = runtime
            .block_on(App::start_with(&loaded, Vec::new(), compiler()))
            .unwrap();
        Self {
            runtime,
            app,
            folder,
        }
    }

    fn probes(&self) -> std::path::PathBuf {
        self.folder.path().join("probes")
    }

    /// Watches for `seconds` and prints what the good probes and a client saw.
    fn watch(&self, what: &str, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds);
        let (lateness, answers) = self.runtime.block_on(async {
            let address = self.app.address();
            let client = tokio::spawn(ask_until(address, until));
            let lateness = self.lateness_until(until).await;
            (lateness, client.await.unwrap())
        });
        let runs = lateness.len();
        println!(
            "{what:<28} lateness of good runs p50 {:>6.2} ms, p99 {:>6.2}, max {:>6.2} ({runs} runs); HTTP p50 {:>6.2} ms, p99 {:>6.2}, max {:>6.2} ({} answers)",
            at(&lateness, 0.5),
            at(&lateness, 0.99),
            at(&lateness, 1.0),
            at(&answers, 0.5),
            at(&answers, 0.99),
            at(&answers, 1.0),
            answers.len()
        );
    }

    /// How late each run of a good probe began.
    async fn lateness_until(&self, until: Instant) -> Vec<Duration> {
        let mut changes = self.app.snapshots().changes();
        let mut seen: HashMap<Arc<str>, u64> = HashMap::new();
        let mut lateness = Vec::new();
        while tokio::time::timeout_at(until.into(), changes.changed())
            .await
            .is_ok()
        {
            let Some(snapshot) = self.app.snapshots().load() else {
                continue;
            };
            let good = snapshot
                .sources
                .iter()
                .filter(|source| source.info.name.starts_with("good-"));
            for source in good {
                let runs = seen.entry(source.info.name.clone()).or_default();
                if source.runs.runs > *runs {
                    *runs = source.runs.runs;
                    lateness.push(source.runs.lateness);
                }
            }
        }
        lateness.sort();
        lateness
    }
}

/// Asks for the metrics on one connection; gives how long each answer took.
async fn ask_until(address: std::net::SocketAddr, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answers = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    while Instant::now() < until {
        let asked = Instant::now();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut read = 0;
        while !is_whole(&buffer[..read]) {
            let more = stream.read(&mut buffer[read..]).await.unwrap();
            assert!(more > 0, "the server closed");
            read += more;
        }
        answers.push(asked.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    answers.sort();
    answers
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = std::str::from_utf8(&answer[..end])
        .unwrap()
        .to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    answer.len() >= end + 4 + length
}

fn at(sorted: &[Duration], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted
        .get(index.min(sorted.len().saturating_sub(1)))
        .map_or(f64::NAN, |one| one.as_secs_f64() * 1e3)
}

/// Rewrites three probes with ever new bytes until told to stop.
fn storm(folder: &Path, stop: &AtomicBool) -> usize {
    let mut rewrites = 0;
    while !stop.load(Ordering::Relaxed) {
        for name in 0..3_usize {
            let mut bytes = good(100 + name);
            bytes.extend([0, 9, 4, b'm', b'a', b'r', b'k']);
            bytes.extend(u32::try_from(rewrites).unwrap().to_le_bytes());
            put(folder, &format!("storm-{name}"), &bytes);
            rewrites += 1;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    rewrites
}

fn main() {
    let asked = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok());
    let seconds = asked.unwrap_or(60);
    let bench = Bench::start();
    bench.watch("ten good probes alone", seconds);

    for number in 0..HOSTILE {
        put(
            &bench.probes(),
            &format!("hostile-{number}"),
            &hostile(number).build(),
        );
    }
    bench.watch("beside twenty hostile ones", seconds);
    for number in 0..HOSTILE {
        fs::remove_file(bench.probes().join(format!("hostile-{number}.wasm"))).unwrap();
    }

    let stop = Arc::new(AtomicBool::new(false));
    let (folder, told) = (bench.probes(), stop.clone());
    let rewriting = std::thread::spawn(move || storm(&folder, &told));
    bench.watch("beside a storm of reloads", seconds);
    stop.store(true, Ordering::Relaxed);
    println!(
        "the storm: {} rewrites in {seconds} s",
        rewriting.join().unwrap()
    );
    bench.runtime.block_on(bench.app.stop());
}
