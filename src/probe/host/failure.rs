//! `probity:host/failure`: the one error of every import and export.

use wasmtime::component::Resource;

use super::Guest;
use crate::model::Failure;
use crate::probe::v0_1_0::probity::host::failure::{Host, HostFailure};

/// A wait the target asked for.
const RETRY_AFTER: &str = "retry-after";

impl Guest {
    fn fail(&mut self, code: &str, message: &str) -> wasmtime::Result<Resource<Failure>> {
        self.hand_out();
        Ok(self.table.push(Failure::new(code, message))?)
    }
}

impl Host for Guest {}

impl HostFailure for Guest {
    fn not_applicable(&mut self, message: String) -> wasmtime::Result<Resource<Failure>> {
        self.fail("not-applicable", &message)
    }

    fn bad_config(&mut self, message: String) -> wasmtime::Result<Resource<Failure>> {
        self.fail("bad-config", &message)
    }

    fn denied(&mut self, message: String) -> wasmtime::Result<Resource<Failure>> {
        self.fail("denied", &message)
    }

    fn unavailable(&mut self, message: String) -> wasmtime::Result<Resource<Failure>> {
        self.fail("unavailable", &message)
    }

    fn retry_after(
        &mut self,
        seconds: f64,
        message: String,
    ) -> wasmtime::Result<Resource<Failure>> {
        let wait = if seconds.is_finite() {
            seconds.clamp(0.0, 86_400.0)
        } else {
            0.0
        };
        let mut failure = Failure::new(RETRY_AFTER, message);
        failure.retry_after = Some(std::time::Duration::from_secs_f64(wait));
        self.hand_out();
        Ok(self.table.push(failure)?)
    }

    fn other(&mut self, message: String) -> wasmtime::Result<Resource<Failure>> {
        self.fail("other", &message)
    }

    fn code(&mut self, this: Resource<Failure>) -> wasmtime::Result<String> {
        Ok(self.table.get(&this)?.code.clone())
    }

    fn message(&mut self, this: Resource<Failure>) -> wasmtime::Result<String> {
        Ok(self.table.get(&this)?.message.clone())
    }

    fn drop(&mut self, this: Resource<Failure>) -> wasmtime::Result<()> {
        self.take_back();
        self.table.delete(this)?;
        Ok(())
    }
}
