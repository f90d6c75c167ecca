//! The real Python implementation on the other side of every kind of call, and beside a Rust server in one pool.

#[path = "it/common.rs"]
mod common;

use std::time::Duration;

use clamator_testkit::{PythonPeer, RedisServer, Reply, eventually, unique_prefix};
use clamator_tokio::{CallError, ServerBuilder};
use common::*;
use serde_json::{Value, json};

const TIMEOUT_MS: u64 = 20_000;

/// What a caller sees of an error: code, message, data.
fn rpc(error: CallError) -> (i64, String, Option<Value>) {
    match error {
        CallError::Rpc(error) => (error.code, error.message, error.data),
        other => panic!("not an RPC error: {other}"),
    }
}

fn failed(reply: Reply) -> (String, i64, String, Value) {
    assert!(!reply.ok, "{reply:?}");
    (reply.kind, reply.code.unwrap_or_default(), reply.message, reply.data)
}

fn stream(prefix: &str) -> String {
    format!("{prefix}:cmds:conf")
}

fn pending(redis: &RedisServer, prefix: &str) -> i64 {
    redis.command(&["XPENDING", &stream(prefix), "conf"]).as_array()[0].as_int()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_client_calls_a_rust_server() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("py-rust");
    let server = started_server(&redis, &prefix).await;
    let client = PythonPeer::client(&redis, &prefix);

    assert_eq!(
        client.call("add", json!({"a": 2, "b": 3.5}), TIMEOUT_MS).unwrap(),
        json!({"sum": 5.5})
    );
    let text = json!({"ключ": ["é", "\u{1F600}", "\u{0}", "\"\\"], "n": 12345678901234567i64});
    assert_eq!(
        client.call("echo", json!({ "value": text }), TIMEOUT_MS).unwrap(),
        json!({ "value": text })
    );
    assert_eq!(
        failed(client.call("divide", json!({"a": 1, "b": 0}), TIMEOUT_MS)),
        ("rpc".into(), -32001, "division by zero".into(), json!({"a": 1.0}))
    );
    let (kind, code, message, data) =
        failed(client.call("fail", json!({"message": "boom"}), TIMEOUT_MS));
    assert_eq!((kind.as_str(), code, message.as_str()), ("rpc", -32603, "Internal error"));
    assert_eq!(data, json!({"name": "Failure", "message": "boom"}));
    let (_, code, message, data) =
        failed(client.call("add", json!({"a": "two", "b": 3}), TIMEOUT_MS));
    assert_eq!((code, message.as_str()), (-32602, "Invalid params"));
    assert_eq!(data["errors"][0]["loc"], json!(["a"]));
    let (_, code, message, _) = failed(client.call("badResult", json!({}), TIMEOUT_MS));
    assert_eq!((code, message.as_str()), (-32603, "Result validation failed"));
    let (_, code, message, data) = failed(client.call("nothing", json!({}), TIMEOUT_MS));
    assert_eq!((code, message.as_str(), data), (-32601, "Method not found", Value::Null));
    // Python writes whole floats with a point; a Rust integer takes them.
    assert_eq!(
        client.call("push", json!({"item": 5.0}), TIMEOUT_MS).unwrap(),
        json!({"items": [5]})
    );

    assert!(client.notify("ping", json!({"n": 1})).ok);
    assert!(client.notify("ping", json!({"n": 2})).ok);
    client.barrier();
    assert_eq!(client.call("seen", json!({}), TIMEOUT_MS).unwrap()["pings"], 2);

    assert_eq!(failed(client.call("sleep", json!({"ms": 400}), 100)).0, "timeout");

    let tags: Vec<(u64, i64)> = (0..200)
        .map(|i| (client.send("add", json!({"a": i, "b": 1}), TIMEOUT_MS), i + 1))
        .collect();
    for (tag, sum) in tags {
        assert_eq!(client.recv(tag).unwrap(), json!({ "sum": sum as f64 }));
    }
    client.finish();
    eventually(Duration::from_secs(5), "everything is acked", || pending(&redis, &prefix) == 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rust_client_calls_a_python_server() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("rust-py");
    let server = PythonPeer::server(&redis, &prefix);
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);

    assert_eq!(conf.add(2.0, 3.5).await.unwrap(), Sum { sum: 5.5 });
    let text = json!({"ключ": ["é", "\u{1F600}", "\u{0}", "\"\\"], "n": 12345678901234567i64});
    assert_eq!(conf.echo(text.clone()).await.unwrap(), Echo { value: text });
    let (code, message, data) = rpc(conf.divide(1.0, 0.0).await.unwrap_err());
    assert_eq!((code, message.as_str()), (-32001, "division by zero"));
    assert_eq!(data, Some(json!({"a": 1.0})));
    let (code, message, data) = rpc(conf.fail("boom".into()).await.unwrap_err());
    assert_eq!((code, message.as_str()), (-32603, "Internal error"));
    assert_eq!(data.unwrap()["message"], "boom");
    let invalid: CallError =
        client.call::<Value>("conf", "add", &json!({"a": "two", "b": 3})).await.unwrap_err();
    let (code, message, data) = rpc(invalid);
    assert_eq!((code, message.as_str()), (-32602, "Invalid params"));
    assert_eq!(data.unwrap()["errors"][0]["loc"], json!(["a"]));
    let (code, message, _) = rpc(conf.bad_result().await.unwrap_err());
    assert_eq!((code, message.as_str()), (-32603, "Result validation failed"));
    let missing = client.call::<Value>("conf", "nothing", &json!({})).await.unwrap_err();
    assert_eq!(rpc(missing), (-32601, "Method not found".into(), None));
    assert_eq!(conf.push(5).await.unwrap(), Items { items: vec![5] });

    conf.ping(1).await.unwrap();
    conf.ping(2).await.unwrap();
    assert_eq!(conf.seen().await.unwrap().pings, 2);

    let timeout = conf.sleep(400).timeout(Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(timeout, CallError::Timeout { .. }), "{timeout}");

    let calls = (0..200).map(|i| {
        let conf = conf.clone();
        tokio::spawn(async move { (i, conf.add(f64::from(i), 1.0).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (i, sum) = call.await.unwrap();
        assert_eq!(sum.unwrap().sum, f64::from(i) + 1.0);
    }
    client.stop().await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rust_and_a_python_server_share_one_service() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("pool");
    let python = PythonPeer::server(&redis, &prefix);
    let rust = started_server(&redis, &prefix).await;
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);

    // Each call is counted by exactly one of them.
    let calls = (0..300).map(|i| {
        let conf = conf.clone();
        tokio::spawn(async move { conf.add(f64::from(i), 1.0).await.unwrap().sum })
    });
    let mut sums = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        sums.push(call.await.unwrap());
    }
    sums.sort_by(f64::total_cmp);
    assert_eq!(sums, (1..=300).map(f64::from).collect::<Vec<_>>());

    assert_eq!(consumers(&redis, &prefix), 2, "both took part");
    eventually(Duration::from_secs(5), "everything is acked", || pending(&redis, &prefix) == 0);
    eventually(Duration::from_secs(20), "what Python has acked is removed too", || {
        redis.command(&["XLEN", &stream(&prefix)]).as_int() == 0
    });
    client.stop().await;
    rust.stop().await;
    python.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rust_server_finishes_what_a_python_server_died_with() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("died");
    let python = PythonPeer::server(&redis, &prefix);
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);
    let call = tokio::spawn(async move { conf.sleep(300).await });
    eventually(Duration::from_secs(5), "Python has the call", || pending(&redis, &prefix) == 1);
    python.kill9();
    let claim_idle = Duration::from_millis(500);
    let rust = conf_server_with(
        ServerBuilder::new(&prefix).over(at(&redis)).consumer_claim_idle(claim_idle),
    );
    rust.start().await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), Slept { slept: 300 });
    client.stop().await;
    rust.stop().await;
}

/// How many consumers of the group were ever given an entry: Redis makes one when it delivers to it.
fn consumers(redis: &RedisServer, prefix: &str) -> usize {
    redis.command(&["XINFO", "CONSUMERS", &stream(prefix), "conf"]).as_array().len()
}

/// Python's servers keep 1024 replies too: no more are under way than that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_calls_at_once_to_a_python_server_all_get_their_reply() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("py-crowd");
    let server = PythonPeer::server(&redis, &prefix);
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);
    let calls = (0..4000).map(|i| {
        let conf = conf.clone();
        tokio::spawn(async move { (i, conf.add(f64::from(i), 1.0).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (i, sum) = call.await.unwrap();
        assert_eq!(sum.unwrap().sum, f64::from(i) + 1.0);
    }
    client.stop().await;
    drop(server);
}
