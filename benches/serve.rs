//! Serving ready bodies beside a bare hyper handler with the same bytes, and the cost of a scrape beside node_exporter.
//!
//! Every server runs in a process of its own (this program again, in a role), the client in this one.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/snapshots.rs"]
mod snapshots;

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use criterion::Criterion;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use probity::export::{Encoder, Format};
use probity::http::{Config, Handles, HttpTally, Server};
use probity::model::{Metric, MetricKind, Tally};
use probity::snapshot::{Snapshot, SnapshotCell, document};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Says which server this process is.
const ROLE: &str = "PROBITY_BENCH_ROLE";
/// Client connections at once.
const CONNECTIONS: usize = 8;
/// Series served while requests are counted: about 10 KB of text.
const SERIES: usize = 120;
/// Rounds, alternating between the servers so that both see the same machine.
const ROUNDS: usize = 9;
const REQUESTS_A_ROUND: usize = 20_000;
/// Scrapes for the cost of one.
const SCRAPES: usize = 400;
/// The pause before each: a server in its stride would look cheaper than it is.
const PAUSE: Duration = Duration::from_millis(5);

fn shown(series: usize) -> Snapshot {
    let keys = ["device", "mountpoint"];
    let metric = Metric::new(
        MetricKind::Gauge,
        "bench_filesystem_available_bytes",
        "bytes",
        "Space left.",
        &keys,
    );
    let metric = metric.unwrap();
    let machine = snapshots::sampler("machine", |recorder| {
        for index in 0..series {
            let labels = [format!("device-{index}"), format!("/mnt/volume/{index}")];
            let labels = labels.each_ref().map(String::as_str);
            snapshots::record(recorder, &metric, &labels, (index as f64).sqrt());
        }
    });
    snapshots::ageless(snapshots::snapshot(1, vec![machine]))
}

fn main() {
    match std::env::var(ROLE) {
        Ok(role) => serve(&role),
        Err(_) => measure(),
    }
}

// The servers.

fn serve(role: &str) {
    let runtime = Runtime::new().unwrap();
    match role.strip_prefix("fresh:") {
        Some(series) => runtime.block_on(probity(shown(series.parse().unwrap()))),
        None if role == "ready" => runtime.block_on(probity(shown(SERIES))),
        None => runtime.block_on(bare(shown(SERIES))),
    }
}

async fn probity(snapshot: Snapshot) {
    let cell = Arc::new(SnapshotCell::new());
    cell.publish(snapshot.clone());
    let tally = HttpTally::new(&mut Tally::default());
    let handles = Handles::new(cell.clone(), Arc::new(tally));
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..Config::default()
    };
    let server = Server::bind(&config, handles).unwrap();
    println!("{}", server.local_addr());
    let mut sequence = 1;
    let ended = on_each_byte(move || {
        sequence += 1;
        cell.publish(Snapshot {
            sequence,
            ..snapshot.clone()
        });
    });
    server.run(ended).await.unwrap();
}

/// The same bytes from a handler that looks at the path and nothing else.
async fn bare(snapshot: Snapshot) {
    let now = Instant::now();
    let metrics = Encoder::new(Format::Prometheus).encode(&snapshot, now);
    let metrics = Bytes::from(metrics.bytes);
    let json = Bytes::from(document(&snapshot, now).to_string());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let ended = on_each_byte(|| {});
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            () = ended.cancelled() => return,
        };
        stream.set_nodelay(true).unwrap();
        let (metrics, json) = (metrics.clone(), json.clone());
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let bytes = match request.uri().path() {
                "/metrics" => metrics.clone(),
                _ => json.clone(),
            };
            async { Ok::<_, Infallible>(Response::new(Body::from(bytes))) }
        });
        tokio::spawn(async move {
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
        });
    }
}

/// Acts on each byte that the parent sends through the standard input; cancelled when the parent is gone.
fn on_each_byte(mut act: impl FnMut() + Send + 'static) -> CancellationToken {
    let token = CancellationToken::new();
    let gone = token.clone();
    std::thread::spawn(move || {
        while std::io::stdin().read(&mut [0]).is_ok_and(|read| read > 0) {
            act();
        }
        gone.cancel();
    });
    token
}

// The client.

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            address: line.trim().parse().unwrap(),
        }
    }

    /// Processor time of all its threads; `stat` counts in hundredths of a second, which is too coarse.
    fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanoseconds = tasks.map(|task| {
            let path = task.unwrap().path().join("schedstat");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.split(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0)
        });
        Duration::from_nanos(nanoseconds.sum())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    request: String,
}

impl Client {
    async fn connect(address: SocketAddr, path: &str, headers: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: vec![0; 4 << 20],
            request: format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"),
        }
    }

    /// One request and its whole answer; gives the body.
    async fn ask(&mut self) -> &[u8] {
        self.stream
            .write_all(self.request.as_bytes())
            .await
            .unwrap();
        let (mut filled, mut whole) = (0, None);
        while whole.is_none_or(|(_, end)| filled < end) {
            let read = self.stream.read(&mut self.buffer[filled..]).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            filled += read;
            whole = whole.or_else(|| extent(&self.buffer[..filled]));
        }
        let (start, end) = whole.unwrap();
        &self.buffer[start..end]
    }
}

