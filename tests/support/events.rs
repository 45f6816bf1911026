//! A client of the live stream.
#![allow(dead_code, clippy::unwrap_used)]

use serde_json::Value;

use super::wire::{Answer, Client, TestServer};

/// One block of a stream. A comment, and what is no event, has no name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: String,
    pub comment: bool,
    pub retry: Option<u32>,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The run of the program and the number in its id.
    pub fn run_and_number(&self) -> (&str, u64) {
        let (run, number) = self.id.as_ref().unwrap().split_once('-').unwrap();
        (run, number.parse().unwrap())
    }
}

/// A client that listens.
pub struct Listener {
    client: Client,
    pub head: Answer,
    text: String,
}

impl Listener {
    pub async fn open(server: &TestServer, query: &str) -> Self {
        Self::open_with(server, query, "").await
    }

    /// With further header lines, each with its line end.
    pub async fn open_with(server: &TestServer, query: &str, headers: &str) -> Self {
        Self::ask(server, &request(query, headers)).await
    }

    /// With a request of one's own.
    pub async fn ask(server: &TestServer, request: &str) -> Self {
        let mut client = server.connect().await;
        client.send(request).await;
        let head = client.head().await;
        assert_eq!(head.status, 200, "{request}");
        Self {
            client,
            head,
            text: String::new(),
        }
    }

    /// The next block; nothing at the end of the stream.
    pub async fn next_or_end(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parse(block);
                self.text = rest.to_owned();
                return Some(event);
            }
            let chunk = self.client.chunk().await?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    pub async fn next(&mut self) -> Event {
        self.next_or_end().await.expect("the stream has ended")
    }

    /// The next event, which must have this name.
    pub async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await;
        assert_eq!(event.name, name, "{event:?}");
        event
    }

    /// Passes over the greeting and events until one of this name, and gives that.
    pub async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.name == name {
                return event;
            }
        }
    }
}

/// A request for the stream.
pub fn request(query: &str, headers: &str) -> String {
    format!("GET /api/v1/stream{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

fn parse(block: &str) -> Event {
    let mut event = Event::default();
    let mut data = Vec::new();
    for line in block.lines() {
        match line.split_once(": ").unwrap_or((line, "")) {
            ("event", name) => event.name = name.to_owned(),
            ("id", id) => event.id = Some(id.to_owned()),
            ("data", one) => data.push(one),
            ("retry", time) => event.retry = Some(time.parse().unwrap()),
            ("", _) => event.comment = true,
            other => panic!("{other:?} is no field"),
        }
    }
    event.data = data.join("\n");
    event
}
