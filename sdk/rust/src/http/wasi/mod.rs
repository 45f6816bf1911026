//! Requests through `wasi:http`, several of them under way at once.

mod body;
mod failure;
mod request;

use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::http::types::{FutureIncomingResponse, IncomingResponse};
use wasip2::io::poll::{Pollable, poll};

use super::{Exchange, Request, Response, Url, failed};
use crate::{Failure, Result, clock, run, show};
use body::Reading;
use failure::{defect, refused};

/// Requests under way at once. The host lets a probe have 16, and one that was given up may count for a moment longer.
const AT_ONCE: usize = 12;
/// Pieces of answers that are taken, together: each costs a call to the host and mostly one to wait for it, of which a run has 10000.
const PIECES: usize = 2500;
/// Kept of the run for what is done with the answers, and no more than a tenth of what is left.
const SPARE: Duration = Duration::from_millis(100);

/// The end of an exchange.
pub(super) struct Deadline {
    at: Duration,
    timer: Pollable,
    patience: Duration,
}

impl Deadline {
    /// In `patience` from `now`.
    fn new(patience: Duration, now: Duration) -> Self {
        let nanoseconds = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        Self {
            at: now + patience,
            timer: monotonic_clock::subscribe_duration(nanoseconds),
            patience,
        }
    }

    fn wait(&self, ready: &Pollable) -> Result<()> {
        poll(&[ready, &self.timer]);
        if ready.ready() {
            Ok(())
        } else {
            Err(self.passed())
        }
    }

    fn passed(&self) -> Failure {
        let patience = show::seconds(self.patience.as_secs_f64());
        Failure::unavailable(format!("no answer within {patience}"))
    }
}

/// A request on its way. What waits comes before what it waits for, for it has to be dropped before it.
struct UnderWay {
    place: usize,
    ready: Pollable,
    stage: Stage,
    deadline: Deadline,
    began: Duration,
    first_byte: Option<Duration>,
    most: usize,
    url: Url,
}

enum Stage {
    Asked(FutureIncomingResponse),
    Answering(Reading),
}

/// What one turn made of an exchange.
enum Turn {
    Waits(UnderWay),
    /// With how many pieces it took.
    Over(Exchange, usize),
}

/// How the pieces are shared out: what the exchanges that are over have left is for those that are not.
struct Pieces {
    spent: usize,
    unfinished: usize,
}

impl Pieces {
    /// How many one of those that are not over may take.
    fn share(&self) -> usize {
        PIECES.saturating_sub(self.spent) / self.unfinished.max(1)
    }

    fn finish(&mut self, spent: usize) {
        self.spent += spent;
        self.unfinished -= 1;
    }
}

/// All requests of one call.
struct All {
    pieces: Pieces,
    under_way: Vec<UnderWay>,
    over: Vec<Option<Exchange>>,
}

pub(super) fn send_all(requests: Vec<Result<Request>>) -> Vec<Exchange> {
    let mut all = All {
        pieces: Pieces {
            spent: 0,
            unfinished: requests.len(),
        },
        under_way: Vec::new(),
        over: requests.iter().map(|_| None).collect(),
    };
    let mut waiting = requests.into_iter().enumerate();
    loop {
        all.begin_more(&mut waiting);
        if all.under_way.is_empty() {
            break;
        }
        all.turn();
    }
    let lost = || failed(defect("the request was lost"));
    let over = all.over.into_iter();
    over.map(|exchange| exchange.unwrap_or_else(lost)).collect()
}

impl All {
    fn begin_more(
        &mut self,
        waiting: &mut impl ExactSizeIterator<Item = (usize, Result<Request>)>,
    ) {
        while self.under_way.len() < AT_ONCE {
            let share = share(waiting.len());
            let Some((place, request)) = waiting.next() else {
                return;
            };
            match request.and_then(|request| UnderWay::begin(place, request, share)) {
                Ok(begun) => self.under_way.push(begun),
                Err(failure) => self.finish(place, failed(failure), 0),
            }
        }
    }

