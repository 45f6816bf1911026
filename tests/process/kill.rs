//! `kill -9` of the whole program while senders wait for its answers: no event that was answered with 200 is lost, and none that was sent
//! again is there twice (S11).

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::{PATIENCE, Program};

const KILLS: usize = 6;
const SENDERS: usize = 3;
/// Events in a batch.
const BATCH: usize = 20;

#[test]
fn s11_kills_of_the_program_lose_no_event_that_was_answered_and_double_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut answered = [0; SENDERS];
    for kill in 0..KILLS {
        let program = Program::start_in(folder.path(), &["--probes", "none"]);
        let (told, heard) = channel();
        thread::scope(|scope| {
            for (sender, batches) in answered.iter().copied().enumerate() {
                let (told, address) = (told.clone(), program.address);
                scope.spawn(move || send(address, sender, batches, &told));
            }
            drop(told);
            // Each sender has been answered by then, unless the others are much faster.
            let enough = heard.iter().take(SENDERS + 5 * kill).collect::<Vec<_>>();
            program.signal(Signal::KILL);
            for sender in enough.into_iter().chain(heard) {
                answered[sender] += 1;
            }
        });
    }
    let program = Program::start_in(folder.path(), &["--probes", "none"]);
    for (sender, batches) in answered.into_iter().enumerate() {
        let ids = ids(&program, sender);
        let there: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(there.len(), ids.len(), "one is there twice");
        // The last one may have been committed, and its answer lost.
        assert!(
            [batches, batches + 1]
                .map(|one| one * BATCH)
                .contains(&ids.len()),
            "{} events of {batches} batches",
            ids.len()
        );
        for number in 0..ids.len() {
            assert!(there.contains(&id(sender, number)), "{number} is lost");
        }
    }
    let all: usize = answered.iter().sum();
    assert!(all >= KILLS * SENDERS, "it got nowhere: {answered:?}");
}

fn id(sender: usize, number: usize) -> String {
    format!("sender{sender}-{number}")
}

/// Sends one batch after the other, the first of them perhaps once more, and tells of each answer, until the program is gone.
fn send(address: SocketAddr, sender: usize, batches: usize, told: &Sender<usize>) {
    for batch in batches.. {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let event = |number| {
            json!({
                "id": id(sender, number), "kind": "run.started", "run": format!("run-{batch}"),
                "source": format!("sender{sender}"), "data": { "name": "killed" },
            })
        };
        let lines: Vec<String> = numbers.map(|number| event(number).to_string()).collect();
        match post(address, &lines.join("\n")) {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => {
                told.send(sender).unwrap();
            }
            // The connection was cut, or the answer was.
            Err(_) => return,
            Ok(answer) if answer.is_empty() => return,
            Ok(answer) => panic!("{answer}"),
        }
    }
}

fn post(address: SocketAddr, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The ids of all events of a sender.
fn ids(program: &Program, sender: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/events?source=sender{sender}&limit=1000{cursor}");
        let (status, body) = program.get(&path);
        assert_eq!(status, 200, "{body}");
        let page: Value = serde_json::from_str(&body).unwrap();
        let events = page["events"].as_array().unwrap().iter();
        ids.extend(events.map(|event| event["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}
