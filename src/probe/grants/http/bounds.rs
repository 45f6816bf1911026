//! How much of a guest's own a request may hold in this host's memory before it is sent.
//!
//! Making a request needs no grant, so that its address is known when it is refused, and a guest may keep as many as it
//! may have handles.

use std::collections::HashSet;

use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi_http::p2::bindings::http::types::{
    HostOutgoingRequest as _, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpView as _};

use super::{CHUNK_BYTES, MAX_REQUESTS};
use crate::probe::grants::link::replace;
use crate::probe::host::Guest;

const TYPES: &str = "wasi:http/types@0.2.12";

/// The longest registered method has 17 letters.
const MAX_METHOD_BYTES: usize = 64;
/// A name of DNS has up to 253 bytes, and a port behind it.
const MAX_AUTHORITY_BYTES: usize = 1024;
/// What widespread servers take for a request's first line.
const MAX_PATH_BYTES: usize = 8 * 1024;
/// One set of header fields, with what each costs in memory. Most servers take less.
const MAX_FIELDS_BYTES: usize = 32 * 1024;
/// Requests with a body that an instance has not sent yet; each may hold two pieces of [`CHUNK_BYTES`].
const MAX_BODIES: usize = 2 * MAX_REQUESTS;
const _: () = assert!(MAX_BODIES * 2 * CHUNK_BYTES <= 4 << 20);

/// The requests of an instance that were given a body and may still be there, by their places in its table.
#[derive(Default)]
pub(super) struct Unsent(HashSet<u32>);

impl Unsent {
    fn has_room(&mut self, table: &ResourceTable) -> bool {
        self.0.retain(|id| {
            let request = table.get(&Resource::<OutgoingRequest>::new_borrow(*id));
            request.is_ok_and(|request| request.body.is_some())
        });
        self.0.len() < MAX_BODIES
    }
}

/// wasmtime's own settings.
pub(in crate::probe::grants) fn context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(MAX_FIELDS_BYTES);
    context
}

/// Puts the bounds in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add_texts(linker)?;
    replace(
        linker,
        TYPES,
        "[method]outgoing-request.body",
        |mut store, (request,): (Resource<OutgoingRequest>,)| {
            Box::new(async move {
                let guest = store.data_mut();
                if !guest.access.egress.unsent.has_room(&guest.table) {
                    return Ok((Err(()),));
                }
                let id = request.rep();
                let body: Result<Resource<OutgoingBody>, ()> = guest.http().body(request)?;
                guest.access.egress.unsent.0.insert(id);
                Ok((body,))
            })
        },
    )?;
    // A probe answers nobody.
    replace(
        linker,
        TYPES,
        "[method]outgoing-response.body",
        |_, (_,): (Resource<OutgoingResponse>,)| {
            Box::new(async move { Ok((Err::<Resource<OutgoingBody>, ()>(()),)) })
        },
    )
}

fn add_texts(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(
        linker,
        TYPES,
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Resource<OutgoingRequest>, Method)| {
            Box::new(async move {
                if matches!(&method, Method::Other(text) if text.len() > MAX_METHOD_BYTES) {
                    return Ok((Err(()),));
                }
                Ok((store.data_mut().http().set_method(request, method)?,))
            })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]outgoing-request.set-authority",
        |mut store, (request, text): (Resource<OutgoingRequest>, Option<String>)| {
            Box::new(async move {
                if is_longer(text.as_ref(), MAX_AUTHORITY_BYTES) {
                    return Ok((Err(()),));
                }
                Ok((store.data_mut().http().set_authority(request, text)?,))
            })
        },
    )?;
    replace(
        linker,
        TYPES,
        "[method]outgoing-request.set-path-with-query",
        |mut store, (request, text): (Resource<OutgoingRequest>, Option<String>)| {
            Box::new(async move {
                if is_longer(text.as_ref(), MAX_PATH_BYTES) {
                    return Ok((Err(()),));
                }
                Ok((store.data_mut().http().set_path_with_query(request, text)?,))
            })
        },
    )
}

fn is_longer(text: Option<&String>, limit: usize) -> bool {
    text.is_some_and(|text| text.len() > limit)
}
