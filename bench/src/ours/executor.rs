//! The executors, each with the crate that is made for it.

use std::future::Future;
use std::pin::Pin;

use clamator_tokio::{Client, ConfigError, Memory, Server};

/// Where clients and servers run.
#[derive(Debug)]
pub(crate) enum Executor {
    /// As `#[tokio::main]` makes it.
    Tokio(tokio::runtime::Runtime),
    /// smol's global one.
    Smol,
    /// async-std's global one.
    AsyncStd,
    /// Tokio on one thread, and no Redis.
    Memory(tokio::runtime::Runtime, Memory),
}

pub(crate) type Joined<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Executor {
    pub(crate) fn tokio() -> Result<Executor, String> {
        runtime(&mut tokio::runtime::Builder::new_multi_thread()).map(Executor::Tokio)
    }

    /// Tokio on one thread.
    pub(crate) fn tokio_of_one_thread() -> Result<Executor, String> {
        runtime(&mut tokio::runtime::Builder::new_current_thread()).map(Executor::Tokio)
    }

    pub(crate) fn memory() -> Result<Executor, String> {
        let runtime = runtime(&mut tokio::runtime::Builder::new_current_thread())?;
        Ok(Executor::Memory(runtime, Memory::new()))
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        match self {
            Executor::Tokio(runtime) | Executor::Memory(runtime, _) => runtime.block_on(future),
            Executor::Smol => smol::block_on(future),
            Executor::AsyncStd => async_std::task::block_on(future),
        }
    }

    /// Spawns a task, and gives what waits for its result.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Joined<T> {
        match self {
            Executor::Tokio(runtime) | Executor::Memory(runtime, _) => {
                let task = runtime.spawn(task);
                Box::pin(async { task.await.expect("a caller doesn't panic") })
            }
            Executor::Smol => Box::pin(smol::spawn(task)),
            Executor::AsyncStd => Box::pin(async_std::task::spawn(task)),
        }
    }

    pub(crate) fn client(&self, url: &str, prefix: &str) -> Result<Client, ConfigError> {
        match self {
            Executor::Tokio(_) => {
                let redis = clamator_tokio::Redis::url(url);
                clamator_tokio::ClientBuilder::new(prefix).over(redis).build()
            }
            Executor::Smol => {
                let redis = clamator_smol::Redis::url(url);
                clamator_smol::ClientBuilder::new(prefix).over(redis).build()
            }
            Executor::AsyncStd => {
                let redis = clamator_async_std::Redis::url(url);
                clamator_async_std::ClientBuilder::new(prefix).over(redis).build()
            }
            Executor::Memory(_, memory) => {
                clamator_tokio::ClientBuilder::new(prefix).over(memory).build()
            }
        }
    }

    pub(crate) fn server(&self, url: &str, prefix: &str) -> Result<Server, ConfigError> {
        match self {
            Executor::Tokio(_) => {
                let redis = clamator_tokio::Redis::url(url);
                clamator_tokio::ServerBuilder::new(prefix).over(redis).build()
            }
            Executor::Smol => {
                let redis = clamator_smol::Redis::url(url);
                clamator_smol::ServerBuilder::new(prefix).over(redis).build()
            }
            Executor::AsyncStd => {
                let redis = clamator_async_std::Redis::url(url);
                clamator_async_std::ServerBuilder::new(prefix).over(redis).build()
            }
            Executor::Memory(_, memory) => {
                clamator_tokio::ServerBuilder::new(prefix).over(memory).build()
            }
        }
    }
}

fn runtime(builder: &mut tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, String> {
    builder.enable_all().build().map_err(|e| format!("tokio can't be started: {e}"))
}
