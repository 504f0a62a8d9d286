//! A request body as something to read bytes from.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Reads a body frame by frame; one that stands still for too long is broken off.
#[derive(Debug)]
pub(super) struct BodyReader {
    body: Body,
    rest: Bytes,
    patience: Duration,
    /// When the wait for the next frame is over; started again with each wait.
    end: Pin<Box<Sleep>>,
    waits: bool,
}

impl BodyReader {
    pub(super) fn new(body: Body, patience: Duration) -> BodyReader {
        BodyReader {
            body,
            rest: Bytes::new(),
            patience,
            end: Box::pin(sleep(patience)),
            waits: false,
        }
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.waits {
            self.waits = true;
            let end = Instant::now() + self.patience;
            self.end.as_mut().reset(end);
        }
        ready!(self.end.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for BodyReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                return self.poll_patience(context);
            };
            self.waits = false;
            match frame {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                // Trailers have no bytes for us.
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let length = buffer.remaining().min(self.rest.len());
        buffer.put_slice(&self.rest.split_to(length));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_body_that_stands_still_is_broken_off() {
        let begun = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"x"))]);
        let stuck = begun.chain(stream::pending());
        let mut reader = BodyReader::new(Body::from_stream(stuck), Duration::from_millis(1));
        assert_eq!(reader.read_u8().await.unwrap(), b'x');
        let error = reader.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
