//! `probity:host/secrets`: none can be granted in this version, so every name is denied.

use wasmtime::component::Resource;

use super::Guest;
use crate::model::Failure;
use crate::probe::v0_1_0::probity::host::secrets::Host;

fn denied(name: &str) -> Failure {
    Failure::new(
        "denied",
        format!("no secret `{name}` is granted to this probe"),
    )
}

impl Host for Guest {
    fn placeholder(&mut self, name: String) -> wasmtime::Result<Result<String, Resource<Failure>>> {
        self.answer(Err(denied(&name)))
    }

    fn reveal(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, Resource<Failure>>> {
        self.answer(Err(denied(&name)))
    }
}
