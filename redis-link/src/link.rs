//! Connections to Redis, opened by whatever executor there is.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::pin;

use clamator_core::{Command, ConnectionId, Fault, Lane, MissingService, Outcome};
use clamator_driver::{Connection, Link, Runtime};
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable, Either, select};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, RedisError, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::batch::Batch;
use crate::config::Target;
use crate::directory::Directory;
use crate::sentinel::is_primary;
use crate::tls::Tls;

/// A byte stream to Redis.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> ByteStream for S {}

/// A byte stream of any kind.
pub type BoxedStream = Box<dyn ByteStream>;

/// A [`Runtime`] that can open byte streams.
pub trait Connect: Runtime {
    /// Opens a TCP connection without delay (`TCP_NODELAY`).
    fn connect_tcp(
        host: String,
        port: u16,
    ) -> impl Future<Output = io::Result<BoxedStream>> + Send + 'static;

    /// Opens a Unix socket.
    fn connect_unix(
        path: PathBuf,
    ) -> impl Future<Output = io::Result<BoxedStream>> + Send + 'static;
}

/// The way to one Redis.
pub struct RedisLink {
    target: Target,
    directory: Directory,
    scripts: bool,
    /// Used once, for the commands of the first connection.
    shared: std::sync::Mutex<Option<Shared>>,
}

/// A connection that was handed in, and is never closed.
struct Shared(MultiplexedConnection);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a shared connection")
    }
}

impl RedisLink {
    pub(crate) fn new(
        target: Target,
        shared: Option<MultiplexedConnection>,
        scripts: bool,
    ) -> RedisLink {
        let shared = std::sync::Mutex::new(shared.map(Shared));
        RedisLink { target, directory: Directory::default(), scripts, shared }
    }

    fn fault(&self, cause: &dyn std::fmt::Display) -> Fault {
        Fault { address: self.target.address(), cause: cause.to_string() }
    }
}

impl<R: Connect> Link<R> for RedisLink {
    type Connection = RedisConnection;

    fn connect(
        &self,
        runtime: &R,
        lane: Lane,
    ) -> impl Future<Output = Result<RedisConnection, Fault>> + Send + 'static {
        let shared = match lane {
            Lane::Commands => {
                let mut shared =
                    self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                shared.take()
            }
            Lane::Reader(_) => None,
        };
        let (runtime, target) = (runtime.clone(), self.target.clone());
        let address = target.address();
        let no_connection = self.fault(&"not connected");
        let (directory, scripts) = (self.directory.clone(), self.scripts);
        async move {
            let fault = |cause: String| Fault { address: address.clone(), cause };
            if let Some(Shared(connection)) = shared {
                return Ok(RedisConnection {
                    connection,
                    id: None,
                    fault: no_connection,
                    directory,
                    scripts,
                    own: None,
                });
            }
            let found = match &target.sentinels {
                Some(sentinels) => Some(sentinels.find::<R>().await.map_err(fault)?),
                None => None,
            };
            let at = found.as_ref().unwrap_or(target.info.addr());
            // The address of a primary that sentinels know is its name: where it was is worth telling too.
            let fault = |cause: String| match found {
                Some(_) => fault(format!("{at}: {cause}")),
                None => fault(cause),
            };
            let stream = open::<R>(at, target.tls.as_ref())
                .await
                .map_err(|error| fault(error.to_string()))?;
            // No time limit on an answer: it would break every read that blocks for longer. The core watches over that.
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            let (mut connection, driver) = MultiplexedConnection::new_with_config(
                target.info.redis_settings(),
                stream,
                config,
            )
            .await
            .map_err(|error| fault(error.to_string()))?;
            let (abort, registration) = AbortHandle::new_pair();
            let (open, lost) = watch::channel(());
            let own = Some(Own { abort, lost });
            runtime.spawn(async move {
                // Ended by itself or by `Own`: both is an end.
                let _ = Abortable::new(driver, registration).await;
                drop(open);
            });
            if found.is_some() {
                is_primary(&mut connection).await.map_err(fault)?;
            }
            let id = connection_info(&mut connection).await.and_then(|info| directory.enter(&info));
            let fault = no_connection;
            Ok(RedisConnection { connection, id, fault, directory, scripts, own })
        }
    }

    fn address(&self) -> String {
        format!("{}/{}", self.target.address(), self.target.info.redis_settings().db())
    }

    fn missing_service(&self) -> MissingService {
        MissingService::Wait
    }

    fn scripts(&self) -> bool {
        self.scripts
    }
}

