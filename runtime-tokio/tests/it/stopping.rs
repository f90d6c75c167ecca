//! What the stop of a server finishes, and what it hands back.

use std::time::Duration;

use clamator_testkit::eventually;
use clamator_tokio::{CallError, Server, StopReport};
use serde_json::json;

use crate::site::{SOON, Site};
use crate::work::{What, WorkClient};

/// Adds a handler that is held and `more` that aren't, all at once, so that one read takes them together.
fn add_together(site: &Site, held: u64, more: impl Iterator<Item = u64>) {
    // Quick handlers let a server read ahead.
    for item in 0..64 {
        site.request("work", "quick", json!({ "item": item }), "warm-up");
    }
    eventually(SOON, "it is warm", || site.replies("warm-up").len() == 64);
    site.eventually_nothing_is_pending("work");
    site.redis.command(&["MULTI"]);
    let words = |method: &str, item: u64| {
        let envelope = json!({"jsonrpc": "2.0", "method": format!("work.{method}"), "params": {"item": item}, "id": item});
        [
            "XADD".to_owned(),
            site.commands("work"),
            "*".to_owned(),
            "envelope".to_owned(),
            envelope.to_string(),
            "reply-to".to_owned(),
            site.reply_to("raw"),
        ]
    };
    site.redis.command(&words("hold", held));
    for item in more {
        site.redis.command(&words("quick", item));
    }
    site.redis.command(&["EXEC"]);
    site.book.eventually(What::Began, held);
}

fn stopping(server: &Server) -> tokio::task::JoinHandle<StopReport> {
    let server = server.clone();
    let stop = tokio::spawn({
        let server = server.clone();
        async move { server.stop_within(Duration::from_secs(60)).await }
    });
    eventually(SOON, "it stops", || format!("{server:?}").contains("Draining"));
    stop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_the_handler_that_runs_and_its_caller_gets_the_reply() {
    let site = Site::new("stop-waits");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    let held = tokio::spawn(WorkClient::new(&client).hold(1).into_future());
    site.book.eventually(What::Began, 1);
    let stop = stopping(&server);
    site.book.let_go(1);
    let report = stop.await.unwrap();
    assert_eq!((report.finished, report.handed_back, report.aborted), (1, 0, 0));
    assert_eq!(held.await.unwrap().unwrap().by, "a");
    assert_eq!(site.pending("work"), 0);
    assert!(site.consumers("work").is_empty(), "its consumer is gone");
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_begun_goes_back_to_the_pool_at_once() {
    let site = Site::new("hand-back");
    let first = site.started_worker("a").await;
    add_together(&site, 100, 101..111);
    eventually(SOON, "they wait for it", || site.pending("work") == 11);
    let second = site.started_worker("b").await;
    let stop = stopping(&first);
    // While the handler of the first one still runs.
    eventually(SOON, "the second one has done them", || site.replies("raw").len() == 10);
    assert!(!stop.is_finished());
    for item in 101..111 {
        assert_eq!(site.book.workers_of(item), ["b"]);
    }
    site.book.let_go(1);
    let report = stop.await.unwrap();
    assert_eq!((report.finished, report.handed_back, report.aborted), (1, 10, 0));
    eventually(SOON, "its caller got the reply", || site.replies("raw").len() == 11);
    site.eventually_nothing_is_pending("work");
    assert_eq!(site.book.workers_of(100), ["a"], "it ran once");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_outlasts_the_grace_is_dropped_and_another_server_takes_over() {
    let site = Site::new("grace");
    let first = site.started_worker("a").await;
    let client = site.started_client().await;
    let held = tokio::spawn(WorkClient::new(&client).hold(1).into_future());
    site.book.eventually(What::Began, 1);
    let report = first.stop_within(Duration::from_millis(50)).await;
    assert_eq!((report.finished, report.handed_back, report.aborted), (0, 1, 1));
    site.book.eventually(What::Dropped, 1);
    assert_eq!(site.pending("work"), 1, "it is not lost");

    let found = site.redis.command(&["XPENDING", &site.commands("work"), "work", "-", "+", "9"]);
    let idle = found.as_array()[0].as_array()[2].as_int();
    assert!(idle > 23 * 60 * 60 * 1000, "nobody's claim idle is as long as this: {idle} ms");
    let second = site.started_worker("b").await;
    site.book.let_go(1);
    let done = held.await.unwrap().unwrap();
    assert_eq!((done.by.as_str(), done.redelivery), ("b", true));
    assert_eq!(done.deliveries, 2);
    site.eventually_nothing_is_pending("work");
    client.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stop_that_is_under_way_gets_the_same_report_and_the_shortest_grace_counts() {
    let site = Site::new("stops");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    let held = tokio::spawn(WorkClient::new(&client).hold(1).timeout(SOON).into_future());
    site.book.eventually(What::Began, 1);
    let long = stopping(&server);
    let report = server.stop_within(Duration::from_millis(50)).await;
    assert_eq!(report.aborted, 1);
    assert_eq!(long.await.unwrap(), report);
    assert_eq!(server.stop().await, report, "and later ones get it too");
    client.stop().await;
    assert_eq!(held.await.unwrap(), Err(CallError::Stopped { may_have_executed: true }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_with_redis_gone_ends_all_the_same() {
    let site = Site::new("stop-without-redis");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    let held = tokio::spawn(WorkClient::new(&client).hold(1).into_future());
    site.book.eventually(What::Began, 1);
    site.redis.kill9();
    let stop = tokio::time::timeout(SOON, server.stop_within(Duration::from_millis(50)));
    assert_eq!(stop.await.unwrap().aborted, 1);
    site.book.eventually(What::Dropped, 1);
    tokio::time::timeout(SOON, client.stop()).await.unwrap();
    assert_eq!(held.await.unwrap(), Err(CallError::Stopped { may_have_executed: true }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_with_redis_silent_ends_all_the_same() {
    let site = Site::new("stop-with-silent-redis");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    site.redis.pause();
    let stop = tokio::time::timeout(SOON, server.stop_within(Duration::from_millis(50)));
    assert_eq!(stop.await.unwrap(), StopReport::default());
    tokio::time::timeout(SOON, client.stop()).await.unwrap();
    site.redis.resume();
    site.eventually_connections(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_until_it_is_told_to_stop() {
    let site = Site::new("serve-until");
    let server = site.worker("a", site.server_builder());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(async move { server.serve_until(stopped).await });
    let client = site.started_client().await;
    let work = WorkClient::new(&client);
    assert_eq!(work.quick(1).await.unwrap().by, "a");
    let held = tokio::spawn(work.hold(2).into_future());
    site.book.eventually(What::Began, 2);
    stop.send(()).unwrap();
    site.book.let_go(1);
    assert_eq!(held.await.unwrap().unwrap().by, "a");
    assert_eq!(serving.await.unwrap().unwrap().aborted, 0);
    client.stop().await;
    site.eventually_connections(0);
}
