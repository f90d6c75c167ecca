//! Services that run several requests at once, with the real driver, on virtual time.

use std::collections::BTreeMap;
use std::future::{Future, IntoFuture};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clamator_core::Time;
use clamator_driver::{CallContext, Client, RpcError, Server, Service};
use clamator_memory::{ClientBuilder, Memory, ServerBuilder, VirtualTime};
use serde_json::{Value, json};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What happened to which item, and when.
type Note = (u64, &'static str, Time);

/// The notes of all handlers, in order.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<Note>>>);

impl Book {
    fn note(&self, time: &VirtualTime, item: u64, what: &'static str) {
        self.0.lock().unwrap().push((item, what, time.now()));
    }

    /// The most handlers that ran at the same time.
    fn most_at_once(&self) -> i64 {
        let (mut running, mut most) = (0, 0);
        for (_, what, _) in self.0.lock().unwrap().iter() {
            running += if *what == "began" { 1 } else { -1 };
            most = most.max(running);
        }
        most
    }

    /// What was begun and ended of each lane, in order.
    fn by_lane(&self, lane: impl Fn(u64) -> u64) -> BTreeMap<u64, Vec<(u64, &'static str)>> {
        let mut lanes: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for (item, what, _) in self.0.lock().unwrap().iter() {
            lanes.entry(lane(*item)).or_default().push((*item, *what));
        }
        lanes
    }
}

/// A service whose handlers take as long as `takes` says.
fn work(
    time: &VirtualTime,
    book: &Book,
    takes: impl Fn(u64) -> Duration + Clone + Send + Sync + 'static,
) -> Service {
    let (time, book) = (time.clone(), book.clone());
    let run = move |params: Value, _context: CallContext| {
        let (time, book, takes) = (time.clone(), book.clone(), takes.clone());
        async move {
            let item = params["item"].as_u64().unwrap_or_default();
            book.note(&time, item, "began");
            time.sleep(takes(item)).await;
            book.note(&time, item, "ended");
            Ok::<_, RpcError>(item)
        }
    };
    Service::new("work").unwrap().method("run", run).unwrap()
}

async fn served(time: &VirtualTime, memory: &Memory, service: Service) -> Server {
    let server = ServerBuilder::with("p", time.clone(), memory.clone()).build().unwrap();
    server.register(service).unwrap();
    server.start().await.unwrap();
    server
}

/// A client that may have this many calls under way.
async fn client(time: &VirtualTime, memory: &Memory, calls: u64) -> Client {
    let builder = ClientBuilder::with("p", time.clone(), memory.clone());
    let client = builder.reply_stream_max_len(4 * calls).default_timeout(ms(600_000));
    let client = client.build().unwrap();
    client.start().await.unwrap();
    client
}

/// Calls all items, which leave in their order, and waits for all.
async fn call_all(time: &VirtualTime, client: &Client, items: impl Iterator<Item = u64>) {
    let left = Arc::new(Mutex::new(0_u64));
    for item in items {
        *left.lock().unwrap() += 1;
        let call = client.call::<u64>("work", "run", &json!({ "item": item })).into_future();
        let left = left.clone();
        time.spawn(async move {
            assert_eq!(call.await.unwrap(), item);
            *left.lock().unwrap() -= 1;
        });
    }
    while *left.lock().unwrap() > 0 {
        time.sleep(Duration::from_micros(500)).await;
    }
}

fn on_virtual_time<F: Future<Output = ()>>(run: impl FnOnce(VirtualTime) -> F) {
    let time = VirtualTime::new();
    time.run(run(time.clone()));
}

/// How much longer than at its best a pool of servers takes for its calls, each server with 64 slots.
fn stretch(servers: u64, takes: Duration) -> f64 {
    const CALLS: u64 = 768;
    let stretch = Arc::new(Mutex::new(0.0));
    let result = stretch.clone();
    on_virtual_time(|time| async move {
        let (memory, book) = (Memory::new(), Book::default());
        let mut pool = Vec::new();
        for _ in 0..servers {
            let service = work(&time, &book, move |_| takes).concurrent(64);
            pool.push(served(&time, &memory, service).await);
        }
        let client = client(&time, &memory, CALLS).await;
        let before = time.now();
        call_all(&time, &client, 0..CALLS).await;
        let took = time.now() - before;
        let best = takes * u32::try_from(CALLS / (64 * servers)).unwrap();
        *result.lock().unwrap() = took.as_secs_f64() / best.as_secs_f64();
        assert!(book.most_at_once() <= i64::try_from(64 * servers).unwrap());
        for server in pool {
            server.stop().await;
        }
        client.stop().await;
    });
    *stretch.lock().unwrap()
}

#[test]
fn a_pool_of_servers_with_many_slots_scales_with_the_number_of_servers() {
    for takes in [ms(3), ms(20), ms(400)] {
        for servers in [1, 2, 4] {
            let stretch = stretch(servers, takes);
            assert!(stretch < 1.1, "{servers} servers, {takes:?} each: {stretch} times the best");
        }
    }
}

#[test]
fn whatever_they_take_the_requests_of_a_key_run_one_at_a_time_in_order() {
    on_virtual_time(|time| async move {
        let (memory, book) = (Memory::new(), Book::default());
        let service = work(&time, &book, |item| ms(item * 7919 % 23))
            .ordered_by(8, |call| Some(call.param::<u64>("item")? % 20));
        let server = served(&time, &memory, service).await;
        let client = client(&time, &memory, 1000).await;
        call_all(&time, &client, 0..1000).await;
        assert_eq!(book.most_at_once(), 8);
        for (key, notes) in book.by_lane(|item| item % 20) {
            let items = (0..50).map(|number| number * 20 + key);
            let expected: Vec<_> =
                items.flat_map(|item| [(item, "began"), (item, "ended")]).collect();
            assert_eq!(notes, expected);
        }
        server.stop().await;
        client.stop().await;
    });
}

#[test]
fn a_key_with_endless_work_does_not_starve_the_others() {
    on_virtual_time(|time| async move {
        let (memory, book) = (Memory::new(), Book::default());
        let takes = |item| if item < 1000 { ms(100) } else { ms(1) };
        let service = work(&time, &book, takes).ordered_by(4, |call| {
            Some(call.param::<u64>("item")?.min(1000)).filter(|key| *key == 1000).or(Some(0))
        });
        let server = served(&time, &memory, service).await;
        let client = client(&time, &memory, 1000).await;
        let before = time.now();
        // 100 of the slow key, which take 10 s; the others come behind them.
        call_all(&time, &client, (0..100).chain(1000..1100)).await;
        let took = time.now() - before;
        assert!(took < ms(10_500), "{took:?}");
        let others_ended = book
            .0
            .lock()
            .unwrap()
            .iter()
            .filter(|(item, ..)| *item >= 1000)
            .map(|(.., at)| *at)
            .max();
        assert!(others_ended.unwrap() - before < ms(1000), "they had to wait for the slow key");
        server.stop().await;
        client.stop().await;
    });
}

#[test]
fn a_nested_call_of_the_same_key_times_out_and_one_of_another_key_does_not() {
    on_virtual_time(|time| async move {
        let memory = Memory::new();
        let inner = client(&time, &memory, 10).await;
        let nested = inner.clone();
        let run = move |params: Value, _context: CallContext| {
            let client = nested.clone();
            async move {
                let Some(then) = params["then"].as_str() else { return Ok::<_, RpcError>(true) };
                let call = client.call::<bool>("nested", "run", &json!({ "key": then }));
                Ok(call.timeout(ms(200)).await.is_ok())
            }
        };
        let service = Service::new("nested").unwrap().method("run", run).unwrap();
        let server =
            served(&time, &memory, service.ordered_by(4, |call| call.param::<String>("key"))).await;
        let call = |key: &str, then: &str| {
            inner.call::<bool>("nested", "run", &json!({ "key": key, "then": then }))
        };
        assert!(call("a", "b").await.unwrap(), "another key");
        assert!(!call("a", "a").await.unwrap(), "it would wait for itself");
        assert!(call("a", "b").await.unwrap(), "and everything goes on");
        server.stop().await;
        inner.stop().await;
    });
}
