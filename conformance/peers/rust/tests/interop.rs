//! Each Rust runtime with Python, in both directions and in one pool, and the Rust runtimes with each other. What is asserted
//! is what the programs print, and what stands in Redis.

use std::ffi::OsString;
use std::time::Duration;

use clamator_testkit::{
    ClientOptions, PeerClient, PeerServer, PythonPeer, RedisServer, Reply, ServerOptions,
    eventually, unique_prefix,
};
use serde_json::{Value, json};

const TIMEOUT_MS: u64 = 20_000;
const RUNTIMES: [&str; 3] = ["tokio", "smol", "async-std"];

fn program(runtime: &str) -> Vec<OsString> {
    [env!("CARGO_BIN_EXE_clamator-peer"), "--runtime", runtime].map(OsString::from).to_vec()
}

fn server(runtime: &str, redis: &RedisServer, prefix: &str) -> PeerServer {
    PeerServer::start(&program(runtime), &redis.url(), prefix, &ServerOptions::default())
}

fn client(runtime: &str, redis: &RedisServer, prefix: &str) -> PeerClient {
    PeerClient::start(&program(runtime), &redis.url(), prefix, &ClientOptions::default())
}

fn stream(prefix: &str) -> String {
    format!("{prefix}:cmds:conf")
}

fn pending(redis: &RedisServer, prefix: &str) -> i64 {
    redis.command(&["XPENDING", &stream(prefix), "conf"]).as_array()[0].as_int()
}

fn failed(reply: Reply) -> (String, i64, String, Value) {
    assert!(!reply.ok, "{reply:?}");
    (reply.kind, reply.code.unwrap_or_default(), reply.message, reply.data)
}

/// Every kind of call, and what each must give whoever serves it.
fn converse(client: &PeerClient) {
    let call = |method: &str, params: Value| client.call(method, params, TIMEOUT_MS);
    assert_eq!(call("add", json!({"a": 2, "b": 3.5})).unwrap(), json!({"sum": 5.5}));
    let text = json!({"ключ": ["é", "\u{1F600}", "\u{0}", "\"\\"], "n": 12345678901234567i64});
    assert_eq!(call("echo", json!({ "value": text })).unwrap(), json!({ "value": text }));

    let (kind, code, message, data) = failed(call("divide", json!({"a": 1, "b": 0})));
    assert_eq!((kind.as_str(), code, message.as_str()), ("rpc", -32001, "division by zero"));
    assert_eq!(data["a"].as_f64(), Some(1.0));
    let (_, code, message, data) = failed(call("fail", json!({"message": "boom"})));
    assert_eq!((code, message.as_str()), (-32603, "Internal error"));
    assert_eq!(data, json!({"name": "RuntimeError", "message": "boom"}));
    let (_, code, message, data) = failed(call("add", json!({"a": "two", "b": 3})));
    assert_eq!((code, message.as_str()), (-32602, "Invalid params"));
    assert_eq!(data["errors"][0]["loc"], json!(["a"]));
    let (_, code, message, _) = failed(call("badResult", json!({})));
    assert_eq!((code, message.as_str()), (-32603, "Result validation failed"));
    let (_, code, message, data) = failed(call("nothing", json!({})));
    assert_eq!((code, message.as_str(), data), (-32601, "Method not found", Value::Null));

    assert_eq!(call("push", json!({"item": 5.0})).unwrap(), json!({"items": [5]}));
    assert_eq!(call("push", json!({"item": 6})).unwrap(), json!({"items": [5, 6]}));

    assert!(client.notify("ping", json!({"n": 1})).ok);
    assert!(client.notify("ping", json!({"n": 2})).ok);
    client.barrier();
    assert_eq!(call("seen", json!({})).unwrap()["pings"], 2);

    assert_eq!(failed(client.call("sleep", json!({"ms": 400}), 100)).0, "timeout");
    many(&[client], 200);
}

