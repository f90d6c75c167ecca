//! Tokio as clamator's executor: clock, timer, tasks, and byte streams.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::LazyLock;

use clamator_driver::{Adapter, Runtime, StartError, Time};
use clamator_redis::{BoxedStream, Connect, Redis};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

/// One start for every runtime of the process, so that they agree about the time.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

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
        Time::after_start(Instant::now().saturating_duration_since(*START))
    }

    fn sleep_until(&self, at: Time) -> Sleep {
        // The run loop is polled inside of the runtime, where a timer can be made.
        sleep_until(*START + at.since_start())
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
    fn connect_tcp(
        &self,
        host: String,
        port: u16,
    ) -> impl Future<Output = io::Result<BoxedStream>> + Send + 'static {
        async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as BoxedStream)
        }
    }

    fn connect_unix(
        &self,
        path: PathBuf,
    ) -> impl Future<Output = io::Result<BoxedStream>> + Send + 'static {
        async move { Ok(Box::new(UnixStream::connect(path).await?) as BoxedStream) }
    }
}
