//! One standard probe on the whole runtime, set up by its own section of the configuration.

use std::fs;
use std::path::Path;

use probity::model::ProbeState;

use super::place::{Place, Running, state};
use super::wire::PATIENCE;

/// Leaves a run time for a server that answers in many pieces, on a machine with much else to do.
pub const PATIENT: &str = "limits = { deadline = \"60s\" }\n";

/// A runtime with one probe.
pub struct Stage {
    name: String,
    running: Running,
    /// What has to live as long as it runs.
    _place: Place,
}

impl Stage {
    /// Starts the probe `name`; `section`: what stands below `[[probe]]` besides the name. It runs every 100 ms.
    pub async fn start(name: &str, section: &str) -> Self {
        // The committed components, or those that were just built from their sources.
        let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/probes");
        let folder = std::env::var("PROBITY_TEST_PROBES").unwrap_or_else(|_| committed.to_owned());
        let component = fs::read(Path::new(&folder).join(format!("{name}.wasm"))).unwrap();
        let mut place = Place::new().add_bytes(name, &component);
        place.config.probe =
            vec![toml::from_str(&format!("name = \"{name}\"\n{section}")).unwrap()];
        // A check is shown as it is at once.
        place.config.health.failures = 1;
        place.config.health.recoveries = 1;
        Self {
            name: name.to_owned(),
            running: place.start().await,
            _place: place,
        }
    }

    /// The value of a series, written as in `/metrics` without the label `probe`.
    pub async fn value(&self, series: &str) -> Option<f64> {
        let body = self.running.get("/metrics").await.body;
        let text = String::from_utf8(body).unwrap();
        let own = format!("probe=\"{}\"", self.name);
        let values = text.lines().filter_map(|line| {
            let (written, value) = line.rsplit_once(' ')?;
            let written = written.replacen(&format!("{own},"), "", 1);
            let written = written.replacen(&format!("{{{own}}}"), "", 1);
            (written == series).then(|| value.parse().unwrap())
        });
        values.into_iter().next()
    }

    /// A check's verdict and message.
    pub async fn check(&self, id: &str) -> Option<(String, String)> {
        let body = self.running.get("/snapshot/health").await.body;
        let health: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let name = format!("{}/{id}", self.name);
        let mut checks = health["checks"].as_array()?.iter();
        let check = checks.find(|check| check["name"] == name.as_str())?;
        let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("message")))
    }

    /// Waits until a series has a value.
    pub async fn until_value(&self, series: &str, wanted: impl Fn(f64) -> bool) {
        let mut changes = self.running.0.snapshots().changes();
        let found = async {
            while !self.value(series).await.is_some_and(&wanted) {
                changes.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, found).await.is_err() {
            panic!(
                "{series} is {:?}; {:?}",
                self.value(series).await,
                self.last().await
            );
        }
    }

    /// Waits until a check says so, with these words in its message.
    pub async fn until_check(&self, id: &str, status: &str, words: &str) {
        let mut changes = self.running.0.snapshots().changes();
        let found = async {
            loop {
                let check = self.check(id).await;
                if check.is_some_and(|check| check.0 == status && check.1.contains(words)) {
                    return;
                }
                changes.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, found).await.is_err() {
            panic!(
                "{id} is {:?}; {:?}",
                self.check(id).await,
                self.last().await
            );
        }
    }

    /// Waits until the probe is in a state, and gives its last error's message.
    pub async fn until_state(&self, wanted: ProbeState) -> String {
        let found = |snapshot: &_| state(snapshot, &self.name) == Some(wanted);
        self.running.until("the state", found).await;
        self.last().await
    }

    /// The probe's last error's message.
    async fn last(&self) -> String {
        let body = self.running.get("/snapshot/probes").await.body;
        let probes: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let message = &probes[0]["last_error"]["message"];
        message.as_str().unwrap_or_default().to_owned()
    }

    /// Ends it.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}