/// As many calls at once, shared out among the clients; each gets the answer to its own.
fn many(clients: &[&PeerClient], count: u64) {
    let calls: Vec<_> = (0..count)
        .map(|n| {
            let client = clients[n as usize % clients.len()];
            (client, client.send("add", json!({"a": n, "b": 1}), TIMEOUT_MS), n)
        })
        .collect();
    for (client, tag, n) in calls {
        assert_eq!(client.recv(tag).unwrap()["sum"].as_f64(), Some((n + 1) as f64));
    }
}

fn a_python_client_calls(runtime: &str) {
    let redis = RedisServer::start();
    let prefix = unique_prefix(runtime);
    let server = server(runtime, &redis, &prefix);
    let client = PythonPeer::client(&redis, &prefix);
    converse(&client);
    client.finish();
    eventually(Duration::from_secs(5), "all is acked", || pending(&redis, &prefix) == 0);
    server.stop();
}

fn a_python_server_is_called_from(runtime: &str) {
    let redis = RedisServer::start();
    let prefix = unique_prefix(runtime);
    let server = PythonPeer::server(&redis, &prefix);
    let client = client(runtime, &redis, &prefix);
    converse(&client);
    client.finish();
    let left = redis.command(&["KEYS", &format!("{prefix}:replies:*")]);
    assert_eq!(left.as_array().len(), 0, "the client's reply stream is gone: {left:?}");
    server.stop();
}

fn a_pool_with_python(runtime: &str) {
    let redis = RedisServer::start();
    let prefix = unique_prefix(runtime);
    let python = PythonPeer::server(&redis, &prefix);
    let rust = server(runtime, &redis, &prefix);
    let from_rust = client(runtime, &redis, &prefix);
    let from_python = PythonPeer::client(&redis, &prefix);
    many(&[&from_rust, &from_python], 300);
    let took_part = redis.command(&["XINFO", "CONSUMERS", &stream(&prefix), "conf"]);
    assert_eq!(took_part.as_array().len(), 2, "{took_part:?}");
    eventually(Duration::from_secs(5), "all is acked", || pending(&redis, &prefix) == 0);

    from_rust.finish();
    from_python.finish();
    rust.stop();
    python.stop();
}

/// One server dies in the middle of a call, with others behind it; the other one, of the other language, finishes them.
fn what_one_dies_with_the_other_finishes(runtime: &str) {
    let redis = RedisServer::start();
    let options = ServerOptions { claim_idle_ms: Some(500), ..ServerOptions::default() };
    let rust = |prefix: &str| PeerServer::start(&program(runtime), &redis.url(), prefix, &options);
    let python = |prefix: &str| PythonPeer::server_with(&redis, prefix, &options);
    type Start<'a> = &'a dyn Fn(&str) -> PeerServer;
    let languages: [(Start<'_>, Start<'_>); 2] = [(&python, &rust), (&rust, &python)];
    for (first, second) in languages {
        let prefix = unique_prefix(runtime);
        let first = first(&prefix);
        let client = client(runtime, &redis, &prefix);
        let slow = client.send("sleep", json!({"ms": 700}), TIMEOUT_MS);
        let behind: Vec<_> =
            (0..5).map(|n| client.send("push", json!({ "item": n }), TIMEOUT_MS)).collect();
        eventually(Duration::from_secs(10), "the call runs", || pending(&redis, &prefix) >= 1);
        first.kill9();
        let second = second(&prefix);
        assert_eq!(client.recv(slow).unwrap(), json!({"slept": 700}));
        for tag in behind {
            client.recv(tag).unwrap();
        }
        client.finish();
        second.stop();
    }
}

