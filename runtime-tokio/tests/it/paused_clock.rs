//! Tests that pause tokio's clock, as those who test their own handlers in memory do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clamator_testkit::RedisServer;
use clamator_tokio::{CallError, Client, ClientBuilder, Memory, Server, ServerBuilder};
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

use crate::common::{ConfClient, ConfHandler, ConfService, at};
use crate::site::SOON;

async fn started(handler: &Arc<ConfHandler>) -> (Server, Client) {
    let memory = Memory::new();
    let server = ServerBuilder::new("p").over(&memory).build().unwrap();
    server.register(ConfService::new(handler.clone())).unwrap();
    server.start().await.unwrap();
    let client = ClientBuilder::new("p").over(&memory).build().unwrap();
    client.start().await.unwrap();
    (server, client)
}

#[tokio::test(start_paused = true)]
async fn minutes_take_no_time() {
    let handler = Arc::default();
    let (server, client) = started(&handler).await;
    let (conf, began) = (ConfClient::new(&client), std::time::Instant::now());
    assert!(matches!(conf.sleep(60_000).await, Err(CallError::Timeout { .. })));
    let slept = conf.sleep(60_000).timeout(Duration::from_secs(100)).await;
    assert_eq!(slept.unwrap().slept, 60_000);
    assert_eq!(handler.calls.load(Ordering::Relaxed), 2);
    assert!(began.elapsed() < SOON);
    client.stop().await;
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_waits_is_over_the_moment_that_its_last_call_is_dropped() {
    let handler = Arc::default();
    let (_server, client) = started(&handler).await;
    let call = tokio::spawn(ConfClient::new(&client).sleep(60_000).into_future());
    while handler.calls.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let stop = tokio::spawn({
        let client = client.clone();
        async move { client.stop_within(Duration::from_secs(3600)).await }
    });
    while !format!("{client:?}").contains("Draining") {
        tokio::task::yield_now().await;
    }
    let began = tokio::time::Instant::now();
    call.abort();
    assert_eq!(stop.await.unwrap().aborted, 0);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[test]
fn the_paused_clock_of_one_test_does_not_stop_the_clock_of_another() {
    let paused = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let ahead = paused();
    ahead.block_on(async {
        tokio::time::advance(Duration::from_secs(24 * 60 * 60)).await;
        // Whoever comes first decides when the time of this process has begun.
        drop(ClientBuilder::new("p").over(clamator_tokio::Memory::new()).build().unwrap());
    });
    let redis = RedisServer::start();
    Runtime::new().unwrap().block_on(async {
        let client = ClientBuilder::new("p").over(at(&redis)).build().unwrap();
        client.start().await.unwrap();
        let call = client.call::<Json>("nothing", "at", &json!({}));
        let call = call.timeout(Duration::from_millis(500)).into_future();
        let error = tokio::time::timeout(SOON, call).await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::NoSuchService { .. }), "{error}");
    });
}
