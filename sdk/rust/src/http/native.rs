//! Answers that a unit test has made up.

use std::time::Duration;

use super::{Exchange, Request, Response, Url, failed};
use crate::{Failure, Result, host};

pub(super) fn send_all(requests: Vec<Result<Request>>) -> Vec<Exchange> {
    let exchange = |request: Result<Request>| request.map_or_else(failed, exchange);
    requests.into_iter().map(exchange).collect()
}

fn exchange(request: Request) -> Exchange {
    let answer = Url::parse(&request.url).and_then(|url| answer(&request, &url));
    let took = host::with(|host| host.exchange_takes.get(&request.url).copied());
    let took = took.unwrap_or(Duration::ZERO);
    Exchange {
        first_byte: answer.is_ok().then_some(took),
        answer,
        took,
    }
}

fn answer(request: &Request, url: &Url) -> Result<Response> {
    host::with(|host| {
        host.requests.push(request.clone());
        let answers = host
            .answers
            .iter()
            .filter(|(known, _)| *known == request.url);
        match answers.map(|(_, answer)| answer).next_back() {
            Some(Ok(response)) => {
                let mut response = response.clone();
                response.is_cut = response.body.len() > request.most;
                response.body.truncate(request.most);
                Ok(response)
            }
            Some(Err(message)) => Err(Failure::unavailable(message.clone())),
            None => Err(url.not_granted()),
        }
    })
}
