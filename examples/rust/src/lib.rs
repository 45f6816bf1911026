wit_bindgen::generate!({ path: "wit", world: "probe", generate_all });

use exports::probity::probe::collector::Guest;
use probity::health::health::{Check, Status};
use probity::host::{config, failure::Failure};
use probity::metrics::metrics::Gauge;

struct Hello;

impl Guest for Hello {
    /// Runs once, before anything else.
    fn start() -> Result<(), Failure> {
        Ok(())
    }

    /// Runs on schedule. What it sets counts only if it returns `Ok`.
    fn collect() -> Result<(), Failure> {
        let answer = Gauge::define("hello_answer", "", "The answer.", &["asked_by".into()])?;
        let who = config::get("who").unwrap_or("nobody".into());
        answer.set(&[who], 42.0)?;
        Check::define("answer", "There is an answer")?.report(Status::Pass, "42");
        Ok(())
    }
}

export!(Hello);
