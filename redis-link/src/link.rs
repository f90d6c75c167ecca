//! Connections to Redis, opened by whatever executor there is.

use std::future::Future;
use std::io;
use std::path::PathBuf;

use clamator_core::{Command, ConnectionId, Fault, Lane, MissingService, Outcome};
use clamator_driver::{Connection, Link, Runtime};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, Pipeline, RedisError, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::decode::decode;
use crate::encode::encode;

/// A byte stream to Redis.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> ByteStream for S {}

/// A byte stream of any kind.
pub type BoxedStream = Box<dyn ByteStream>;

/// A [`Runtime`] that can open byte streams.
pub trait Connect: Runtime {
    /// Opens a TCP connection without delay (`TCP_NODELAY`).
    fn connect_tcp(
        &self,
        host: String,
        port: u16,
    ) -> impl Future<Output = io::Result<BoxedStream>> + Send + 'static;

    /// Opens a Unix socket.
    fn connect_unix(
        &self,
        path: PathBuf,
    ) -> impl Future<Output = io::Result<BoxedStream>> + Send + 'static;
}

/// The way to one Redis.
#[derive(Debug)]
pub struct RedisLink {
    info: ConnectionInfo,
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
    pub(crate) fn new(info: ConnectionInfo, shared: Option<MultiplexedConnection>) -> RedisLink {
        RedisLink { info, shared: std::sync::Mutex::new(shared.map(Shared)) }
    }

    fn fault(&self, cause: &dyn std::fmt::Display) -> Fault {
        Fault { address: self.info.addr().to_string(), cause: cause.to_string() }
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
        let (runtime, info) = (runtime.clone(), self.info.clone());
        let address = self.info.addr().to_string();
        let no_connection = self.fault(&"not connected");
        async move {
            let fault = |cause: String| Fault { address: address.clone(), cause };
            if let Some(Shared(connection)) = shared {
                return Ok(RedisConnection { connection, id: None, fault: no_connection });
            }
            let stream =
                open(&runtime, info.addr()).await.map_err(|error| fault(error.to_string()))?;
            // No time limit on an answer: it would break every read that blocks for longer. The core watches over that.
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            let (mut connection, driver) =
                MultiplexedConnection::new_with_config(info.redis_settings(), stream, config)
                    .await
                    .map_err(|error| fault(error.to_string()))?;
            runtime.spawn(driver);
            let id = connection_id(&mut connection).await;
            Ok(RedisConnection { connection, id, fault: no_connection })
        }
    }

    fn address(&self) -> String {
        format!("{}/{}", self.info.addr(), self.info.redis_settings().db())
    }

    fn missing_service(&self) -> MissingService {
        MissingService::Wait
    }
}

async fn open<R: Connect>(runtime: &R, address: &ConnectionAddr) -> io::Result<BoxedStream> {
    match address {
        ConnectionAddr::Tcp(host, port) => runtime.connect_tcp(host.clone(), *port).await,
        ConnectionAddr::Unix(path) => runtime.connect_unix(path.clone()).await,
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "TLS is not supported yet")),
    }
}

/// The number of a connection, unless Redis keeps it to itself.
async fn connection_id(connection: &mut MultiplexedConnection) -> Option<ConnectionId> {
    redis::cmd("CLIENT").arg("ID").query_async(connection).await.ok()
}

/// An open connection to Redis.
#[derive(Clone)]
pub struct RedisConnection {
    connection: MultiplexedConnection,
    id: Option<ConnectionId>,
    fault: Fault,
}

impl Connection for RedisConnection {
    fn run(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + 'static {
        let mut connection = self.connection.clone();
        let address = self.fault.address.clone();
        let mut pipeline = Pipeline::with_capacity(commands.len());
        pipeline.ignore_errors();
        for command in &commands {
            pipeline.add_command(encode(command));
        }
        async move {
            match connection.send_packed_commands(&pipeline, 0, commands.len()).await {
                Ok(values) if values.len() == commands.len() => commands
                    .iter()
                    .zip(values)
                    .map(|(command, value)| decode(command, value))
                    .collect(),
                result => {
                    let fault = Fault { address, cause: cause(result) };
                    commands.iter().map(|_| Outcome::Unknown(fault.clone())).collect()
                }
            }
        }
    }

    fn id(&self) -> Option<ConnectionId> {
        self.id
    }
}

/// Why a pipeline has no answers.
fn cause(result: Result<Vec<Value>, RedisError>) -> String {
    match result {
        Err(error) => error.to_string(),
        Ok(values) => format!("{} answers to another number of commands", values.len()),
    }
}

impl std::fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConnection").field("id", &self.id).finish_non_exhaustive()
    }
}
