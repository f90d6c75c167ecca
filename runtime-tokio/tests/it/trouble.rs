//! Redis goes away, forgets everything, refuses or falls silent: both sides go on by themselves.

use std::time::{Duration, Instant};

use clamator_testkit::eventually;
use clamator_tokio::{CallError, Client, Server};

use crate::log;
use crate::site::{Connection, SOON, Site};
use crate::work::{What, WorkClient};

/// A server and a client that try again soon, and give up a silent connection soon.
async fn started(site: &Site) -> (Server, Client) {
    log::listen();
    let (first, longest) = (Duration::from_millis(10), Duration::from_millis(100));
    let silent = Duration::from_millis(300);
    let server = site
        .server_builder()
        .instance_id(server_id(site))
        .consumer_claim_idle(Duration::from_secs(2))
        .reconnect_backoff(first, longest)
        .response_timeout(silent);
    let server = server.build().unwrap();
    server.register(site.service("a")).unwrap();
    server.start().await.unwrap();
    let client = site.client_builder().instance_id(client_id(site));
    let client = client.reconnect_backoff(first, longest).response_timeout(silent).build().unwrap();
    client.start().await.unwrap();
    (server, client)
}

fn server_id(site: &Site) -> String {
    format!("{}-server", site.prefix)
}

fn client_id(site: &Site) -> String {
    format!("{}-client", site.prefix)
}

