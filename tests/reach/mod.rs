//! Runs the guest of tests/guests/reach, and servers for it to reach.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use probity::model::{Outcome, ProbeStatus, Span};
use probity::probe::{
    Candidate, Config, Due, Environment, LimitOverrides, Loaded, Probe, ProbeConfig, ProbeHost,
    Secrets, SecretsConfig, Surroundings, Trigger, load,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const GUEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/reach.wasm");

/// A host with an environment, the secret `token`, and a folder.
pub struct Place {
    host: Arc<ProbeHost>,
    pub folder: tempfile::TempDir,
    _cache: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let cache = tempfile::tempdir().unwrap();
        let environment = Environment::of(&[
            ("HOME".into(), "/home/me".into()),
            ("TOKEN".into(), "hunter2".into()),
        ]);
        let secrets: SecretsConfig = toml::from_str("token = { env = \"TOKEN\" }").unwrap();
        let around = Surroundings {
            cache: Some(cache.path().join("compiled")),
            secrets: Secrets::read(&secrets, &environment).unwrap(),
            environment,
            ..Surroundings::default()
        };
        Self {
            host: ProbeHost::new(&Config::default(), around).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            _cache: cache,
        }
    }

    /// The guest with these grants, as TOML, and this configuration.
    pub fn probe(&self, grant: &str, config: &[(&str, &str)], deadline: Duration) -> Box<Probe> {
        let config = config
            .iter()
            .map(|(key, value)| ((*key).to_owned(), toml::Value::from(*value)));
        let section = ProbeConfig {
            limits: LimitOverrides {
                deadline: Some(Span(deadline)),
                ..LimitOverrides::default()
            },
            grant: toml::from_str(grant).unwrap(),
            config: config.collect(),
            ..ProbeConfig::unmentioned("reach")
        };
        let candidate = Candidate {
            name: "reach".into(),
            file: GUEST.into(),
            generation: 1,
        };
        match load(&self.host, &candidate, &Config::default(), &section) {
            Loaded::Fit(version) => Box::new(Probe::new(version)),
            Loaded::Rejected(_, failure) => panic!("{failure}"),
        }
    }

    /// What the guest answers, and how the probe does then.
    pub async fn ask(&self, grant: &str, config: &[(&str, &str)]) -> (String, ProbeStatus) {
        let mut probe = self.probe(grant, config, Duration::from_secs(10));
        let said = said(&mut probe).await;
        (said, probe.status().clone())
    }
}

/// What a run's failure says.
pub async fn said(probe: &mut Probe) -> String {
    let due = Due {
        trigger: Trigger::Test,
        lateness: Duration::ZERO,
        missed: 0,
    };
    match probe.run(due).await.outcome {
        Outcome::Failed(failure) | Outcome::NotApplicable(failure) => failure.message.clone(),
        Outcome::Ok => panic!("it answers with a failure"),
    }
}

/// What the probe was denied, with the lines that grant it.
pub fn denied(status: &ProbeStatus) -> Vec<(String, Option<String>)> {
    let attempts = status.denied_attempts.iter();
    attempts
        .map(|one| (one.attempt.clone(), one.grant.clone()))
        .collect()
}

/// A server that gives this answer to every request and waits for the client to go; what it was asked comes out of the
/// channel.
pub async fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, heads) = mpsc::channel(100);
    let answer = answer.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (asked, answer) = (asked.clone(), answer.clone());
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                asked.send(String::from_utf8(head).unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
                // The client has its answer, and goes.
                let _ = stream.read_u8().await;
            });
        }
    });
    (address, heads)
}
