//! Start and stop, of clients and servers, in every order.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use clamator_testkit::{RedisServer, eventually};
use clamator_tokio::{
    CallError, Client, ClientBuilder, RegisterError, StartError, StopReport, Tokio,
};
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

use crate::common::{ConfClient, ConfHandler, ConfService, at, conf_server, started_server};
use crate::site::{SOON, Site};
use crate::work::{What, WorkClient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_and_stop_may_be_called_again_but_nothing_starts_after_a_stop() {
    let site = Site::new("idempotent");
    let (client, server) =
        (site.client_builder().build().unwrap(), conf_server(&site.redis, &site.prefix));
    for _ in 0..3 {
        server.start().await.unwrap();
        client.start().await.unwrap();
    }
    site.eventually_connections(4);
    assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
    for _ in 0..3 {
        assert_eq!(client.stop().await, StopReport::default());
        assert_eq!(server.stop().await, StopReport::default());
    }
    assert_eq!(client.start().await, Err(StartError::Stopped));
    assert_eq!(server.start().await, Err(StartError::Stopped));
    site.eventually_connections(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_started_can_be_stopped_for_good() {
    let site = Site::new("never-started");
    let (client, server) =
        (site.client_builder().build().unwrap(), conf_server(&site.redis, &site.prefix));
    assert_eq!(client.stop().await, StopReport::default());
    assert_eq!(server.stop().await, StopReport::default());
    assert_eq!(client.start().await, Err(StartError::Stopped));
    assert_eq!(server.start().await, Err(StartError::Stopped));
    assert_eq!(site.connections(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_tasks_may_start_and_stop_at_once() {
    let site = Site::new("at-once");
    for _ in 0..10 {
        let (client, server) =
            (site.client_builder().build().unwrap(), conf_server(&site.redis, &site.prefix));
        let starts = (0..8).map(|_| {
            let (client, server) = (client.clone(), server.clone());
            tokio::spawn(async move { (client.start().await, server.start().await) })
        });
        for start in starts.collect::<Vec<_>>() {
            assert_eq!(start.await.unwrap(), (Ok(()), Ok(())));
        }
        assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
        let stops = (0..8).map(|_| {
            let (client, server) = (client.clone(), server.clone());
            tokio::spawn(async move { (client.stop().await, server.stop().await) })
        });
        for stop in stops.collect::<Vec<_>>() {
            assert_eq!(stop.await.unwrap(), Default::default());
        }
    }
    site.eventually_connections(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_a_start_that_hangs() {
    let site = Site::new("hanging-start");
    let (client, server) =
        (site.client_builder().build().unwrap(), conf_server(&site.redis, &site.prefix));
    site.redis.pause();
    let starts = tokio::spawn({
        let (client, server) = (client.clone(), server.clone());
        async move { tokio::join!(client.start(), client.start(), server.start(), server.start()) }
    });
    // Redis doesn't answer, so that the only outcome is what the stop makes of it.
    eventually(SOON, "the starts are under way", || {
        let debug = format!("{client:?}{server:?}");
        debug.matches("Starting").count() == 2
    });
    assert_eq!(client.stop().await, StopReport::default());
    assert_eq!(server.stop().await, StopReport::default());
    let stopped = Err(StartError::Stopped);
    let expected = (stopped.clone(), stopped.clone(), stopped.clone(), stopped);
    assert_eq!(starts.await.unwrap(), expected);
    site.redis.resume();
    site.eventually_connections(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_failed_can_be_tried_again() {
    let site = Site::new("again");
    site.redis.kill9();
    let (client, server) =
        (site.client_builder().build().unwrap(), conf_server(&site.redis, &site.prefix));
    for _ in 0..2 {
        assert!(matches!(client.start().await, Err(StartError::Unreachable(_))));
        assert!(matches!(server.start().await, Err(StartError::Unreachable(_))));
    }
    // Until a start has succeeded, services may be added.
    server.register(site.service("late")).unwrap();
    site.redis.start_again();
    client.start().await.unwrap();
    server.start().await.unwrap();
    assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
    assert_eq!(WorkClient::new(&client).quick(1).await.unwrap().by, "late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_refused_says_by_what_and_can_be_tried_again() {
    let site = Site::new("refused");
    let commands = site.commands("conf");
    site.redis.command(&["SET", &commands, "text"]);
    let server = conf_server(&site.redis, &site.prefix);
    let error = server.start().await.unwrap_err();
    assert!(matches!(error, StartError::Refused { .. }), "{error}");
    assert!(
        error.to_string().contains("WRONGTYPE") && error.to_string().contains(&commands),
        "{error}"
    );
    site.redis.command(&["DEL", &commands]);
    server.start().await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_are_registered_once_and_before_the_start() {
    let site = Site::new("register");
    let server = conf_server(&site.redis, &site.prefix);
    let conf = || ConfService::new(ConfHandler::default());
    let work = || site.service("late");
    let error = server.register(conf()).unwrap_err();
    assert!(matches!(&error, RegisterError::Duplicate(name) if name.as_str() == "conf"), "{error}");
    server.start().await.unwrap();
    let error = server.register(work()).unwrap_err();
    assert!(
        matches!(&error, RegisterError::AfterStart(name) if name.as_str() == "work"),
        "{error}"
    );
    server.stop().await;
    let error = server.register(work()).unwrap_err();
    assert!(matches!(&error, RegisterError::AfterStop(name) if name.as_str() == "work"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_before_the_start_and_after_the_stop_fail_at_once() {
    let site = Site::new("too-early");
    let server = started_server(&site.redis, &site.prefix).await;
    let client = site.client_builder().build().unwrap();
    let conf = ConfClient::new(&client);
    assert_eq!(conf.add(1.0, 2.0).await, Err(CallError::NotStarted));
    assert_eq!(conf.ping(1).await, Err(CallError::NotStarted));
    client.start().await.unwrap();
    assert_eq!(conf.add(1.0, 2.0).await.unwrap().sum, 3.0);
    client.stop().await;
    let stopped = CallError::Stopped { may_have_executed: false };
    assert_eq!(conf.add(1.0, 2.0).await, Err(stopped.clone()));
    assert_eq!(conf.ping(1).await, Err(stopped));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_fails_the_calls_that_wait_and_says_what_may_have_become_of_them() {
    let site = Site::new("stop-fails");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    let held = tokio::spawn(WorkClient::new(&client).hold(1).into_future());
    let unserved = tokio::spawn(ConfClient::new(&client).add(1.0, 2.0).into_future());
    site.book.eventually(What::Began, 1);
    let report = client.stop().await;
    assert!(report.aborted >= 1, "{report:?}");
    assert_eq!(held.await.unwrap().unwrap_err(), CallError::Stopped { may_have_executed: true });
    assert_eq!(
        unserved.await.unwrap().unwrap_err(),
        CallError::Stopped { may_have_executed: false }
    );
    site.book.let_go(1);
    assert_eq!(server.stop().await.aborted, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_can_wait_for_the_calls_under_way() {
    let site = Site::new("stop-waits");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    let work = WorkClient::new(&client);
    let first = tokio::spawn(work.hold(1).into_future());
    site.book.eventually(What::Began, 1);
    let second = tokio::spawn(work.hold(2).into_future());
    let stream = site.commands("work");
    eventually(SOON, "both are there", || site.redis.command(&["XLEN", &stream]).as_int() == 2);
    let stop = tokio::spawn({
        let client = client.clone();
        async move { client.stop_within(Duration::from_secs(60)).await }
    });
    eventually(SOON, "it stops", || format!("{client:?}").contains("Draining"));
    assert_eq!(work.quick(3).await, Err(CallError::Stopped { may_have_executed: false }));
    site.book.let_go(1);
    assert_eq!(first.await.unwrap().unwrap().by, "a");
    assert!(!stop.is_finished(), "one call is still under way");
    // A call that nobody waits for any more doesn't hold it up.
    second.abort();
    assert_eq!(stop.await.unwrap().finished, 1);
    site.book.let_go(1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_longer_than_it_may() {
    let site = Site::new("stop-gives-up");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    let held = tokio::spawn(WorkClient::new(&client).hold(1).into_future());
    site.book.eventually(What::Began, 1);
    let report = client.stop_within(Duration::from_millis(50)).await;
    assert_eq!((report.finished, report.aborted), (0, 1));
    assert_eq!(held.await.unwrap().unwrap_err(), CallError::Stopped { may_have_executed: true });
    site.book.let_go(1);
    server.stop().await;
}

#[test]
fn a_client_of_a_runtime_that_has_ended_says_so() {
    let site = Site::new("ended");
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let client = first.block_on(site.started_client());
    let server = first.block_on(site.started_worker("a"));
    let work = WorkClient::new(&client);
    let waiting = second.spawn(work.hold(1).into_future());
    site.book.eventually(What::Began, 1);
    drop(first);
    second.block_on(async {
        assert_eq!(waiting.await.unwrap(), Err(CallError::Ended), "it waited when that happened");
        let error = work.quick(2).await.unwrap_err();
        assert_eq!(error, CallError::Ended);
        assert!(error.to_string().contains("#[tokio::test]"), "{error}");
        assert_eq!(client.start().await, Err(StartError::Ended));
        assert_eq!(server.start().await, Err(StartError::Ended));
        assert_eq!(client.stop().await, StopReport::default());
        assert_eq!(server.stop().await, StopReport::default());
    });
    assert_eq!(site.book.items(What::Dropped), [1], "so was the handler that ran there");
    site.eventually_connections(0);
}

/// A future that is polled outside of every runtime.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_start_needs_a_runtime_or_a_handle_of_one() {
    let redis = RedisServer::start();
    let client = ClientBuilder::new("p").over(at(&redis)).build().unwrap();
    let Poll::Ready(Err(error)) = poll_once(client.start()) else { panic!() };
    assert!(matches!(error, StartError::NoRuntime(_)));
    assert!(error.to_string().contains("Tokio::on"), "{error}");
    let runtime = Runtime::new().unwrap();
    runtime.block_on(client.start()).unwrap();

    let on = Tokio::on(runtime.handle().clone());
    let client: Client = ClientBuilder::with("p", on, at(&redis)).build().unwrap();
    assert!(poll_once(client.start()).is_pending());
    eventually(SOON, "it was started by the other runtime", || {
        matches!(poll_once(client.start()), Poll::Ready(Ok(())))
    });
    let other = Runtime::new().unwrap();
    let seen = client.call::<Json>("nothing", "at", &json!({})).timeout(Duration::from_millis(500));
    let error = other.block_on(seen.into_future()).unwrap_err();
    assert!(matches!(error, CallError::NoSuchService { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_polled_after_its_outcome_does_no_harm() {
    let site = Site::new("polled-again");
    let server = started_server(&site.redis, &site.prefix).await;
    let client = site.started_client().await;
    let mut call = pin!(ConfClient::new(&client).add(1.0, 2.0).into_future());
    assert_eq!(call.as_mut().await.unwrap().sum, 3.0);
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(ConfClient::new(&client).add(3.0, 4.0).await.unwrap().sum, 7.0);
    client.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn one_thread_and_options_as_large_as_can_be_will_do() {
    let (site, longest) = (Site::new("one-thread"), Duration::MAX);
    let server = site
        .server_builder()
        .consumer_claim_idle(longest)
        .shutdown_grace(longest)
        .reply_stream_ttl(longest)
        .reply_stream_max_len(i64::MAX.unsigned_abs())
        .response_timeout(longest)
        .max_message_bytes(usize::MAX)
        .reconnect_backoff(longest, longest);
    let server = site.worker("a", server);
    server.start().await.unwrap();
    let client = site
        .client_builder()
        .default_timeout(longest)
        .reply_stream_ttl(longest)
        .response_timeout(longest)
        .reconnect_backoff(longest, longest)
        .build()
        .unwrap();
    client.start().await.unwrap();
    let work = WorkClient::new(&client);
    for item in 0..10 {
        assert_eq!(work.nap(item).timeout(longest).await.unwrap().by, "a");
    }
    let replies = site.redis.command(&["KEYS", &site.reply_to("*")]);
    let ttl = site.redis.command(&["PTTL", replies.as_array()[0].as_str()]).as_int();
    assert!(ttl > i64::MAX / 4, "{ttl}");
    assert_eq!(client.stop_within(longest).await, StopReport::default());
    assert_eq!(server.stop_within(longest).await, StopReport::default());
    site.eventually_connections(0);
}
