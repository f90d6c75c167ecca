//! Async-std as clamator's executor: clock, timer, tasks, and byte streams.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use async_io::Timer;
use async_std::net::TcpStream;
use async_std::os::unix::net::UnixStream;
use clamator_driver::{Adapter, Runtime, Time, clock};
use clamator_redis::{BoxedStream, Connect, Redis};
use futures_util::FutureExt;
use futures_util::future::Map;
use tokio_util::compat::FuturesAsyncReadCompatExt;

/// async-std's global executor.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStd;

impl Runtime for AsyncStd {
    type Sleep = Map<Timer, fn(Instant)>;

    fn now(&self) -> Time {
        clock::now()
    }

    fn sleep_until(&self, at: Time) -> Self::Sleep {
        Timer::at(clock::instant(at)).map(drop)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        async_std::task::spawn(task);
    }
}

impl Adapter for AsyncStd {
    type Transport = Redis;
}

impl Connect for AsyncStd {
    async fn connect_tcp(host: String, port: u16) -> io::Result<BoxedStream> {
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream.compat()))
    }

    async fn connect_unix(path: PathBuf) -> io::Result<BoxedStream> {
        Ok(Box::new(UnixStream::connect(path).await?.compat()))
    }
}
