//! A server of one serial service.

use super::{ArithService, Calculator, Executor};

/// Serves until `end` returns, which may block.
pub(crate) fn serve(
    executor: &Executor,
    url: &str,
    prefix: &str,
    ready: impl FnOnce(),
    end: impl FnOnce() + Send,
) -> Result<(), String> {
    let server = executor.server(url, prefix).map_err(|e| e.to_string())?;
    server.register(ArithService::new(Calculator)).map_err(|e| e.to_string())?;
    executor.block_on(server.start()).map_err(|e| e.to_string())?;
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
