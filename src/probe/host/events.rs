//! `probity:events` and `probity:sql`: linked for every guest, answered with `unsupported` in this version.

use wasmtime::component::Resource;

use super::Guest;
use crate::model::Failure;
use crate::probe::v0_1_0::probity::events::events;
use crate::probe::v0_1_0::probity::sql::sql::{Host, HostRows, Value};

/// A query's rows; never made in this version, so that the type is all there is.
pub enum Rows {}

fn unsupported(what: &str) -> Failure {
    Failure::new(
        "unsupported",
        format!("{what} is not supported by this version of the host"),
    )
}

impl events::Host for Guest {
    fn emit(
        &mut self,
        _kind: String,
        _body_json: String,
    ) -> wasmtime::Result<Result<(), Resource<Failure>>> {
        self.answer(Err(unsupported("probity:events")))
    }
}

impl Host for Guest {
    fn query(
        &mut self,
        _database: String,
        _statement: String,
        _parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<Resource<Rows>, Resource<Failure>>> {
        self.answer(Err(unsupported("probity:sql")))
    }
}

impl HostRows for Guest {
    fn columns(&mut self, this: Resource<Rows>) -> wasmtime::Result<Vec<String>> {
        match *self.table.get(&this)? {}
    }

    fn take(
        &mut self,
        this: Resource<Rows>,
        _max_rows: u32,
    ) -> wasmtime::Result<Result<Vec<Vec<Value>>, Resource<Failure>>> {
        match *self.table.get(&this)? {}
    }

    fn take_json(
        &mut self,
        this: Resource<Rows>,
        _max_rows: u32,
    ) -> wasmtime::Result<Result<String, Resource<Failure>>> {
        match *self.table.get(&this)? {}
    }

    fn drop(&mut self, this: Resource<Rows>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
