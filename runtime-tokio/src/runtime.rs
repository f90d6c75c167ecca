//! Tokio as clamator's executor: clock, timer, tasks, and byte streams.

use std::future::Future;
use std::io;
use std::path::PathBuf;

use clamator_driver::{Adapter, Runtime, StartError, Time, clock};
use clamator_redis::{BoxedStream, Connect, Redis};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

/// The tokio runtime that `start` is called on, or the one whose handle was given.
#[derive(Clone, Debug, Default)]
pub struct Tokio {
    handle: Option<Handle>,
}

impl Tokio {
    /// Runs on this runtime, wherever `start` is called.
    #[must_use]
    pub fn on(handle: Handle) -> Tokio {
        Tokio { handle: Some(handle) }
    }
}

impl Runtime for Tokio {
    type Sleep = Sleep;

    fn bind(&self) -> Result<Tokio, StartError> {
        match &self.handle {
            Some(_) => Ok(self.clone()),
            None => Handle::try_current().map(Tokio::on).map_err(|_| {
                StartError::NoRuntime(
                    "there is no tokio runtime here: call start() inside of one, or build with Tokio::on(handle)"
                        .to_owned(),
                )
            }),
        }
    }

    fn now(&self) -> Time {
        // By tokio's clock, which a test may pause, from the start that the whole process has in common.
        let start = clock::instant(Time::ZERO).into();
        Time::after_start(Instant::now().saturating_duration_since(start))
    }

    fn sleep_until(&self, at: Time) -> Sleep {
        // The run loop is polled inside of the runtime, where a timer can be made.
        sleep_until(clock::instant(at).into())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(handle) = &self.handle {
            handle.spawn(task);
        }
    }
}

impl Adapter for Tokio {
    type Transport = Redis;
}

impl Connect for Tokio {
    async fn connect_tcp(host: String, port: u16) -> io::Result<BoxedStream> {
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    async fn connect_unix(path: PathBuf) -> io::Result<BoxedStream> {
        Ok(Box::new(UnixStream::connect(path).await?))
    }
}
