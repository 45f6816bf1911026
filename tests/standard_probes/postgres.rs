//! `postgres`. Logins are tested with the probe's own sources, and against real servers by `.ci/targets`.

use probity::model::Status;

use super::servers::{closing, dripping, endless, silent, targets};
use super::watching;

/// A request for something of 500 bytes, of which only so many come.
const LONG: &[u8] = &{
    let mut bytes = [0; 300];
    bytes[0] = b'R';
    bytes[3] = 2;
    bytes
};

/// What a server says that wants SCRAM, and one that is not up yet.
const SCRAM: &[u8] = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
const STARTING: &[u8] = b"E\0\0\0\x37SFATAL\0C57P03\0Mthe database system is starting up\0\0";

#[tokio::test(flavor = "multi_thread")]
async fn one_server_that_is_not_well_hides_no_other() {
    let servers = [
        ("silent", silent().await),
        ("closing", closing().await),
        ("endless", endless(b"N\0\0\0\x05\0").await),
        ("huge", endless(b"R\x7f\xff\xff\xff").await),
        ("other", dripping(b"HTTP/1.1 400 Bad Request\r\n").await),
        ("dripping", dripping(LONG).await),
        ("starting", dripping(STARTING).await),
        ("well", dripping(SCRAM).await),
    ];
    let section = targets(&servers, ", timeout = \"1s\"");
    let watching = watching("postgres", &section).await;
    let foreign = "it does not speak PostgreSQL's protocol";
    let starting = "is starting: the database system is starting up (57P03)";
    let wanted = [
        ("postgres/other", Status::Fail, foreign),
        ("postgres/huge", Status::Fail, foreign),
        ("postgres/starting", Status::Fail, starting),
        ("postgres/well", Status::Pass, "and asks for SCRAM-SHA-256"),
    ];
    watching.judges(&wanted).await;
    for (name, _) in servers {
        let (state, up) = match name {
            "starting" => ("starting", 0.0),
            "well" => ("accepting", 1.0),
            _ => ("unreachable", 0.0),
        };
        let labels = format!("target=\"{name}\",postgres_state=\"{state}\"");
        watching.shows(&[("postgres_state", &labels, 1.0)]).await;
        let labels = format!("target=\"{name}\"");
        watching.shows(&[("postgres_up", &labels, up)]).await;
    }
    watching.stop().await;
}
