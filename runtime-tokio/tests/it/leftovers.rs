//! What others leave behind is taken over, what is held here isn't, and what is done is removed.

use std::time::Duration;

use clamator_testkit::eventually;
use clamator_tokio::Retention;
use serde_json::{Value as Json, json};

use crate::common::{Conf, ConfClient, ConfHandler, ConfService};
use crate::site::{SOON, Site};
use crate::work::{What, WorkClient};

/// As a server does that dies after its read: makes the group, takes what there is, and never acks.
fn take_and_die(site: &Site, count: usize) {
    let stream = site.commands("work");
    let taken = site.redis.command(&[
        "XREADGROUP",
        "GROUP",
        "work",
        "work:dead",
        "COUNT",
        "100",
        "STREAMS",
        &stream,
        ">",
    ]);
    assert_eq!(taken.as_array()[0].as_array()[1].as_array().len(), count);
}

fn make_group(site: &Site) {
    let stream = site.commands("work");
    site.redis.command(&["XGROUP", "CREATE", &stream, "work", "0", "MKSTREAM"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_server_left_behind_is_taken_over() {
    let site = Site::new("dead");
    make_group(&site);
    let client = site.started_client().await;
    let calls: Vec<_> = (0..50)
        .map(|item| tokio::spawn(WorkClient::new(&client).quick(item).into_future()))
        .collect();
    let stream = site.commands("work");
    eventually(SOON, "all are there", || site.redis.command(&["XLEN", &stream]).as_int() == 50);
    take_and_die(&site, 50);
    let server = site.started_worker("a").await;
    for call in calls {
        let done = call.await.unwrap().unwrap();
        assert_eq!((done.deliveries, done.redelivery), (2, true));
    }
    assert_eq!(site.book.items(What::Began).len(), 50);
    site.eventually_nothing_is_pending("work");
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_reads_under_the_name_of_a_dead_one_leaves_its_entries_to_the_claim_idle() {
    let site = Site::new("same-name");
    make_group(&site);
    site.request("work", "quick", json!({"item": 1}), "raw");
    let stream = site.commands("work");
    let words = ["XREADGROUP", "GROUP", "work", "work:a", "STREAMS", &*stream, ">"];
    assert!(!site.redis.command(&words).is_nil());
    let server = site.started_worker("a").await;
    eventually(SOON, "it is done", || site.replies("raw").len() == 1);
    let reply: Json = serde_json::from_str(&site.replies("raw")[0]).unwrap();
    assert_eq!(reply["result"]["deliveries"], json!(2));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_outlasts_the_claim_idle_runs_once() {
    let site = Site::new("long");
    let mut servers = Vec::new();
    let handler = std::sync::Arc::new(ConfHandler::default());
    for _ in 0..2 {
        let idle = Duration::from_millis(300);
        let server = site.server_builder().consumer_claim_idle(idle).build().unwrap();
        server.register(ConfService::new(handler.clone())).unwrap();
        server.start().await.unwrap();
        servers.push(server);
    }
    let client = site.started_client().await;
    let conf = ConfClient::new(&client);
    // Long enough for five claims, and each server has one.
    let (first, second) =
        tokio::join!(conf.sleep(1500).into_future(), conf.sleep(1500).into_future());
    assert_eq!((first.unwrap().slept, second.unwrap().slept), (1500, 1500));
    assert_eq!(handler.seen().await.unwrap().calls, 2);
    client.stop().await;
    for server in servers {
        server.stop().await;
    }
    assert_eq!(site.pending("conf"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_gone_while_it_is_pending_is_acked() {
    let site = Site::new("trimmed");
    make_group(&site);
    let gone = site.request("work", "quick", json!({"item": 1}), "raw");
    site.request("work", "quick", json!({"item": 2}), "raw");
    take_and_die(&site, 2);
    let stream = site.commands("work");
    assert_eq!(site.redis.command(&["XDEL", &stream, &gone]).as_int(), 1);
    let server = site.started_worker("a").await;
    site.eventually_nothing_is_pending("work");
    assert_eq!(site.book.items(What::Began), [2]);

    // And one whose handler runs.
    let running = site.request("work", "hold", json!({"item": 3}), "raw");
    site.book.eventually(What::Began, 3);
    assert_eq!(site.redis.command(&["XDEL", &stream, &running]).as_int(), 1);
    site.book.let_go(1);
    eventually(SOON, "it is answered all the same", || site.replies("raw").len() == 2);
    site.eventually_nothing_is_pending("work");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_another_server_has_taken_meanwhile_is_told_to_its_handler() {
    let site = Site::new("lease");
    let server = site.server_builder().consumer_claim_idle(Duration::from_millis(300));
    let server = server.build().unwrap();
    let lost = |_: Json, context: clamator_tokio::CallContext| async move {
        while !context.lease_lost() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok::<_, clamator_tokio::RpcError>("lost")
    };
    let service = clamator_tokio::Service::new("work").and_then(|work| work.method("wait", lost));
    server.register(service.unwrap()).unwrap();
    server.start().await.unwrap();
    let entry = site.request("work", "wait", json!({}), "raw");
    eventually(SOON, "it runs", || site.pending("work") == 1);
    let stream = site.commands("work");
    site.redis.command(&["XCLAIM", &stream, "work", "work:other", "0", &entry]);
    eventually(SOON, "it knows", || site.replies("raw").len() == 1);
    site.eventually_nothing_is_pending("work");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_is_removed_unless_it_is_to_be_kept() {
    let site = Site::new("retention");
    let stream = site.commands("work");
    let len = || site.redis.command(&["XLEN", &stream]).as_int();
    let keeping = site.worker("keeps", site.server_builder().retention(Retention::KeepAll));
    keeping.start().await.unwrap();
    let client = site.started_client().await;
    for item in 0..10 {
        WorkClient::new(&client).quick(item).await.unwrap();
    }
    keeping.stop().await;
    assert_eq!(len(), 10);
    // Another group that hasn't read any of them yet.
    site.redis.command(&["XGROUP", "CREATE", &stream, "audit", "0"]);
    let server = site.started_worker("removes").await;
    WorkClient::new(&client).quick(10).await.unwrap();
    site.redis.command(&[
        "XREADGROUP",
        "GROUP",
        "audit",
        "x",
        "COUNT",
        "4",
        "STREAMS",
        &stream,
        ">",
    ]);
    let first = site.redis.command(&["XRANGE", &stream, "-", "+", "COUNT", "1"]);
    let first = first.as_array()[0].as_array()[0].as_str().to_owned();
    site.redis.command(&["XACK", &stream, "audit", &first]);
    eventually(SOON, "what both are done with is removed", || len() == 10);
    site.redis.command(&["XGROUP", "DESTROY", &stream, "audit"]);
    WorkClient::new(&client).quick(11).await.unwrap();
    eventually(SOON, "everything is removed", || len() == 0);
    client.stop().await;
    server.stop().await;
}