/// Where the body begins and ends, once the header is whole. A chunked answer (node_exporter's large ones) is
/// whole when it ends like one.
fn extent(answer: &[u8]) -> Option<(usize, usize)> {
    let start = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..start])
        .unwrap()
        .to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    match head.split("content-length: ").nth(1) {
        Some(rest) => {
            let length: usize = rest.split("\r\n").next().unwrap().parse().unwrap();
            Some((start, start + length))
        }
        None => answer
            .ends_with(b"\r\n0\r\n\r\n")
            .then_some((start, answer.len())),
    }
}

/// The time that `count` requests over all connections take.
async fn load(address: SocketAddr, path: &'static str, count: usize) -> Duration {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(address, path, "").await;
        assert!(client.ask().await.len() > 1000);
        clients.push(client);
    }
    let each = count.div_ceil(CONNECTIONS);
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                for _ in 0..each {
                    client.ask().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    begun.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure() {
    // One thread: the other processor is the server's.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (ready, bare) = (Process::start("ready"), Process::start("bare"));
    for path in ["/metrics", "/snapshot"] {
        compare(&runtime, &ready, &bare, path);
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("serve");
    for path in ["/metrics", "/snapshot"] {
        for (name, process) in [("probity", &ready), ("bare_hyper", &bare)] {
            group.bench_function(format!("{name}{path}"), |bencher| {
                bencher.iter_custom(|count| {
                    runtime.block_on(load(process.address, path, count as usize))
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
    drop((ready, bare));
    scrape_beside_node_exporter(&runtime);
}

fn compare(runtime: &Runtime, ready: &Process, bare: &Process, path: &'static str) {
    let mut rates = [Vec::new(), Vec::new()];
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (index, process) in [ready, bare].into_iter().enumerate() {
            let before = process.cpu();
            let took = runtime.block_on(load(process.address, path, REQUESTS_A_ROUND));
            let cpu = process.cpu() - before;
            rates[index].push(REQUESTS_A_ROUND as f64 / took.as_secs_f64());
            costs[index].push(cpu.as_secs_f64() * 1e6 / REQUESTS_A_ROUND as f64);
        }
    }
    let ([ours, theirs], [our_cost, their_cost]) = (rates.map(median), costs.map(median));
    println!("\n{path} over {CONNECTIONS} kept-alive connections, median of {ROUNDS} rounds");
    println!("  probity    {ours:>9.0} requests/s  {our_cost:>6.1} us CPU each");
    println!("  bare hyper {theirs:>9.0} requests/s  {their_cost:>6.1} us CPU each");
    println!(
        "  ratio {:.0} % (target: at least 70 %)",
        100.0 * ours / theirs
    );
}

/// Microseconds of the server's processor time for one scrape; ours gets a new snapshot before each.
fn scrape(runtime: &Runtime, process: &mut Process, headers: &str) -> f64 {
    runtime.block_on(async {
        let mut client = Client::connect(process.address, "/metrics", headers).await;
        client.ask().await;
        let before = process.cpu();
        for _ in 0..SCRAPES {
            if let Some(input) = &mut process.child.stdin {
                input.write_all(b".").unwrap();
            }
            tokio::time::sleep(PAUSE).await;
            client.ask().await;
        }
        (process.cpu() - before).as_secs_f64() * 1e6 / SCRAPES as f64
    })
}

fn scrape_beside_node_exporter(runtime: &Runtime) {
    let Some(mut exporter) = node_exporter(runtime) else {
        println!("\nprometheus-node-exporter is not installed: scrapes were NOT compared");
        return;
    };
    let series = runtime.block_on(async {
        let mut client = Client::connect(exporter.address, "/metrics", "").await;
        let text = String::from_utf8_lossy(client.ask().await).into_owned();
        let samples = text
            .lines()
            .filter(|line| line.contains(' ') && !line.starts_with('#'));
        samples.count()
    });
    let mut fresh = Process::start(&format!("fresh:{series}"));
    println!("\none scrape of {series} series, a new snapshot for each, mean of {SCRAPES}");
    for (name, headers) in [("plain", ""), ("gzip", "Accept-Encoding: gzip\r\n")] {
        let (ours, theirs) = (
            scrape(runtime, &mut fresh, headers),
            scrape(runtime, &mut exporter, headers),
        );
        println!(
            "  {name:<6} probity {ours:>7.1} us CPU, node_exporter {theirs:>7.1} us CPU, {:.0} times less (target: 40)",
            theirs / ours
        );
    }
    println!(
        "  (ours without sampling, which its schedule does once a second whoever asks; with publishing the snapshot)\n"
    );
}

fn node_exporter(runtime: &Runtime) -> Option<Process> {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let child = Command::new("prometheus-node-exporter")
        .arg(format!("--web.listen-address={address}"))
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let exporter = Process { child, address };
    runtime.block_on(async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    Some(exporter)
}