#[track_caller]
fn is_logged(instance: &str, text: &str) {
    eventually(SOON, &format!("{instance} logs {text:?}"), || {
        log::lines_of(instance).iter().any(|line| line.contains(text))
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_outlives_a_redis_that_is_killed_and_comes_back_empty() {
    let site = Site::new("killed");
    let (server, client) = started(&site).await;
    let work = WorkClient::new(&client);
    let held = tokio::spawn(work.hold(1).into_future());
    site.book.eventually(What::Began, 1);
    site.redis.kill9();
    is_logged(&client_id(&site), "not connected (commands)");
    is_logged(&server_id(&site), "not connected (commands)");

    let error = work.quick(2).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, CallError::Transport { may_have_executed: false, .. }), "{error}");
    assert!(error.to_string().contains(&site.redis.address().to_string()), "{error}");
    let waiting = tokio::spawn(work.quick(3).into_future());
    site.redis.start_again();
    site.book.let_go(1);
    assert_eq!(held.await.unwrap().unwrap().by, "a");
    assert_eq!(waiting.await.unwrap().unwrap().by, "a", "it is made once Redis is back");
    assert_eq!(site.book.items(What::Began), [1, 3], "each ran once, and 2 never");

    // One line for each change, however often it was tried.
    for (instance, lanes) in [(client_id(&site), 2), (server_id(&site), 2)] {
        is_logged(&instance, "connected again");
        let lines = log::lines_of(&instance);
        let lost = lines.iter().filter(|line| line.starts_with("not connected")).count();
        assert!(lost <= lanes, "{lines:#?}");
    }
    client.stop().await;
    server.stop().await;
    site.eventually_connections(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_request_was_lost_with_redis_says_that_it_may_have_been_executed() {
    let site = Site::new("lost");
    let (server, client) = started(&site).await;
    server.stop().await;
    let call = WorkClient::new(&client).quick(1).timeout(Duration::from_millis(500));
    let call = tokio::spawn(call.into_future());
    let commands = site.commands("work");
    eventually(SOON, "it is there", || site.redis.command(&["XLEN", &commands]).as_int() == 1);
    site.redis.kill9();
    let error = call.await.unwrap().unwrap_err();
    // By whether Redis' answer to the request had come back by then.
    assert!(
        matches!(
            error,
            CallError::Timeout { .. } | CallError::Transport { may_have_executed: true, .. }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("the call may "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_goes_on_after_everything_was_flushed() {
    let site = Site::new("flushed");
    let (server, client) = started(&site).await;
    let work = WorkClient::new(&client);
    let held = tokio::spawn(work.hold(1).into_future());
    site.book.eventually(What::Began, 1);
    site.redis.command(&["FLUSHALL"]);
    site.book.let_go(1);
    assert_eq!(held.await.unwrap().unwrap().by, "a", "even what ran meanwhile is answered");
    let flushed = Instant::now();
    site.redis.command(&["FLUSHALL"]);
    assert_eq!(work.quick(2).await.unwrap().by, "a");
    assert!(flushed.elapsed() < Duration::from_secs(2), "{:?}", flushed.elapsed());
    is_logged(&server_id(&site), "was gone and was made anew");
    assert_eq!(site.book.items(What::Began), [1, 2]);
    site.eventually_nothing_is_pending("work");
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_was_destroyed_is_made_anew_and_no_request_is_lost() {
    let site = Site::new("destroyed");
    let (server, client) = started(&site).await;
    let work = WorkClient::new(&client);
    let held = tokio::spawn(work.hold(1).into_future());
    site.book.eventually(What::Began, 1);
    let waiting = (2..=5).map(|item| tokio::spawn(work.quick(item).into_future()));
    let waiting: Vec<_> = waiting.collect();
    let commands = site.commands("work");
    eventually(SOON, "all are there", || site.redis.command(&["XLEN", &commands]).as_int() == 5);
    let destroyed = Instant::now();
    assert_eq!(site.redis.command(&["XGROUP", "DESTROY", &commands, "work"]).as_int(), 1);
    site.book.let_go(2);
    assert!(held.await.unwrap().is_ok());
    for call in waiting {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(work.quick(6).await.unwrap().by, "a");
    assert!(destroyed.elapsed() < Duration::from_secs(2), "{:?}", destroyed.elapsed());
    is_logged(&server_id(&site), "was gone and was made anew");
    site.eventually_nothing_is_pending("work");
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_goes_on_once_another_key_no_longer_stands_where_its_stream_was() {
    let site = Site::new("replaced");
    let (server, client) = started(&site).await;
    let work = WorkClient::new(&client);
    assert!(work.quick(1).await.is_ok());
    let commands = site.commands("work");
    site.redis.command(&["MULTI"]);
    site.redis.command(&["DEL", &commands]);
    site.redis.command(&["SET", &commands, "text"]);
    site.redis.command(&["EXEC"]);
    let Err(CallError::Refused(refusal)) = work.quick(2).await else { panic!() };
    assert_eq!(refusal.code, "WRONGTYPE");
    is_logged(&server_id(&site), "WRONGTYPE");
    assert_eq!(site.redis.command(&["GET", &commands]).as_str(), "text");
    site.redis.command(&["DEL", &commands]);
    assert_eq!(work.quick(3).await.unwrap().by, "a");
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_when_single_connections_are_cut() {
    let site = Site::new("cut");
    let (server, client) = started(&site).await;
    let work = WorkClient::new(&client);
    let mut item = 0;
    for round in 0..3 {
        // Each connection in turn, with a call under way and another one right after.
        for victim in 0..4 {
            let connection = &site.connections()[victim];
            item += 2;
            let held = tokio::spawn(work.hold(item).into_future());
            site.book.eventually(What::Began, item);
            site.redis.command(&["CLIENT", "KILL", "ID", &connection.id.to_string()]);
            site.book.let_go(1);
            let done = held.await.unwrap();
            assert!(done.is_ok(), "round {round}, {connection:?}: {done:?}");
            let next = work.quick(item + 1).timeout(Duration::from_millis(500)).await;
            match next {
                Ok(_) => {}
                // Its request may have been on the way into the connection that was cut.
                Err(CallError::Transport { may_have_executed: true, .. }) => {}
                Err(error) => panic!("round {round}, {connection:?}: {error}"),
            }
            assert!(work.quick(item + 1).await.is_ok());
            site.eventually_connections(4);
        }
    }
    for item in (2..=item).step_by(2) {
        assert_eq!(site.book.workers_of(item), ["a"], "{item} ran once");
    }
    site.eventually_nothing_is_pending("work");
    client.stop().await;
    server.stop().await;
}

/// On one thread, so that whoever had an answer from Redis after the cut has let everybody else notice it.
#[tokio::test]
async fn a_connection_that_was_cut_while_nothing_went_on_costs_no_call() {
    let site = Site::new("cut-idle");
    let (server, client) = started(&site).await;
    let work = WorkClient::new(&client);
    let reading = |connection: &Connection| connection.command.starts_with("xread");
    for (item, readers) in [(1, false), (2, true), (3, false)] {
        assert!(work.quick(item * 10).await.is_ok());
        let victims: Vec<Connection> =
            site.connections().into_iter().filter(|victim| reading(victim) == readers).collect();
        assert_eq!(victims.len(), 2, "one of the client's and one of the server's");
        let witness = site.started_client().await;
        for victim in victims {
            site.redis.command(&["CLIENT", "KILL", "ID", &victim.id.to_string()]);
        }
        for _ in 0..3 {
            let answer = WorkClient::new(&witness).tell(item);
            answer.await.unwrap();
        }
        witness.stop().await;
        let done = work.quick(item * 10 + 1).timeout(Duration::from_secs(2)).await;
        assert!(done.is_ok(), "{done:?}");
    }
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_falls_silent_is_given_up_and_found_again() {
    let site = Site::new("silent");
    let (server, client) = started(&site).await;
    let work = WorkClient::new(&client);
    let held = tokio::spawn(work.hold(1).into_future());
    site.book.eventually(What::Began, 1);
    site.redis.pause();
    let during = tokio::spawn(work.quick(2).into_future());
    let hurried = work.quick(3).timeout(Duration::from_millis(1500)).await.unwrap_err();
    assert!(matches!(hurried, CallError::Transport { may_have_executed: true, .. }), "{hurried}");
    site.book.let_go(1);
    is_logged(&client_id(&site), "gives no answer");
    is_logged(&server_id(&site), "gives no answer");
    site.redis.resume();
    assert!(held.await.unwrap().is_ok());
    assert!(during.await.unwrap().is_ok(), "its request was in Redis' hands");
    assert!(work.quick(4).await.is_ok());
    assert_eq!(site.book.workers_of(1), ["a"]);
    assert_eq!(site.book.workers_of(2), ["a"]);
    site.eventually_nothing_is_pending("work");
    client.stop().await;
    server.stop().await;
    site.eventually_connections(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_refuses_for_now_is_asked_again() {
    let site = Site::new("refusing");
    let (server, client) = started(&site).await;
    let work = WorkClient::new(&client);
    for (refuse, allow, code) in [
        (&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"][..], "OOM"),
        (&["REPLICAOF", "127.0.0.1", "1", ""], &["REPLICAOF", "NO", "ONE"][..], "READONLY"),
    ] {
        let held = tokio::spawn(work.hold(1).into_future());
        eventually(SOON, "it runs", || {
            let (began, ended) = (site.book.items(What::Began), site.book.items(What::Ended));
            began.iter().filter(|item| **item == 1).count()
                > ended.iter().filter(|item| **item == 1).count()
        });
        let refuse: Vec<&str> = refuse.iter().copied().filter(|word| !word.is_empty()).collect();
        assert_eq!(site.redis.command(&refuse).as_str(), "OK");
        site.book.let_go(1);
        let error = work.quick(2).timeout(Duration::from_millis(500)).await.unwrap_err();
        // What is no primary any more is left, and asked again over a new connection.
        assert!(error.to_string().contains(code), "{error}");
        assert!(!matches!(error, CallError::Transport { may_have_executed: true, .. }), "{error}");
        let waiting = tokio::spawn(work.quick(3).into_future());
        is_logged(&server_id(&site), code);
        assert_eq!(site.redis.command(allow).as_str(), "OK");
        assert!(held.await.unwrap().is_ok(), "{code}");
        assert!(waiting.await.unwrap().is_ok(), "{code}");
    }
    assert!(!site.book.items(What::Began).contains(&2), "what was refused never ran");
    site.eventually_nothing_is_pending("work");
    client.stop().await;
    server.stop().await;
}
