//! A server of one serial service, or what else the layout says.

use clamator_tokio::{CallContext, RpcError, Server, Service};
use serde::Deserialize;

use super::{ArithService, Calculator, Executor, Layout, Sum, service_name};

/// Serves until `end` returns, which may block.
pub(crate) fn serve(
    executor: &Executor,
    (url, prefix): (&str, &str),
    layout: &Layout,
    ready: impl FnOnce(),
    end: impl FnOnce() + Send,
) -> Result<(), String> {
    let server = begin(executor, (url, prefix), layout)?;
    ready();
    // A runtime of one thread runs only inside of `block_on`.
    let (sender, ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            end();
            drop(sender);
        });
        _ = executor.block_on(ended);
    });
    executor.block_on(server.stop());
    Ok(())
}

/// A server that was started.
pub(crate) fn begin(
    executor: &Executor,
    (url, prefix): (&str, &str),
    layout: &Layout,
) -> Result<Server, String> {
    let server = executor.server(url, prefix).map_err(|e| e.to_string())?;
    for at in 0..layout.services {
        let service = match at {
            0 => ArithService::new(Calculator),
            _ => named(&service_name(at))?,
        };
        let service = match layout.concurrent {
            0 | 1 => service,
            at_once => service.concurrent(at_once),
        };
        server.register(service).map_err(|e| e.to_string())?;
    }
    executor.block_on(server.start()).map_err(|e| e.to_string())?;
    Ok(server)
}

#[derive(Deserialize)]
struct Operands {
    a: f64,
    b: f64,
}

/// One whose name isn't that of the contract.
fn named(name: &str) -> Result<Service, String> {
    let add =
        |it: Operands, _: CallContext| async move { Ok::<_, RpcError>(Sum { sum: it.a + it.b }) };
    let service = Service::new(name).and_then(|service| service.method("add", add));
    service.map_err(|e| e.to_string())
}
