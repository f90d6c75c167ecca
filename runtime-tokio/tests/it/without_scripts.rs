//! A Redis without `EVAL`, as some managed services are.

use std::sync::Arc;
use std::time::Duration;

use clamator_testkit::{RedisServer, eventually, unique_prefix};
use clamator_tokio::{ConfigError, Server, ServerBuilder, StartError};
use serde_json::json;

use crate::common::at;
use crate::site::{SOON, Site};
use crate::work::{What, WorkClient};

/// The two ways in which it may be refused.
fn sites(name: &str) -> [Site; 2] {
    let renamed = RedisServer::start_with(&["--rename-command", "EVAL", "no-scripts-here"]);
    let denied = RedisServer::start();
    denied.command(&["ACL", "SETUSER", "default", "-eval"]);
    [renamed, denied].map(|redis| Site { redis, prefix: unique_prefix(name), book: Arc::default() })
}

fn builder(site: &Site) -> ServerBuilder {
    ServerBuilder::new(&site.prefix)
        .over(at(&site.redis).without_scripts())
        .consumer_claim_idle(Duration::from_millis(900))
        .reconnect_backoff(Duration::from_millis(10), Duration::from_millis(100))
}

async fn started(site: &Site, name: &'static str) -> Server {
    let server = site.worker(name, builder(site));
    server.start().await.unwrap();
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_not_told_does_not_start_and_says_what_to_do() {
    for site in sites("untold") {
        let server = site.worker("a", site.server_builder());
        let error = server.start().await.unwrap_err();
        assert!(matches!(error, StartError::NoScripts { .. }), "{error}");
        assert!(error.to_string().contains("Redis::without_scripts()"), "{error}");
        server.stop().await;
        let keys = site.redis.command(&["KEYS", "*"]);
        assert_eq!(keys.as_array().len(), 0, "nothing was begun");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_notifications_and_the_work_of_a_dead_neighbour_are_done() {
    for site in sites("done") {
        let stream = site.commands("work");
        site.redis.command(&["XGROUP", "CREATE", &stream, "work", "0", "MKSTREAM"]);
        for item in 0..40 {
            site.request("work", "quick", json!({ "item": item }), "raw");
        }
        let take = ["XREADGROUP", "GROUP", "work", "work:dead", "STREAMS", &*stream, ">"];
        assert!(!site.redis.command(&take).is_nil());
        let server = started(&site, "a").await;
        let client = site.started_client().await;
        let work = WorkClient::new(&client);
        assert_eq!(work.quick(100).await.unwrap().deliveries, 1);
        work.tell(101).await.unwrap();
        site.book.eventually(What::Ended, 101);
        eventually(SOON, "all are answered", || site.replies("raw").len() == 40);
        assert!(site.replies("raw").iter().all(|reply| reply.contains(r#""redelivery":true"#)));
        site.eventually_nothing_is_pending("work");
        assert_eq!(site.book.items(What::Began).len(), 42, "each ran once");
        client.stop().await;
        server.stop().await;
        site.eventually_connections(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_outlasts_the_claim_idle_runs_once_next_to_a_neighbour() {
    for site in sites("long") {
        let first = started(&site, "a").await;
        let client = site.started_client().await;
        let held = tokio::spawn(WorkClient::new(&client).hold(1).into_future());
        site.book.eventually(What::Began, 1);
        let second = started(&site, "b").await;
        // Renewals of what runs count as deliveries: several of them, and more than a claim idle goes by.
        let stream = site.commands("work");
        eventually(SOON, "it was renewed again and again", || {
            let pending = site.redis.command(&["XPENDING", &stream, "work", "-", "+", "1"]);
            pending.as_array()[0].as_array()[3].as_int() > 5
        });
        assert_eq!(site.book.workers_of(1), ["a"]);
        site.book.let_go(1);
        assert_eq!(held.await.unwrap().unwrap().by, "a");
        for server in [first, second] {
            server.stop().await;
        }
        client.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_hands_back_what_was_not_begun_to_a_neighbour_at_once() {
    for site in sites("drained") {
        let redis = at(&site.redis).without_scripts();
        // Nobody waits for a minute here.
        let builder = || ServerBuilder::new(&site.prefix).over(redis.clone());
        let stream = site.commands("work");
        site.redis.command(&["XGROUP", "CREATE", &stream, "work", "0", "MKSTREAM"]);
        // Quick ones let a server read ahead; then one that holds up those behind it.
        for (method, item, count) in [("quick", 0, 600), ("hold", 1, 1), ("quick", 2, 50)] {
            for _ in 0..count {
                site.request("work", method, json!({ "item": item }), "raw");
            }
        }
        let first = site.worker("a", builder());
        first.start().await.unwrap();
        site.book.eventually(What::Began, 1);
        assert!(site.pending("work") > 1, "it was read ahead");
        let second = site.worker("b", builder());
        second.start().await.unwrap();
        let stopping = tokio::spawn(async move { first.stop().await });
        let by_second = || site.book.workers_of(2).len() == 50;
        eventually(SOON, "what waited behind it is done", by_second);
        assert!(site.book.workers_of(2).iter().all(|worker| *worker == "b"));
        site.book.let_go(1);
        let report = stopping.await.unwrap();
        assert!(report.handed_back > 0 && report.finished == 1, "{report:?}");
        assert_eq!(site.book.workers_of(1), ["a"]);
        site.eventually_nothing_is_pending("work");
        assert_eq!(site.consumers("work").len(), 2, "that of the first stays");
        second.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_after_cut_connections_and_a_flush() {
    for site in sites("cut") {
        let server = started(&site, "a").await;
        let client = site.started_client().await;
        let work = WorkClient::new(&client);
        let held = tokio::spawn(work.hold(1).into_future());
        site.book.eventually(What::Began, 1);
        let last = site.connections().iter().map(|connection| connection.id).max();
        site.redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        // All but that for the client's commands, whose loss is noticed with the next one.
        eventually(SOON, "new connections are there", || {
            site.connections().iter().filter(|new| Some(new.id) > last).count() >= 3
        });
        site.book.let_go(1);
        assert_eq!(held.await.unwrap().unwrap().by, "a");
        assert_eq!(site.book.workers_of(1), ["a"], "it found its own, and didn't begin it again");
        site.redis.command(&["FLUSHALL"]);
        assert_eq!(work.quick(2).await.unwrap().by, "a");
        site.eventually_nothing_is_pending("work");
        client.stop().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn a_delivery_limit_is_refused_since_deliveries_can_not_be_counted() {
    let [site, _] = sites("limit");
    let error = builder(&site).max_deliveries(5).build().unwrap_err();
    assert!(matches!(error, ConfigError::Option { option: "max_deliveries", .. }), "{error}");
    assert!(error.to_string().contains("without scripts"), "{error}");
}
