//! `probity:host/secrets`: what stands for a granted secret, or the secret itself.

use wasmtime::component::Resource;

use super::Guest;
use crate::model::Failure;
use crate::probe::v0_1_0::probity::host::secrets::Host;

impl Host for Guest {
    fn placeholder(&mut self, name: String) -> wasmtime::Result<Result<String, Resource<Failure>>> {
        let granted = self.access.placeholder(&name);
        self.answer(granted)
    }

    fn reveal(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, Resource<Failure>>> {
        let granted = self.access.reveal(&name);
        self.answer(granted)
    }
}