    /// Waits until something has come, and takes it.
    fn turn(&mut self) {
        let ready = wait_for_any(&self.under_way);
        let now = clock::steady();
        let share = self.pieces.share();
        let under_way = std::mem::take(&mut self.under_way);
        for (turn, one) in under_way.into_iter().enumerate() {
            let place = one.place;
            match one.advance(ready.contains(&turn), share, now) {
                Turn::Waits(one) => self.under_way.push(one),
                Turn::Over(exchange, pieces) => self.finish(place, exchange, pieces),
            }
        }
    }

    fn finish(&mut self, place: usize, exchange: Exchange, pieces: usize) {
        self.pieces.finish(pieces);
        self.over[place] = Some(exchange);
    }
}

/// How long a request may take that is one of `left` to send: the others come after it in as many rounds as it takes.
fn share(left: usize) -> Duration {
    let rounds = u32::try_from(left.div_ceil(AT_ONCE)).unwrap_or(u32::MAX);
    let left = run::time_left();
    (left - SPARE.min(left / 10)) / rounds.max(1)
}

/// Waits until something has come for one of them, or its time is over, and tells which have something.
fn wait_for_any(under_way: &[UnderWay]) -> Vec<usize> {
    let ready = under_way.iter().map(|one| &one.ready);
    let all: Vec<&Pollable> = ready
        .chain(under_way.iter().map(|one| &one.deadline.timer))
        .collect();
    let places = poll(&all).into_iter();
    let places = places.filter_map(|place| usize::try_from(place).ok());
    places.filter(|place| *place < under_way.len()).collect()
}

impl UnderWay {
    fn begin(place: usize, request: Request, share: Duration) -> Result<Self> {
        let url = Url::parse(&request.url)?;
        let began = clock::steady();
        let patience = request.timeout.min(share);
        let deadline = Deadline::new(patience, began);
        let answer = request::send(&request, &url, &deadline)?;
        Ok(Self {
            place,
            ready: answer.subscribe(),
            stage: Stage::Asked(answer),
            deadline,
            began,
            first_byte: None,
            most: request.most,
            url,
        })
    }

    /// Takes what has come. `pieces`: how many there may be of its answer.
    fn advance(mut self, is_ready: bool, pieces: usize, now: Duration) -> Turn {
        if now >= self.deadline.at {
            let passed = self.deadline.passed();
            return self.over(Err(passed), now);
        }
        if !is_ready {
            return Turn::Waits(self);
        }
        match self.stage {
            Stage::Asked(answer) => match begin_of(&answer, &self.url).and_then(Reading::new) {
                Ok((reading, ready)) => {
                    // What waits for the answer goes before the answer does.
                    self.ready = ready;
                    self.stage = Stage::Answering(reading);
                    self.first_byte = Some(now.saturating_sub(self.began));
                    drop(answer);
                    Turn::Waits(self)
                }
                Err(failure) => {
                    self.stage = Stage::Asked(answer);
                    self.over(Err(failure), now)
                }
            },
            Stage::Answering(ref mut reading) => match reading.take(self.most, pieces, &self.url) {
                Ok(None) => Turn::Waits(self),
                Ok(Some(response)) => self.over(Ok(response), clock::steady()),
                Err(failure) => self.over(Err(failure), clock::steady()),
            },
        }
    }

    fn over(self, answer: Result<Response>, now: Duration) -> Turn {
        let exchange = Exchange {
            answer,
            took: now.saturating_sub(self.began),
            first_byte: self.first_byte,
        };
        let pieces = match &self.stage {
            Stage::Asked(_) => 0,
            Stage::Answering(reading) => reading.pieces,
        };
        Turn::Over(exchange, pieces)
    }
}

fn begin_of(answer: &FutureIncomingResponse, url: &Url) -> Result<IncomingResponse> {
    match answer.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(refused(&code, url)),
        Some(Err(())) | None => Err(defect("the answer was taken before")),
    }
}
