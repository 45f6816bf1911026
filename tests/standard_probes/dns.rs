//! `dns`.

use std::net::SocketAddr;

use probity::model::Status;
use tokio::net::{TcpListener, UdpSocket};

use super::watching;

/// A name server on one port of both kinds that answers each datagram with those that `answers` makes of it.
async fn server(answers: fn(&[u8]) -> Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        // Whoever comes over TCP is left waiting.
        let mut waiting = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            waiting.push(stream);
        }
    });
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            for answer in answers(&query[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

/// The query as an answer without records; EDNS's 11 bytes stand at its end.
fn empty(query: &[u8]) -> Vec<u8> {
    let mut answer = query[..query.len() - 11].to_vec();
    answer[2] |= 0x80;
    answer[11] = 0;
    answer
}

/// An answer with one address, whose owner points back to the question.
fn good(query: &[u8]) -> Vec<u8> {
    let mut answer = empty(query);
    answer[7] = 1;
    answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
    answer
}

fn forged(query: &[u8]) -> Vec<Vec<u8>> {
    let mut other_id = good(query);
    other_id[0] ^= 1;
    let mut other_name = good(query);
    other_name[13] ^= 1;
    vec![vec![0; 5], other_id, other_name, good(query)]
}

/// Its owner points to itself.
fn looping(query: &[u8]) -> Vec<Vec<u8>> {
    let mut answer = good(query);
    let owner = answer.len() - 16;
    answer[owner + 1] = u8::try_from(owner).unwrap();
    vec![answer]
}

fn lying(query: &[u8]) -> Vec<Vec<u8>> {
    let mut answer = good(query);
    answer[7] = 200;
    vec![answer]
}

fn truncated(query: &[u8]) -> Vec<Vec<u8>> {
    let mut answer = empty(query);
    answer[2] |= 2;
    vec![answer]
}

fn failing(query: &[u8]) -> Vec<Vec<u8>> {
    let mut answer = empty(query);
    answer[3] |= 2;
    vec![answer]
}

/// The section of a probe that asks each of these.
fn section(servers: &[(&str, SocketAddr)]) -> String {
    let (mut granted, mut queries) = (Vec::new(), Vec::new());
    for (name, server) in servers {
        granted.push(format!("\"{server}\""));
        queries.push(format!(
            "{{ name = \"{name}\", server = \"{server}\", domain = \"a.example.com\", timeout = \"1s\" }}"
        ));
    }
    let (granted, queries) = (granted.join(", "), queries.join(", "));
    format!(
        "grant = {{ udp = [{granted}], tcp = [{granted}] }}\nconfig = {{ queries = [{queries}] }}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_that_is_not_well_hides_no_other() {
    let servers = [
        ("silent", server(|_| Vec::new()).await),
        ("flood", server(|query| vec![query.to_vec(); 300]).await),
        ("looping", server(looping).await),
        ("lying", server(lying).await),
        ("truncated", server(truncated).await),
        ("failing", server(failing).await),
        ("forged", server(forged).await),
        ("well", server(|query| vec![good(query)]).await),
    ];
    let watching = watching("dns", &section(&servers)).await;
    let wanted = [
        ("dns/silent", "no answer within 1000 ms"),
        ("dns/flood", "none of 64 datagrams was an answer"),
        ("dns/looping", "a name points to itself or behind itself"),
        ("dns/lying", "its answer is malformed: a name is cut off"),
        ("dns/truncated", "no answer within 1000 ms"),
        (
            "dns/failing",
            "answers SERVFAIL for a.example.com, not NOERROR",
        ),
    ];
    watching
        .judges(&wanted.map(|(check, words)| (check, Status::Fail, words)))
        .await;
    let wanted = [
        ("dns_up", "query=\"silent\"", 0.0),
        ("dns_up", "query=\"looping\"", 0.0),
        ("dns_up", "query=\"failing\"", 0.0),
        ("dns_up", "query=\"forged\"", 1.0),
        ("dns_up", "query=\"well\"", 1.0),
        ("dns_ttl_seconds", "query=\"well\"", 60.0),
        ("dns_rcode", "query=\"failing\"", 2.0),
    ];
    watching.shows(&wanted).await;
    watching.stop().await;
}