pub(crate) async fn open<R: Connect>(
    address: &ConnectionAddr,
    tls: Option<&Tls>,
) -> io::Result<BoxedStream> {
    match (address, tls) {
        (ConnectionAddr::Tcp(host, port), None) => R::connect_tcp(host.clone(), *port).await,
        (ConnectionAddr::Tcp(host, port), Some(tls)) => {
            tls.wrap(host, R::connect_tcp(host.clone(), *port).await?).await
        }
        (ConnectionAddr::Unix(path), None) => R::connect_unix(path.clone()).await,
        (other, _) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{other} is no address that can be connected to"),
        )),
    }
}

/// What Redis says about a connection, unless it keeps it to itself.
async fn connection_info(connection: &mut MultiplexedConnection) -> Option<String> {
    redis::cmd("CLIENT").arg("INFO").query_async(connection).await.ok()
}

/// An open connection to Redis.
pub struct RedisConnection {
    connection: MultiplexedConnection,
    id: Option<ConnectionId>,
    fault: Fault,
    directory: Directory,
    scripts: bool,
    /// Not there for a connection that was handed in.
    own: Option<Own>,
}

/// The task of a connection of our own.
struct Own {
    /// Left to itself, the task of a connection that nobody wants any more may wait for what is under way on it: for ever, where
    /// Redis takes nothing in.
    abort: AbortHandle,
    /// Closed once the connection is lost: nothing is sent on it any more.
    lost: watch::Receiver<()>,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

impl Connection for RedisConnection {
    fn run(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + 'static {
        let mut connection = self.connection.clone();
        let address = self.fault.address.clone();
        let lost = self.own.as_ref().map(|own| own.lost.clone());
        let batch = Batch::new(commands, &self.directory, self.scripts);
        async move {
            if lost.as_ref().is_some_and(|lost| lost.has_changed().is_err()) {
                // Lost while it had nothing to do, so that it becomes known only now.
                let fault = Fault { address, cause: "the connection was lost".to_owned() };
                return batch.lost(Outcome::NotSent, &fault);
            }
            if batch.len() == 0 {
                return batch.answered(Vec::new());
            }
            let sent = connection.send_packed_commands(batch.pipeline(), 0, batch.len());
            let answer = match lost {
                Some(mut lost) => unless_lost(sent, lost.changed()).await,
                None => sent.await,
            };
            match answer {
                Ok(values) if values.len() == batch.len() => batch.answered(values),
                result => {
                    let fault = Fault { address, cause: cause(result) };
                    batch.lost(Outcome::Unknown, &fault)
                }
            }
        }
    }

    fn id(&self) -> Option<ConnectionId> {
        self.id
    }
}

/// The answer, or an error once the connection is lost. What is handed to a connection's task in the very moment in which that
/// ends may stay in the channel between for ever: it would hold up all that was sent after it.
async fn unless_lost<T>(
    sent: impl Future<Output = Result<T, RedisError>>,
    lost: impl Future,
) -> Result<T, RedisError> {
    match select(pin!(sent), pin!(lost)).await {
        Either::Left((answer, _)) => answer,
        // The answer may have come just before.
        Either::Right((_, sent)) => sent.now_or_never().unwrap_or_else(|| {
            let lost = io::Error::new(io::ErrorKind::BrokenPipe, "the connection was lost");
            Err(lost.into())
        }),
    }
}

/// Why a pipeline has no answers.
fn cause(result: Result<Vec<Value>, RedisError>) -> String {
    match result {
        Err(error) => error.to_string(),
        Ok(values) => format!("{} answers to another number of commands", values.len()),
    }
}

impl std::fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLink").field("address", &self.target.address()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConnection").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{pending, ready};

    #[test]
    fn a_command_that_is_never_answered_ends_with_its_connection() {
        let sent = pending::<Result<(), RedisError>>();
        assert!(unless_lost(sent, ready(())).now_or_never().is_some_and(|end| end.is_err()));
        let sent = pending::<Result<(), RedisError>>();
        assert!(unless_lost(sent, pending::<()>()).now_or_never().is_none());
    }

    #[test]
    fn an_answer_that_came_before_the_loss_counts() {
        let answer = unless_lost(ready(Ok(7)), ready(())).now_or_never();
        assert_eq!(answer.and_then(Result::ok), Some(7));
    }
}
