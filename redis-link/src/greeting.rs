//! How a connection begins. `redis` says what is to be said, so that every way of authentication that it knows is known here;
//! then it gives the stream back.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::{Either, select};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::link::BoxedStream;

/// Authenticates, chooses the database, and asks what `ask` asks. Gives back the stream, on which nothing is under way then.
pub(crate) async fn greet<T>(
    settings: &RedisConnectionInfo,
    stream: BoxedStream,
    ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, String>,
) -> Result<(BoxedStream, T), String> {
    let lent = Lent(Arc::new(Mutex::new(Some(stream))));
    // No time limit on an answer: it would break every read that blocks for longer. The core watches over that.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let greeted = MultiplexedConnection::new_with_config(settings, lent.clone(), config).await;
    let (mut connection, driver) = greeted.map_err(|error| error.to_string())?;
    let lost = || Err("the connection was lost".to_owned());
    let answer = match select(pin!(ask(&mut connection)), pin!(driver)).await {
        Either::Left((answer, _)) => answer?,
        Either::Right(_) => return lost(),
    };
    match lent.take() {
        Some(stream) => Ok((stream, answer)),
        None => lost(),
    }
}

/// A stream that can be taken back.
#[derive(Clone)]
struct Lent(Arc<Mutex<Option<BoxedStream>>>);

impl Lent {
    fn take(&self) -> Option<BoxedStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn with<T>(
        &self,
        act: impl FnOnce(Pin<&mut BoxedStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(stream) => act(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }
}
