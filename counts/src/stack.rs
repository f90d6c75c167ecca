//! The whole stack over memory: typed client, driver and in-process store, on a clock that stands still while there is something
//! to do. What the virtual clock's executor costs is counted with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use clamator_memory::{ClientBuilder, Memory, RpcError, ServerBuilder, VirtualTime};
use futures_util::task::AtomicWaker;

#[clamator_memory::contract(service = "arith")]
trait Arith {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError>;
}

struct Calculator;

impl Arith for Calculator {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError> {
        Ok(a + b)
    }
}

/// How many callers are at work.
#[derive(Default)]
struct Callers {
    left: AtomicUsize,
    last: AtomicWaker,
}

pub(crate) fn run(calls: usize, window: usize) {
    let (memory, time) = (Memory::new(), VirtualTime::new());
    let server = ServerBuilder::with("counts", time.clone(), &memory).build().expect("a server");
    let client = ClientBuilder::with("counts", time.clone(), &memory).build().expect("a client");
    server.register(ArithService::new(Calculator)).expect("the first service");
    time.run(async {
        server.start().await.expect("memory is there");
        client.start().await.expect("memory is there");
        let arith = ArithClient::new(&client);
        let callers = Arc::new(Callers::default());
        callers.left.store(window, Ordering::Relaxed);
        for caller in 0..window {
            let (arith, callers) = (arith.clone(), callers.clone());
            let share = calls / window + usize::from(caller < calls % window);
            time.spawn(async move {
                for _ in 0..share {
                    assert_eq!(arith.add(2.0, 3.0).await, Ok(5.0));
                }
                if callers.left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    callers.last.wake();
                }
            });
        }
        std::future::poll_fn(|context| {
            callers.last.register(context.waker());
            match callers.left.load(Ordering::Relaxed) {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
    });
}
