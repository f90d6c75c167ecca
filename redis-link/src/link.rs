//! Connections to Redis, opened by whatever executor there is.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clamator_core::{Command, ConnectionId, Fault, Lane, MissingService, Outcome};
use clamator_driver::{Connection, Link, Runtime};
use futures_util::future::Either;
use redis::aio::MultiplexedConnection;
use redis::{ConnectionAddr, Pipeline, RedisError, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::batch::Batch;
use crate::config::Target;
use crate::directory::Directory;
use crate::greeting::greet;
use crate::pipe::Pipe;
use crate::sentinel::is_primary;
use crate::tls::Tls;
use crate::words::{Cmds, Packed};

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
}

impl<R: Connect> Link<R> for RedisLink {
    type Connection = RedisConnection;

    fn connect(
        &self,
        _runtime: &R,
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
        let target = self.target.clone();
        let address = target.address();
        let (directory, scripts) = (self.directory.clone(), self.scripts);
        async move {
            let fault = |cause: String| Fault { address: address.clone(), cause };
            let connection = |way, id| {
                let address = address.as_str().into();
                RedisConnection { way, id, address, directory: directory.clone(), scripts }
            };
            if let Some(Shared(shared)) = shared {
                return Ok(connection(Way::Shared(shared), None));
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
            let ask = async |connection: &mut MultiplexedConnection| {
                if found.is_some() {
                    is_primary(connection).await?;
                }
                Ok(connection_info(connection).await)
            };
            let greeted = greet(target.info.redis_settings(), stream, ask).await;
            let (stream, info) = greeted.map_err(fault)?;
            let id = info.and_then(|info| directory.enter(&info));
            Ok(connection(Way::Own(Pipe::new(stream)), id))
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
    way: Way,
    id: Option<ConnectionId>,
    address: Arc<str>,
    directory: Directory,
    scripts: bool,
}

enum Way {
    /// A connection of our own.
    Own(Pipe),
    /// One that was handed in.
    Shared(MultiplexedConnection),
}

impl Connection for RedisConnection {
    fn run(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + 'static {
        let address = self.address.clone();
        match &self.way {
            Way::Own(pipe) => {
                let (directory, scripts) = (&self.directory, self.scripts);
                let pack = |out: &mut Packed| Batch::pack(commands, directory, scripts, out);
                Either::Left(pipe.run(address, pack))
            }
            Way::Shared(connection) => {
                let mut cmds = Cmds::default();
                let batch = Batch::pack(commands, &self.directory, self.scripts, &mut cmds);
                Either::Right(run_shared(connection.clone(), address, cmds, batch))
            }
        }
    }

    fn id(&self) -> Option<ConnectionId> {
        self.id
    }
}

async fn run_shared(
    mut connection: MultiplexedConnection,
    address: Arc<str>,
    Cmds(cmds): Cmds,
    mut batch: Batch,
) -> Vec<Outcome> {
    let mut pipeline = Pipeline::with_capacity(cmds.len());
    pipeline.ignore_errors();
    for cmd in cmds {
        pipeline.add_command(cmd);
    }
    if batch.len() == 0 {
        return batch.outcomes();
    }
    match connection.send_packed_commands(&pipeline, 0, batch.len()).await {
        Ok(values) if values.len() == batch.len() => {
            values.into_iter().for_each(|value| batch.value(value));
            batch.outcomes()
        }
        result => {
            let fault = Fault { address: address.to_string(), cause: cause(result) };
            batch.lost(Outcome::Unknown, &fault)
        }
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
