//! The signals that ask a process to end.

/// Ready when the process is asked to end: by Ctrl-C, or on Unix by SIGTERM.
///
/// ```no_run
/// # async fn example(server: clamator_tokio::Server) -> Result<(), clamator_tokio::StartError> {
/// let report = server.serve_until(clamator_tokio::shutdown_signal()).await?;
/// println!("finished {} calls, handed back {}", report.finished, report.handed_back);
/// # Ok(()) }
/// ```
pub async fn shutdown_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // A process that can't listen for signals ends at once by their default action.
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
