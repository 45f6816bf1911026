//! An answer's body as it comes.

use wasip2::http::types::{IncomingBody, IncomingResponse};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, StreamError};

use super::failure::{broken, defect};
use crate::http::{Response, Url};
use crate::{Failure, Result};

/// Bytes asked for at once; what has come by then is given.
const PORTION: u64 = 64 * 1024;

/// An answer of which the body is being read. The stream comes before the body that it is of, for it has to be dropped before it.
pub(super) struct Reading {
    stream: InputStream,
    _body: IncomingBody,
    response: Response,
    pub(super) pieces: usize,
}

impl Reading {
    /// Begins to read, and gives what tells when there is more.
    pub(super) fn new(incoming: IncomingResponse) -> Result<(Self, Pollable)> {
        let headers = incoming.headers().entries();
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), text(value)))
            .collect();
        let taken = || defect("the answer's body was taken before");
        let body = incoming.consume().map_err(|()| taken())?;
        let stream = body.stream().map_err(|()| taken())?;
        let ready = stream.subscribe();
        let reading = Self {
            stream,
            _body: body,
            response: Response {
                status: incoming.status(),
                headers,
                body: Vec::new(),
                is_cut: false,
            },
            pieces: 0,
        };
        Ok((reading, ready))
    }

    /// Takes what has come: the answer when it is whole or `most` bytes of its body are there, nothing when there is more to come.
    pub(super) fn take(
        &mut self,
        most: usize,
        pieces: usize,
        url: &Url,
    ) -> Result<Option<Response>> {
        loop {
            self.pieces += 1;
            match self.stream.read(PORTION) {
                Ok(portion) if portion.is_empty() => return Ok(None),
                Ok(portion) => self.response.body.extend(portion),
                Err(StreamError::Closed) => return Ok(Some(self.whole())),
                Err(error) => return Err(broken(&error, url)),
            }
            if self.response.body.len() > most {
                self.response.body.truncate(most);
                self.response.is_cut = true;
                return Ok(Some(self.whole()));
            }
            if self.pieces > pieces {
                let bytes = self.response.body.len();
                return Err(Failure::unavailable(format!(
                    "the answer comes in too small pieces: {bytes} bytes in {pieces} of them, and no end"
                )));
            }
        }
    }

    fn whole(&mut self) -> Response {
        let nothing = Response {
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
            is_cut: false,
        };
        std::mem::replace(&mut self.response, nothing)
    }
}
