//! Three ways to test handlers without Redis, without ports and without waiting.
//!
//! 1. Call the handler: it is an ordinary `async fn`.
//! 2. Call it through a client and a server over memory, on tokio's paused clock.
//! 3. The same on `VirtualTime` of `clamator-memory`: no executor at all, and every run is the same run.
//!
//! `cargo run --example testing_handlers` runs all three. `runtime-tokio/tests/testing_handlers.rs` has the functions
//! below as real tests; in your own project they are in `#[cfg(test)] mod tests`.

use std::sync::Mutex;
use std::time::Duration;

use clamator_memory::VirtualTime;
use clamator_tokio::{CallContext, CallError, ClientBuilder, Memory, RpcError, ServerBuilder};

/// Takes orders.
#[clamator_tokio::contract(service = "shop")]
pub trait Shop {
    /// Takes an order, and tells its number. An order that is delivered again keeps its number.
    async fn order(&self, ctx: &CallContext, item: String) -> Result<usize, RpcError>;
}

/// The handler to be tested. Orders are known by the entry that brought them.
#[derive(Default)]
struct Counter {
    orders: Mutex<Vec<(String, String)>>,
}

impl Shop for Counter {
    async fn order(&self, ctx: &CallContext, item: String) -> Result<usize, RpcError> {
        if item.is_empty() {
            return Err(RpcError::new(-32001, "an order of nothing"));
        }
        let (entry, mut orders) = (ctx.entry().to_string(), self.orders.lock().unwrap());
        match orders.iter().position(|(known, _)| *known == entry) {
            Some(at) => Ok(at + 1),
            None => {
                orders.push((entry, item));
                Ok(orders.len())
            }
        }
    }
}

/// 1. The handler alone. A context can say that this is a second delivery.
pub(crate) async fn the_handler_alone() {
    let counter = Counter::default();
    let first = CallContext::for_test("shop", "order");
    assert_eq!(counter.order(&first, "tea".into()).await.unwrap(), 1);

    let again = first.clone().with_deliveries(2);
    assert!(again.is_redelivery());
    assert_eq!(counter.order(&again, "tea".into()).await.unwrap(), 1, "the same order");

    let error = counter.order(&first, String::new()).await.unwrap_err();
    assert_eq!(error.code, -32001);
}

/// 2. The whole way over memory: JSON, errors, order. With tokio's clock paused (`#[tokio::test(start_paused = true)]`)
///    whatever sleeps takes no time.
pub(crate) async fn the_whole_way_on_tokio() -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory::new();
    let server = ServerBuilder::new("test").over(&memory).build()?;
    server.register(ShopService::new(Counter::default()))?;
    server.start().await?;
    let client = ClientBuilder::new("test").over(&memory).build()?;
    client.start().await?;
    let shop = ShopClient::new(&client);

    assert_eq!(shop.order("tea".into()).await?, 1);
    assert_eq!(shop.order("milk".into()).await?, 2);
    let Err(CallError::Rpc(error)) = shop.order(String::new()).await else { panic!("it worked") };
    assert_eq!(error.message, "an order of nothing");

    client.stop().await;
    let report = server.stop().await;
    assert_eq!(report.aborted, 0);
    Ok(())
}

/// 3. On virtual time: a server that is slow for an hour, and a caller that gives up after ten seconds.
pub(crate) fn a_timeout_in_no_time() {
    #[derive(Clone)]
    struct Slow(VirtualTime);

    impl Shop for Slow {
        async fn order(&self, _ctx: &CallContext, _item: String) -> Result<usize, RpcError> {
            self.0.sleep(Duration::from_secs(3600)).await;
            Ok(1)
        }
    }

    let (time, memory) = (VirtualTime::new(), Memory::new());
    time.run(async {
        let server = clamator_memory::ServerBuilder::with("test", time.clone(), &memory);
        let server = server.seed([1; 32]).build().unwrap();
        server.register(ShopService::new(Slow(time.clone()))).unwrap();
        server.start().await.unwrap();
        let client = clamator_memory::ClientBuilder::with("test", time.clone(), &memory);
        let client = client.seed([2; 32]).build().unwrap();
        client.start().await.unwrap();
        let shop = ShopClient::new(&client);

        let before = time.now();
        let outcome = shop.order("tea".into()).timeout(Duration::from_secs(10)).await;
        assert!(matches!(outcome, Err(CallError::Timeout { .. })), "{outcome:?}");
        assert_eq!(time.now() - before, Duration::from_secs(10), "to the nanosecond");

        // The timeout was the caller's alone: the handler goes on, and a stop with a long grace lets it finish.
        let report = server.stop_within(Duration::from_secs(7200)).await;
        assert_eq!(report.finished, 1);
    });
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    the_handler_alone().await;
    println!("the handler alone: ok");
    the_whole_way_on_tokio().await?;
    println!("the whole way on tokio: ok");
    a_timeout_in_no_time();
    println!("a timeout in no time: ok");
    Ok(())
}
