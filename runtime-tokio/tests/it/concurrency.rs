//! What runs at the same time, what doesn't, and who does it.

use std::collections::BTreeSet;
use std::time::Duration;

use clamator_testkit::eventually;
use clamator_tokio::{CallError, RpcError, ServerBuilder};
use serde_json::json;

use crate::common::{ConfClient, ConfHandler, ConfService, Failure, at, started_client};
use crate::site::{SOON, Site};
use crate::work::{What, WorkClient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_service_on_one_server_runs_one_at_a_time_in_the_order_of_the_stream() {
    let site = Site::new("serial");
    let server = site.started_worker("a").await;
    let methods = ["nap", "quick", "quick", "quick"];
    for item in 0..200 {
        site.request("work", methods[item % 4], json!({ "item": item }), "raw");
    }
    eventually(SOON, "all are done", || site.replies("raw").len() == 200);
    let notes = site.book.notes();
    for (item, pair) in (0..200).zip(notes.chunks(2)) {
        let [began, ended] = pair else { panic!("{pair:?}") };
        assert_eq!((began.what, began.item), (What::Began, item));
        assert_eq!((ended.what, ended.item), (What::Ended, item), "none began before");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_on_one_server_run_at_the_same_time() {
    let site = Site::new("two-services");
    let server = site.worker("a", site.server_builder());
    server.register(ConfService::new(ConfHandler::default())).unwrap();
    server.start().await.unwrap();
    let client = site.started_client().await;
    let held = tokio::spawn(WorkClient::new(&client).hold(1).into_future());
    site.book.eventually(What::Began, 1);
    let next = tokio::spawn(WorkClient::new(&client).quick(2).into_future());
    for item in 1..=50 {
        assert_eq!(ConfClient::new(&client).push(item).await.unwrap().items.len() as i64, item);
    }
    assert_eq!(site.book.items(What::Began), [1], "the same service waits");
    site.book.let_go(1);
    assert!(held.await.unwrap().is_ok() && next.await.unwrap().is_ok());
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_pool_each_call_is_handled_once_and_everybody_takes_part() {
    let site = Site::new("pool");
    let mut pool = Vec::new();
    for name in ["a", "b", "c"] {
        pool.push(site.started_worker(name).await);
    }
    let client = site.started_client().await;
    let calls = (0..600).map(|item| tokio::spawn(WorkClient::new(&client).nap(item).into_future()));
    let mut taking_part = BTreeSet::new();
    for call in calls.collect::<Vec<_>>() {
        let done = call.await.unwrap().unwrap();
        assert!(!done.redelivery);
        taking_part.insert(done.by);
    }
    assert_eq!(taking_part, ["a", "b", "c"].map(String::from).into());
    let mut began = site.book.items(What::Began);
    began.sort_unstable();
    assert_eq!(began, (0..600).collect::<Vec<_>>());
    client.stop().await;
    for server in pool {
        server.stop().await;
    }
    assert_eq!(site.pending("work"), 0);
    assert!(site.consumers("work").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_is_its_callers_own() {
    let site = Site::new("timeout");
    let server = site.started_worker("a").await;
    let client = site.client_builder().default_timeout(Duration::from_millis(100)).build().unwrap();
    client.start().await.unwrap();
    let work = WorkClient::new(&client);
    let patient = tokio::spawn(work.hold(1).timeout(SOON * 3).into_future());
    site.book.eventually(What::Began, 1);
    let error = work.hold(2).await.unwrap_err();
    let CallError::Timeout { service, method, after, .. } = error else { panic!("{error}") };
    assert_eq!((service.as_str(), method.as_str()), ("work", "hold"));
    assert_eq!(after, Duration::from_millis(100));
    // The server wasn't told: it does both.
    site.book.let_go(2);
    assert!(patient.await.unwrap().is_ok());
    site.book.eventually(What::Ended, 2);
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_is_forgotten_and_its_late_reply_disturbs_nobody() {
    let site = Site::new("forgotten");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    let work = WorkClient::new(&client);
    let dropped = tokio::spawn(work.hold(1).into_future());
    site.book.eventually(What::Began, 1);
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    site.book.let_go(1);
    assert_eq!(work.quick(2).await.unwrap().by, "a");
    assert_eq!(site.book.items(What::Ended), [1, 2]);
    // A call that is made but never awaited isn't made at all.
    drop(work.quick(3));
    assert_eq!(work.quick(4).await.unwrap().by, "a");
    assert_eq!(site.book.items(What::Began), [1, 2, 4]);
    assert_eq!(client.stop().await.aborted, 0, "nothing waits any more");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_returns_once_it_is_in_redis() {
    let site = Site::new("fire");
    let commands = site.commands("work");
    site.redis.command(&["XGROUP", "CREATE", &commands, "work", "$", "MKSTREAM"]);
    let client = site.started_client().await;
    for item in 1..=3 {
        WorkClient::new(&client).tell(item).await.unwrap();
        assert_eq!(site.redis.command(&["XLEN", &commands]).as_int(), item as i64);
    }
    client.stop().await;
    let server = site.started_worker("a").await;
    site.book.eventually(What::Ended, 3);
    site.eventually_nothing_is_pending("work");
    assert_eq!(site.book.items(What::Began), [1, 2, 3]);
    server.stop().await;
}

#[clamator_tokio::contract(service = "relay")]
trait Relay {
    async fn here(&self, a: f64) -> Result<f64, RpcError>;
    async fn there(&self, a: f64) -> Result<f64, RpcError>;
    async fn divide(&self) -> Result<f64, RpcError>;
    async fn slow(&self) -> Result<f64, RpcError>;
    async fn failing(&self) -> Result<f64, Failure>;
}

/// Calls `conf` under its own prefix and under another one.
struct Relaying {
    here: ConfClient,
    there: ConfClient,
}

impl Relay for Relaying {
    async fn here(&self, a: f64) -> Result<f64, RpcError> {
        Ok(self.here.add(a, 1.0).await?.sum)
    }

    async fn there(&self, a: f64) -> Result<f64, RpcError> {
        Ok(self.there.add(a, 2.0).await?.sum)
    }

    async fn divide(&self) -> Result<f64, RpcError> {
        Ok(self.here.divide(1.0, 0.0).await?.q)
    }

    async fn slow(&self) -> Result<f64, RpcError> {
        Ok(self.here.sleep(60_000).timeout(Duration::from_millis(20)).await?.slept as f64)
    }

    async fn failing(&self) -> Result<f64, Failure> {
        Err(Failure("not today".to_owned()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_may_call_another_service_and_another_prefix() {
    let site = Site::new("relay");
    let other = format!("{}-other", site.prefix);
    let (here, there) = (site.started_client().await, started_client(&site.redis, &other).await);
    let server = site.server_builder().shutdown_grace(Duration::from_millis(20)).build().unwrap();
    server.register(ConfService::new(ConfHandler::default())).unwrap();
    let relaying = Relaying { here: ConfClient::new(&here), there: ConfClient::new(&there) };
    server.register(RelayService::new(relaying)).unwrap();
    server.start().await.unwrap();
    let elsewhere = ServerBuilder::new(&other).over(at(&site.redis)).build().unwrap();
    elsewhere.register(ConfService::new(ConfHandler::default())).unwrap();
    // The same name under another prefix is another service.
    elsewhere.register(site.service("b")).unwrap();
    elsewhere.start().await.unwrap();

    let client = site.started_client().await;
    let relay = RelayClient::new(&client);
    assert_eq!(relay.here(1.0).await.unwrap(), 2.0);
    assert_eq!(relay.there(1.0).await.unwrap(), 3.0);
    let rpc = |result: Result<f64, CallError>| match result {
        Err(CallError::Rpc(error)) => error,
        result => panic!("{result:?}"),
    };
    let error = rpc(relay.divide().await);
    assert_eq!((error.code, error.message.as_str()), (-32001, "division by zero"));
    assert_eq!(error.data, Some(json!({"a": 1.0})), "it went through the relay as it was");
    let error = rpc(relay.slow().await);
    assert_eq!((error.code, error.message.as_str()), (-32603, "Internal error"));
    assert_eq!(error.data.unwrap()["name"], json!("CallError"));
    let error = rpc(relay.failing().await);
    assert_eq!(error.data, Some(json!({"name": "Failure", "message": "not today"})));

    for client in [client, here, there] {
        client.stop().await;
    }
    assert_eq!(server.stop().await.aborted, 1, "the one that sleeps for a minute");
    elsewhere.stop().await;
}
