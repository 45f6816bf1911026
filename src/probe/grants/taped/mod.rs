//! WASI where a tape is on: what wasmtime answers of the machine is recorded, or had of the tape.
//!
//! These functions are linked over those of a host without a tape, so that one without it has none of them. Grants are
//! checked as ever, on replay too.

mod codes;
mod files;
mod listing;
mod opening;
mod streams;
mod tcp;
mod timers;
mod traffic;
mod udp;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime_wasi::p2::SocketResult;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

pub(in crate::probe) use codes::{is_file_error, is_socket_error};
pub(super) use opening::{have_moved, open};

use super::resolve::{MachineResolver, Resolve};
use crate::probe::host::Guest;
use crate::probe::tape::{Deck, Tape};

/// What stands for files and sockets in one instance.
#[derive(Default)]
pub(super) struct Held {
    files: files::Handles,
    /// By the socket's place in the table.
    tcp: HashMap<u32, Arc<tcp::Line>>,
    udp: HashMap<u32, udp::Ends>,
}

/// The machine's resolver with a tape in front.
pub(super) struct TapedResolver(pub(super) Tape);

impl Resolve for TapedResolver {
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.0.resolve(name, || MachineResolver.resolve(name))
    }
}

/// The tape, which is on where these functions are linked.
fn deck(guest: &Guest) -> wasmtime::Result<Arc<Deck>> {
    let deck = guest.access.reach.tape.deck();
    deck.cloned()
        .ok_or_else(|| wasmtime::format_err!("no tape is on"))
}

/// What a guest gets of a socket's function: a result with an error code, unless the call is a trap.
type Told<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;

fn told<T>(result: SocketResult<T>) -> Told<T> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// Links what `tape` needs.
///
/// # Errors
/// When one of wasmtime's interfaces is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>, tape: &Tape) -> wasmtime::Result<()> {
    if !tape.is_on() {
        return Ok(());
    }
    timers::add_to_linker(linker)?;
    if !tape.has_answers() {
        return Ok(());
    }
    files::add_to_linker(linker)?;
    listing::add_to_linker(linker)?;
    tcp::add_to_linker(linker)?;
    udp::add_to_linker(linker)
}
