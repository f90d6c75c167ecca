//! The program as the server.

use std::error::Error;
use std::io::Write;

use clamator_driver::Server;

/// Serves until the signal, then stops with the usual grace.
pub(crate) async fn serve<F: Future<Output = ()>>(
    server: Server,
    signal: fn() -> F,
) -> Result<(), Box<dyn Error>> {
    // Listened for before anybody may send it.
    let signal = signal();
    server.start().await?;
    println!("READY");
    std::io::stdout().flush()?;
    signal.await;
    server.stop().await;
    Ok(())
}
