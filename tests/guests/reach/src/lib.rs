//! Reaches for what its configuration says, and answers with what came of it: `{ do = "tcp", to = "127.0.0.1:6379" }`.
//!
//! Every run fails with the code `other`, and the message is the answer: `ok: …` or `error: …` with the error's name.

#[allow(warnings)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit/0.1.0", world: "probe", generate_all });
}

mod files;
mod http;
mod sockets;

use bindings::exports::probity::probe::collector::Guest;
use bindings::probity::host::{config, failure::Failure, secrets};

/// What came of it, in words.
type Answer = Result<String, String>;

/// The name of one of WASI's errors, from what the bindings show of it.
fn name(error: impl std::fmt::Debug) -> String {
    let shown = format!("{error:?}");
    match shown
        .split_once("name: \"")
        .and_then(|(_, rest)| rest.split_once('"'))
    {
        Some((name, _)) => name.to_owned(),
        None => shown.trim_start_matches("ErrorCode::").to_owned(),
    }
}

fn setting(key: &str) -> String {
    config::get(key).unwrap_or_default()
}

/// Code and message of the host's failure.
fn told(failure: Failure) -> String {
    format!("{}: {}", failure.code(), failure.message())
}

fn environment() -> Answer {
    let mut variables = wasip2::cli::environment::get_environment();
    variables.sort();
    let shown = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    Ok(shown.collect::<Vec<_>>().join(" "))
}

fn reach() -> Answer {
    let to = setting("to");
    match setting("do").as_str() {
        "http" => http::get(&to),
        "abandon" => http::abandon(&to),
        "tcp" => sockets::tcp(&to),
        "listen" => sockets::listen(),
        "hoard" => sockets::hoard(),
        "udp" => sockets::udp(&to),
        "resolve" => sockets::resolve(&to),
        "read" => files::read(&to),
        "stat" => files::stat(&to),
        "write" => files::write(&to),
        "list" => files::list(),
        "environment" => environment(),
        "placeholder" => secrets::placeholder(&to).map_err(told),
        "reveal" => secrets::reveal(&to)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(told),
        other => Err(format!("does not know how to {other}")),
    }
}

struct Component;

impl Guest for Component {
    fn start() -> Result<(), Failure> {
        Ok(())
    }

    fn collect() -> Result<(), Failure> {
        Err(Failure::other(&match reach() {
            Ok(found) => format!("ok: {found}"),
            Err(error) => format!("error: {error}"),
        }))
    }
}

bindings::export!(Component with_types_in bindings);
