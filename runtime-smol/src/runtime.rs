//! Smol as clamator's executor: clock, timer, tasks, and byte streams.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use async_io::Timer;
use clamator_driver::{Adapter, Runtime, Time, clock};
use clamator_redis::{BoxedStream, Connect, Redis};
use futures_util::FutureExt;
use futures_util::future::Map;
use smol::net::TcpStream;
use smol::net::unix::UnixStream;
use tokio_util::compat::FuturesAsyncReadCompatExt;

/// smol's global executor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

impl Runtime for Smol {
    type Sleep = Map<Timer, fn(Instant)>;

    fn now(&self) -> Time {
        clock::now()
    }

    fn sleep_until(&self, at: Time) -> Self::Sleep {
        Timer::at(clock::instant(at)).map(drop)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }
}

impl Adapter for Smol {
    type Transport = Redis;
}

impl Connect for Smol {
    async fn connect_tcp(host: String, port: u16) -> io::Result<BoxedStream> {
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream.compat()))
    }

    async fn connect_unix(path: PathBuf) -> io::Result<BoxedStream> {
        Ok(Box::new(UnixStream::connect(path).await?.compat()))
    }
}
