//! `redis`.

use std::net::SocketAddr;

use probity::model::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::servers::{closing, dripping, endless, serving, silent, targets};
use super::watching;

const REPORT: &str = "# Server\r\nredis_version:7.4.0\r\nvalkey_version:8.1.0\r\nuptime_in_seconds:7\r\n# Memory\r\nused_memory:99\r\n\
    maxmemory:100\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\nrdb_last_bgsave_status:ok\r\n# Replication\r\nrole:slave\r\n\
    master_host:10.0.0.1\r\nmaster_port:6379\r\nmaster_link_status:down\r\nmaster_link_down_since_seconds:5\r\n# Keyspace\r\n\
    db0:keys=3,expires=1,avg_ttl=0\r\ndb0:keys=4,expires=1,avg_ttl=0\r\n";

/// The beginning of a report of which no more comes.
const BEGUN: &[u8] =
    b"+PONG\r\n$300\r\n# Server and so on, so on, so on, so on, so on, so on, so on";

/// A server that answers pings and reports.
async fn well() -> SocketAddr {
    serving(|mut stream| async move {
        let mut said = [0; 512];
        while let Ok(length @ 1..) = stream.read(&mut said).await {
            let reply = match String::from_utf8_lossy(&said[..length]).contains("PING") {
                true => "+PONG\r\n".to_owned(),
                false => format!("${}\r\n{REPORT}\r\n", REPORT.len()),
            };
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_that_is_not_well_hides_no_other() {
    let servers = [
        ("silent", silent().await),
        ("closing", closing().await),
        ("endless", endless(b"+").await),
        ("report", endless(b"$400000\r\n").await),
        ("dripping", dripping(BEGUN).await),
        ("other", dripping(b"220 mail\r\n").await),
        ("well", well().await),
    ];
    let section = targets(&servers, ", timeout = \"1s\"");
    let watching = watching("redis", &section).await;
    for (name, _) in servers {
        let up = f64::from(u8::from(name == "well"));
        let labels = format!("target=\"{name}\"");
        watching.shows(&[("redis_up", &labels, up)]).await;
    }
    let facts = "target=\"well\",software=\"valkey\",version=\"8.1.0\",role=\"replica\"";
    let wanted = [
        ("redis_server_info", facts, 1.0),
        ("redis_keys", "target=\"well\",db=\"0\"", 3.0),
    ];
    watching.shows(&wanted).await;
    let long = "it sends a line of more than 1024 bytes";
    let memory = "99 B of 100 B used, noeviction, 99 %: fails from 98 %";
    let link = "the link to its primary 10.0.0.1:6379 is down for 5 s";
    let other = "it does not speak Redis's protocol";
    let wanted = [
        ("redis/silent", Status::Fail, "no answer within 1000 ms"),
        ("redis/endless", Status::Fail, long),
        ("redis/other", Status::Fail, other),
        ("redis/well.memory", Status::Fail, memory),
        ("redis/well.replication", Status::Fail, link),
        ("redis/well.persistence", Status::Pass, "to the disk is"),
    ];
    watching.judges(&wanted).await;
    watching.stop().await;
}
