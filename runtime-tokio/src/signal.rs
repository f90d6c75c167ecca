//! The signals that ask a process to end.

use std::future::Future;

/// Ready when the process is asked to end: by Ctrl-C, or on Unix by SIGTERM.
///
/// ```no_run
/// # async fn example(server: clamator_tokio::Server) -> Result<(), clamator_tokio::StartError> {
/// let report = server.serve_until(clamator_tokio::shutdown_signal()).await?;
/// println!("finished {} calls, handed back {}", report.finished, report.handed_back);
/// # Ok(()) }
/// ```
///
/// It listens from the call on, not only from the first poll: call it before the start, and no signal is missed.
///
/// # Panics
///
/// Outside of a tokio runtime, as tokio's own signals do.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send + 'static {
    #[cfg(unix)]
    let terminations = {
        use tokio::signal::unix::{SignalKind, signal};
        [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).ok())
    };
    async move {
        #[cfg(unix)]
        if let [Some(mut terminate), Some(mut interrupt)] = terminations {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        // A process that can't listen for signals ends at once by their default action.
        let _ = tokio::signal::ctrl_c().await;
    }
}
