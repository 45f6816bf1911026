//! `probity:events`: linked for every guest, answered with `unsupported` in this version.

use wasmtime::component::Resource;

use super::Guest;
use crate::model::Failure;
use crate::probe::v0_1_0::probity::events::events::Host;

impl Host for Guest {
    fn emit(
        &mut self,
        _kind: String,
        _body_json: String,
    ) -> wasmtime::Result<Result<(), Resource<Failure>>> {
        let message = "probity:events is not supported by this version of the host";
        self.answer(Err(Failure::new("unsupported", message)))
    }
}
