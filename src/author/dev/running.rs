//! A running Probity, asked over HTTP what became of a component.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::client::Instance;

/// An answer has to be here by then.
const PATIENCE: Duration = Duration::from_secs(5);
/// A new component has to have run by then; a large one takes long to compile.
const LONGEST_ARRIVAL: Duration = Duration::from_secs(120);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// A running Probity.
#[derive(Debug, Clone)]
pub struct Running {
    address: SocketAddr,
    instance: Instance,
}

/// Why it could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// Nothing answers there.
    #[error("no Probity answers at {0}: {1}")]
    Silent(SocketAddr, io::Error),
    /// Something answers, and not as a Probity would.
    #[error("what answers at {0} is no Probity, or wants another token: {1}")]
    Strange(SocketAddr, String),
    /// The component was not taken notice of.
    #[error("the Probity at {0} took no notice of the component within {limit} s", limit = LONGEST_ARRIVAL.as_secs())]
    Unnoticed(SocketAddr),
}

/// What became of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// It runs, in this state.
    Runs {
        /// Such as `active`.
        state: String,
        /// Counts the versions of its probe.
        generation: u64,
        /// What its last run came to, where that was no good.
        error: Option<String>,
        /// The component's file, as that process names it.
        file: PathBuf,
    },
    /// It does not run; what ran before still does.
    Refused {
        /// `rejected` or `held`.
        verdict: String,
        /// Why.
        reason: String,
    },
}

impl Running {
    /// One that serves there. `token`: what it wants to see.
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self {
            address,
            instance: Instance::new(address, token),
        }
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the component with this digest runs under the probe's name already, wherever its file lies.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn has(&self, probe: &str, digest: &str) -> Result<bool, RunningError> {
        let view = self.get(&path_of(probe)).await?;
        Ok(view.is_some_and(|view| view["digest"] == digest))
    }

    /// Waits until the component with this digest has run under the probe's name, or was refused.
    ///
    /// # Errors
    /// It does not answer, or never takes notice.
    pub async fn arrival(&self, probe: &str, digest: &str) -> Result<Arrival, RunningError> {
        let path = path_of(probe);
        let arrival = async {
            loop {
                // Not found is not yet.
                if let Some(view) = self.get(&path).await?
                    && let Some(arrival) = became(&view, digest)
                {
                    return Ok(arrival);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let limited = tokio::time::timeout(LONGEST_ARRIVAL, arrival).await;
        limited.unwrap_or(Err(RunningError::Unnoticed(self.address)))
    }

    async fn get(&self, path: &str) -> Result<Option<Value>, RunningError> {
        let silent = |error| RunningError::Silent(self.address, error);
        let answer = self.instance.get(path, PATIENCE).await.map_err(silent)?;
        match answer.status {
            404 | 503 => Ok(None),
            200 => answer
                .json()
                .map(Some)
                .map_err(|error| RunningError::Strange(self.address, error.to_string())),
            _ => Err(RunningError::Strange(self.address, answer.reason())),
        }
    }
}

fn path_of(probe: &str) -> String {
    format!("/api/v1/probes/{probe}")
}

/// What a probe's view says of a component; nothing while it says nothing yet.
fn became(view: &Value, digest: &str) -> Option<Arrival> {
    let text = |pointer: &str| {
        view.pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let verdict = text("/on_disk/verdict").unwrap_or_default();
    if text("/on_disk/digest").as_deref() == Some(digest)
        && matches!(&*verdict, "rejected" | "held")
    {
        let reason = text("/on_disk/error/message").unwrap_or_default();
        return Some(Arrival::Refused { verdict, reason });
    }
    let state = text("/state")?;
    if text("/digest").as_deref() != Some(digest) || state == "loading" {
        return None;
    }
    let is_well = state == "active";
    Some(Arrival::Runs {
        error: text("/last_error/message").filter(|_| !is_well),
        generation: view
            .pointer("/generation")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        file: text("/file").unwrap_or_default().into(),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_became_of_a_component_is_read_off_its_probe() {
        let refused = json!({"state": "active", "digest": "old", "on_disk":
            {"verdict": "rejected", "digest": "new", "error": {"message": "no"}}});
        let expected = Arrival::Refused {
            verdict: "rejected".into(),
            reason: "no".into(),
        };
        assert_eq!(became(&refused, "new"), Some(expected));
        let before = json!({"state": "active", "digest": "old", "on_disk": {"verdict": "loading", "digest": "new"}});
        assert_eq!(became(&before, "new"), None);
        let loading = json!({"state": "loading", "digest": "new"});
        assert_eq!(became(&loading, "new"), None);
        let runs = json!({"state": "degraded", "digest": "new", "generation": 3, "file": "probes/a.wasm",
            "last_error": {"message": "gone"}});
        let expected = Arrival::Runs {
            state: "degraded".into(),
            generation: 3,
            error: Some("gone".into()),
            file: "probes/a.wasm".into(),
        };
        assert_eq!(became(&runs, "new"), Some(expected));
    }
}
