//! The Python driver program, on both sides.

use std::time::{Duration, Instant};

use clamator_testkit::{PeerClient, PeerServer, PythonPeer, RedisServer, ServerOptions};
use clamator_testkit::{eventually, unique_prefix};
use serde_json::json;

fn pair(redis: &RedisServer) -> (PeerServer, PeerClient) {
    let prefix = unique_prefix("testkit");
    (PythonPeer::server(redis, &prefix), PythonPeer::client(redis, &prefix))
}

#[test]
fn calls_and_notifications() {
    let redis = RedisServer::start();
    let (server, client) = pair(&redis);
    assert_eq!(client.call("add", json!({"a": 2, "b": 3}), 5000).unwrap(), json!({"sum": 5.0}));
    assert_eq!(client.call("push", json!({"item": 4}), 5000).unwrap(), json!({"items": [4]}));
    let echo = json!({"value": [null, "zażółć 🦀", {"deep": [1, 2.5]}]});
    assert_eq!(client.call("echo", echo.clone(), 5000).unwrap(), echo);
    for n in 0..3 {
        assert!(client.notify("ping", json!({"n": n})).ok);
    }
    // One service runs serially and in order, so the pings are through.
    let seen = client.call("seen", json!({}), 5000).unwrap();
    assert_eq!(seen, json!({"calls": 3, "pings": 3}));
    client.finish();
    server.stop();
}

#[test]
fn errors_of_every_kind() {
    let redis = RedisServer::start();
    let (_server, client) = pair(&redis);
    let reply = client.call("divide", json!({"a": 1, "b": 0}), 5000);
    assert_eq!((reply.kind.as_str(), reply.code), ("rpc", Some(-32001)));
    assert_eq!((reply.message.as_str(), reply.data), ("division by zero", json!({"a": 1.0})));
    let reply = client.call("fail", json!({"message": "oh"}), 5000);
    assert_eq!((reply.code, reply.message.as_str()), (Some(-32603), "Internal error"));
    assert_eq!(reply.data, json!({"name": "RuntimeError", "message": "oh"}));
    let reply = client.call("badResult", json!({}), 5000);
    assert_eq!(reply.message, "Result validation failed");
    let reply = client.call("add", json!({"a": "x", "b": 0}), 5000);
    assert_eq!(reply.data["errors"][0]["loc"], json!(["a"]));
    let reply = client.call("noSuchMethod", json!({}), 5000);
    assert_eq!(reply.code, Some(-32601));
    assert_eq!(client.call("sleep", json!({"ms": 300}), 50).kind, "timeout");
    assert_eq!(client.call("no-name", json!({}), 5000).kind, "protocol");
    redis.kill9();
    assert_eq!(client.call("add", json!({"a": 1, "b": 1}), 5000).kind, "transport");
    assert_eq!(client.notify("ping", json!({"n": 1})).kind, "transport");
}

#[test]
fn two_hundred_calls_at_once_settle_each_by_its_tag() {
    let redis = RedisServer::start();
    let (_server, client) = pair(&redis);
    let tags =
        Vec::from_iter((0..200).map(|n| client.send("add", json!({"a": n, "b": 1}), 20_000)));
    for (n, tag) in tags.into_iter().enumerate().rev() {
        assert_eq!(client.recv(tag).unwrap()["sum"], json!(n as f64 + 1.0));
    }
}

#[test]
fn a_barrier_waits_for_what_was_sent_before() {
    let redis = RedisServer::start();
    let (_server, client) = pair(&redis);
    let slow = client.send("sleep", json!({"ms": 200}), 5000);
    client.barrier();
    let start = Instant::now();
    assert!(client.call("add", json!({"a": 1, "b": 1}), 5000).ok);
    client.recv(slow).unwrap();
    assert!(start.elapsed().as_millis() >= 190, "add started too early");
    let unread = client.send("push", json!({"item": 1}), 5000);
    client.finish();
    assert!(unread > slow);
}

#[test]
fn options_reach_the_server_and_kill9_strands_what_it_runs() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("testkit");
    let options = ServerOptions { instance: Some("one".into()), ..ServerOptions::default() };
    let server = PythonPeer::server_with(&redis, &prefix, &options);
    let client = PythonPeer::client(&redis, &prefix);
    client.call("add", json!({"a": 1, "b": 1}), 5000).unwrap();
    let stream = format!("{prefix}:cmds:conf");
    let consumers = redis.command(&["XINFO", "CONSUMERS", &stream, "conf"]);
    assert_eq!(consumers.as_array()[0].field("name").unwrap().as_str(), "conf:one");
    let pending = || redis.command(&["XPENDING", &stream, "conf"]).as_array()[0].as_int();
    // The reply comes before its ack: without this wait, the answered request might be
    // taken for the one that is to be stranded.
    eventually(Duration::from_secs(5), "the answered request is acked", || pending() == 0);
    client.send("sleep", json!({"ms": 60_000}), 1000);
    eventually(Duration::from_secs(5), "the next one runs", || pending() == 1);
    server.kill9();
    assert_eq!(pending(), 1);
}

#[test]
#[should_panic(expected = "didn't get ready")]
fn a_server_that_cannot_serve_says_so() {
    let redis = RedisServer::start();
    redis.kill9();
    PythonPeer::server(&redis, "nobody");
}
