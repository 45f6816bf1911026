//! Waiting for what a probe is bound to say once its files have changed.

use probity::model::ProbeState;

use crate::place::state;
use crate::wire::PATIENCE;
use crate::{Watching, error, watching_every};

/// Starts a probe that runs every 100 ms.
pub async fn often(probe: &str, section: &str) -> Watching {
    watching_every("100ms", probe, section).await
}

impl Watching {
    /// A check's verdict and message.
    async fn check(&self, id: &str) -> Option<(String, String)> {
        let body = self.running.get("/snapshot/health").await.body;
        let health: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let name = format!("{}/{id}", self.probe);
        let mut checks = health["checks"].as_array()?.iter();
        let check = checks.find(|check| check["name"] == name.as_str())?;
        let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("message")))
    }

    /// The value of a series, written as in `/metrics` without the label `probe`.
    pub async fn of(&self, series: &str) -> Option<f64> {
        let own = format!("{{probe=\"{}\"", self.probe);
        let written = match series.split_once('{') {
            Some((name, labels)) => format!("{name}{own},{labels} "),
            None => format!("{series}{own}}} "),
        };
        let text = self.running.get("/metrics").await;
        let mut lines = text.text().lines();
        let number = lines.find_map(|line| line.strip_prefix(&written))?;
        Some(number.parse().unwrap())
    }

    /// Waits until a series has a value.
    pub async fn until_value(&self, series: &str, wanted: impl Fn(f64) -> bool) {
        let mut changes = self.running.0.snapshots().changes();
        let found = async {
            while !self.of(series).await.is_some_and(&wanted) {
                changes.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, found).await.is_err() {
            panic!("{series} is {:?}", self.of(series).await);
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
            panic!("{id} is {:?}", self.check(id).await);
        }
    }

    /// Waits until the probe lies dormant, and gives the reason.
    pub async fn until_dormant(&self) -> String {
        let dormant = |snapshot: &_| state(snapshot, &self.probe) == Some(ProbeState::Dormant);
        let snapshot = self.running.until("it lies dormant", dormant).await;
        error(&snapshot, &self.probe)
    }
}