/// What `docs/peers.md` promises of a pool with one Rust server in it.
#[test]
fn a_rust_server_repairs_the_pool_for_python() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("repair");
    let options = |name: &str| ServerOptions {
        instance: Some(name.into()),
        claim_idle_ms: Some(1000),
        ..ServerOptions::default()
    };
    let python = PythonPeer::server_with(&redis, &prefix, &options("python"));
    let client = PythonPeer::client(&redis, &prefix);
    many(&[&client], 5);

    // Python gives up the batch at an entry that it can't answer, and again at each try.
    redis.command(&["SET", &format!("{prefix}:replies:text"), "no stream"]);
    let add = r#"{"jsonrpc":"2.0","method":"conf.add","params":{"a":1,"b":2},"id":"x"}"#;
    redis.command(&["MULTI"]);
    for reply_to in ["text", "good", "good", "good"] {
        let reply_to = format!("{prefix}:replies:{reply_to}");
        let fields = ["type", "rpc", "envelope", add, "reply-to", &reply_to];
        redis.command(&[&["XADD", &stream(&prefix), "*"][..], &fields].concat());
    }
    redis.command(&["EXEC"]);
    eventually(Duration::from_secs(5), "Python has them", || pending(&redis, &prefix) == 4);
    let answered = || redis.command(&["XLEN", &format!("{prefix}:replies:good")]).as_int();
    assert_eq!(answered(), 0);
    let rust = PeerServer::start(&program("tokio"), &redis.url(), &prefix, &options("rust"));
    eventually(Duration::from_secs(10), "the good ones are answered", || answered() == 3);
    eventually(Duration::from_secs(5), "all is acked", || pending(&redis, &prefix) == 0);

    // Python serves on in the group that Rust makes again.
    redis.command(&["DEL", &stream(&prefix)]);
    eventually(Duration::from_secs(10), "Python is back", || {
        many(&[&client], 20);
        let consumers = redis.command(&["XINFO", "CONSUMERS", &stream(&prefix), "conf"]);
        let names = consumers.as_array().iter();
        let mut names = names.filter_map(|it| it.field("name").map(|it| it.as_str().to_owned()));
        names.any(|name| name == "conf:python")
    });
    client.finish();
    rust.stop();
    python.stop();
}

macro_rules! matrix {
    ($($test:ident: $check:ident($runtime:literal);)*) => {$(
        #[test]
        fn $test() {
            $check($runtime);
        }
    )*};
}

matrix! {
    a_python_client_calls_tokio: a_python_client_calls("tokio");
    a_python_client_calls_smol: a_python_client_calls("smol");
    a_python_client_calls_async_std: a_python_client_calls("async-std");
    tokio_calls_a_python_server: a_python_server_is_called_from("tokio");
    smol_calls_a_python_server: a_python_server_is_called_from("smol");
    async_std_calls_a_python_server: a_python_server_is_called_from("async-std");
    tokio_and_python_in_one_pool: a_pool_with_python("tokio");
    smol_and_python_in_one_pool: a_pool_with_python("smol");
    async_std_and_python_in_one_pool: a_pool_with_python("async-std");
    tokio_and_python_finish_for_each_other: what_one_dies_with_the_other_finishes("tokio");
    smol_and_python_finish_for_each_other: what_one_dies_with_the_other_finishes("smol");
    async_std_and_python_finish_for_each_other: what_one_dies_with_the_other_finishes("async-std");
}

#[test]
fn every_runtime_calls_every_other() {
    let redis = RedisServer::start();
    for serving in RUNTIMES {
        for calling in RUNTIMES {
            let prefix = unique_prefix("pair");
            let server = server(serving, &redis, &prefix);
            let client = client(calling, &redis, &prefix);
            converse(&client);
            client.finish();
            server.stop();
        }
    }
}

#[test]
fn all_of_them_serve_one_pool() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("all");
    let python = PythonPeer::server(&redis, &prefix);
    let rust = RUNTIMES.map(|runtime| server(runtime, &redis, &prefix));
    let clients = RUNTIMES.map(|runtime| client(runtime, &redis, &prefix));
    let from_python = PythonPeer::client(&redis, &prefix);
    let [tokio, smol, async_std] = &clients;
    many(&[tokio, smol, async_std, &from_python], 400);
    eventually(Duration::from_secs(5), "all is acked", || pending(&redis, &prefix) == 0);
    clients.into_iter().for_each(PeerClient::finish);
    rust.iter().for_each(PeerServer::stop);
    python.stop();
}
