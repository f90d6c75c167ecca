//! Many calls at once, over a real Redis: none is lost, and none waits for a service that is gone.

#[path = "it/common.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clamator_testkit::{RedisServer, unique_prefix};
use clamator_tokio::{CallError, ClientBuilder, QueueFull, RpcError, ServerBuilder};
use common::*;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_at_once_all_get_their_reply() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("crowd");
    let server = started_server(&redis, &prefix).await;
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);
    let calls = (0..10_000).map(|i| {
        let conf = conf.clone();
        tokio::spawn(async move { (i, conf.add(f64::from(i), 1.0).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (i, sum) = call.await.unwrap();
        assert_eq!(sum.unwrap().sum, f64::from(i) + 1.0);
    }
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_to_a_stopped_service_do_not_delay_a_call_to_another() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("gone");
    let server = started_server(&redis, &prefix).await;
    let client = started_client(&redis, &prefix).await;
    // A stream whose servers are gone: there is a group, and nobody reads.
    let gone = format!("{prefix}:cmds:gone");
    redis.command(&["XGROUP", "CREATE", &gone, "gone", "0", "MKSTREAM"]);
    let waiting: Vec<_> = (0..1000)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let call = client.call::<Value>("gone", "work", &json!({}));
                call.timeout(Duration::from_secs(3)).await.unwrap_err()
            })
        })
        .collect();
    clamator_testkit::eventually(Duration::from_secs(2), "they are under way", || {
        redis.command(&["XLEN", &gone]).as_int() == 512
    });
    let conf = ConfClient::new(&client);
    let began = Instant::now();
    for i in 0..100 {
        assert_eq!(conf.add(f64::from(i), 1.0).await.unwrap().sum, f64::from(i) + 1.0);
    }
    assert!(began.elapsed() < Duration::from_secs(2), "they went by those that wait");
    let (mut timed_out, mut never_sent) = (0, 0);
    for call in waiting {
        match call.await.unwrap() {
            CallError::Timeout { .. } => timed_out += 1,
            CallError::TooManyCalls { .. } => never_sent += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((timed_out, never_sent), (512, 488));
    client.stop().await;
    server.stop().await;
}

/// What Redis uses, in bytes, once every call that was made is removed from the command stream.
fn memory_at_rest(redis: &RedisServer, stream: &str) -> u64 {
    clamator_testkit::eventually(Duration::from_secs(30), "done requests are removed", || {
        redis.command(&["XLEN", stream]).as_int() == 0
    });
    let info = redis.command(&["INFO", "memory"]);
    let used = info.as_str().lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.expect("Redis tells").trim().parse().expect("a number")
}

/// With `cargo xtask test --full`, 500,000 calls; each that stayed would take about 200 bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_nothing_of_calls_that_are_done() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("rest");
    let server = started_server(&redis, &prefix).await;
    let client = started_client(&redis, &prefix).await;
    let stream = format!("{prefix}:cmds:conf");
    let full = std::env::var_os("CLAMATOR_FULL").is_some();
    let mut used = Vec::new();
    for calls in [5_000, if full { 500_000 } else { 20_000 }] {
        for _ in 0..calls / 500 {
            let batch: Vec<_> = (0..500)
                .map(|i| {
                    let conf = ConfClient::new(&client);
                    tokio::spawn(async move { conf.add(f64::from(i), 1.0).await })
                })
                .collect();
            for call in batch {
                call.await.unwrap().unwrap();
            }
        }
        used.push(memory_at_rest(&redis, &stream));
    }
    assert!(used[1] < used[0] + 512 * 1024, "{used:?}");
    client.stop().await;
    server.stop().await;
}

/// A service whose handlers block the thread that they run on.
#[clamator_tokio::contract(service = "blocking")]
trait Blocking {
    async fn block(&self, ms: u64) -> Result<u64, RpcError>;
}

#[derive(Default)]
struct Blocker(AtomicU64);

impl Blocking for Blocker {
    async fn block(&self, ms: u64) -> Result<u64, RpcError> {
        std::thread::sleep(Duration::from_millis(ms));
        Ok(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_blocks_its_thread_holds_up_neither_other_services_nor_its_own_lease() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("blocking");
    let claim_idle = Duration::from_millis(300);
    let builder = || ServerBuilder::new(&prefix).over(at(&redis)).consumer_claim_idle(claim_idle);
    let server = conf_server_with(builder());
    let handler = Arc::new(Blocker::default());
    server.register(BlockingService::new(handler.clone())).unwrap();
    server.start().await.unwrap();
    let neighbour = builder().build().unwrap();
    neighbour.register(BlockingService::new(handler)).unwrap();
    neighbour.start().await.unwrap();

    let client = started_client(&redis, &prefix).await;
    let blocked = {
        let blocking = BlockingClient::new(&client);
        tokio::spawn(async move { blocking.block(2000).await })
    };
    let stream = format!("{prefix}:cmds:blocking");
    clamator_testkit::eventually(Duration::from_secs(2), "it blocks", || {
        redis.command(&["XPENDING", &stream, "blocking"]).as_array()[0].as_int() == 1
    });
    let conf = ConfClient::new(&client);
    let began = Instant::now();
    assert_eq!(conf.add(1.0, 2.0).await.unwrap().sum, 3.0);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(
        blocked.await.unwrap().unwrap(),
        1,
        "it ran once, though longer than the claim idle"
    );
    client.stop().await;
    server.stop().await;
    neighbour.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_find_no_room_wait_for_it_in_their_futures_and_all_get_their_reply() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("room");
    let server = started_server(&redis, &prefix).await;
    let client = ClientBuilder::new(&prefix)
        .over(at(&redis))
        .max_queued_calls(64)
        .queue_full(QueueFull::Wait)
        .build()
        .unwrap();
    client.start().await.unwrap();
    let conf = ConfClient::new(&client);
    let calls = (0..5000).map(|i| {
        let conf = conf.clone();
        tokio::spawn(async move { (i, conf.add(f64::from(i), 1.0).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (i, sum) = call.await.unwrap();
        assert_eq!(sum.unwrap().sum, f64::from(i) + 1.0);
    }
    client.stop().await;
    server.stop().await;
}
