//! A client with as many tasks as calls are under way: each calls in a loop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{ArithClient, Executor};
use crate::order::{Order, Permits, Tally, Times};

pub(crate) struct Client {
    executor: Executor,
    client: clamator_tokio::Client,
}

impl Client {
    pub(crate) fn connect(executor: Executor, url: &str, prefix: &str) -> Result<Client, String> {
        let client = executor.client(url, prefix).map_err(|e| e.to_string())?;
        executor.block_on(client.start()).map_err(|e| e.to_string())?;
        Ok(Client { executor, client })
    }

    pub(crate) fn run(&mut self, order: &Order) -> Tally {
        let permits = Arc::new(Permits::of(order));
        // One for all of them: it is large.
        let times = Arc::new(Mutex::new(Times::new()));
        let began = Instant::now();
        self.executor.block_on(async {
            let callers = (0..order.window).map(|_| {
                let arith = ArithClient::new(&self.client);
                let (permits, times) = (permits.clone(), times.clone());
                self.executor.spawn(call_in_a_loop(arith, permits, times, order.payload))
            });
            for caller in callers.collect::<Vec<_>>() {
                caller.await;
            }
        });
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *times).tally(began)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.executor.block_on(self.client.stop());
    }
}

async fn call_in_a_loop(
    arith: ArithClient,
    permits: Arc<Permits>,
    times: Arc<Mutex<Times>>,
    payload: usize,
) {
    let mut began = Instant::now();
    while permits.take(began) {
        let outcome = match payload {
            0 => arith.add(2.0, 3.0).await.map(|it| it.sum == 5.0),
            _ => arith.echo("x".repeat(payload)).await.map(|it| it.text.len() == payload),
        };
        let now = Instant::now();
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(true) => times.record(now - began),
            Ok(false) => times.fail("a wrong result"),
            Err(error) => times.fail(error),
        }
        began = now;
    }
}
