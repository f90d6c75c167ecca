//! All runtimes in one process at once, over one Redis; and clients that are used from where they weren't made.

use std::sync::mpsc::channel;
use std::thread;

use clamator_async_std::AsyncStd;
use clamator_conformance::{Place, block_on};
use clamator_driver::{
    CallError, Client, ClientBuilder, RpcError, Runtime, Server, ServerBuilder, Service,
};
use clamator_redis::{Connect, Redis};
use clamator_smol::Smol;
use clamator_tokio::Tokio;
use serde_json::{Value, json};

/// A service that says where it runs.
fn service(name: &'static str, runtime: &'static str) -> Service {
    let add = move |params: Value, _| async move {
        let sum = params["a"].as_i64().unwrap_or(0) + params["b"].as_i64().unwrap_or(0);
        Ok::<_, RpcError>(json!({ "sum": sum, "on": runtime }))
    };
    Service::new(name).unwrap().method("add", add).unwrap()
}

/// A server of a service that all share, and of one that is its own.
async fn server<R: Connect>(place: &Place, runtime: R, name: &'static str) -> Server {
    let redis = Redis::url(place.url());
    let server = ServerBuilder::with(place.prefix(), runtime, redis).build().unwrap();
    server.register(service("shared", name)).unwrap();
    server.register(service(name, name)).unwrap();
    server.start().await.unwrap();
    server
}

async fn client<R: Connect>(place: &Place, runtime: R) -> Client {
    let redis = Redis::url(place.url());
    let client = ClientBuilder::with(place.prefix(), runtime, redis).build().unwrap();
    client.start().await.unwrap();
    client
}

async fn add(client: &Client, service: &str, a: i64) -> Result<Value, CallError> {
    client.call(service, "add", &json!({ "a": a, "b": 1 })).await
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn three_runtimes_serve_and_call_each_other() {
    let place = Place::redis();
    let runtime = tokio_runtime();
    let on_tokio = runtime.handle().clone();
    let servers = block_on(async {
        // Started from outside of tokio: the runtime is said, not guessed.
        [
            server(&place, Tokio::on(on_tokio.clone()), "tokio").await,
            server(&place, Smol, "smol").await,
            server(&place, AsyncStd, "async-std").await,
        ]
    });
    let clients = block_on(async {
        [
            client(&place, Tokio::on(on_tokio)).await,
            client(&place, Smol).await,
            client(&place, AsyncStd).await,
        ]
    });
    thread::scope(|scope| {
        for client in &clients {
            scope.spawn(|| {
                block_on(async {
                    for name in ["tokio", "smol", "async-std"] {
                        let sum = add(client, name, 1).await.unwrap();
                        assert_eq!(sum, json!({ "sum": 2, "on": name }));
                    }
                    for a in 0..50 {
                        assert_eq!(add(client, "shared", a).await.unwrap()["sum"], json!(a + 1));
                    }
                });
            });
        }
    });
    block_on(async {
        for client in &clients {
            client.stop().await;
        }
        for server in &servers {
            assert_eq!(server.stop().await.aborted, 0);
        }
    });
}

#[test]
fn a_client_is_used_from_other_executors() {
    let place = Place::redis();
    let runtime = tokio_runtime();
    let (server, on_tokio) = runtime.block_on(async {
        (server(&place, Tokio::default(), "tokio").await, client(&place, Tokio::default()).await)
    });
    let on_smol = block_on(client(&place, Smol));
    let (sent, sums) = channel();
    for client in [&on_tokio, &on_smol] {
        let ask = |from: &'static str| {
            let (client, sent) = (client.clone(), sent.clone());
            async move {
                let sum = add(&client, "tokio", 1).await.unwrap();
                sent.send((from, sum["sum"].clone())).unwrap();
            }
        };
        runtime.spawn(ask("tokio"));
        Smol.spawn(ask("smol"));
        AsyncStd.spawn(ask("async-std"));
        block_on(ask("a plain thread"));
    }
    drop(sent);
    let mut from: Vec<_> = sums.iter().map(|(from, sum)| (from, sum == json!(2))).collect();
    from.sort_unstable();
    let all = ["a plain thread", "async-std", "smol", "tokio"];
    let expected: Vec<_> = all.iter().flat_map(|from| [(*from, true); 2]).collect();
    assert_eq!(from, expected);
    block_on(async {
        on_smol.stop().await;
        on_tokio.stop().await;
        server.stop().await;
    });
}

#[test]
fn a_client_whose_runtime_has_ended_says_so() {
    let place = Place::redis();
    let runtime = tokio_runtime();
    let client = runtime.block_on(client(&place, Tokio::default()));
    drop(runtime);
    let outcome = block_on(add(&client, "tokio", 1));
    assert_eq!(outcome, Err(CallError::Ended));
    let advice = outcome.unwrap_err().to_string();
    assert!(advice.contains("make the client on the runtime that uses it"), "{advice}");
}

#[test]
fn a_client_without_a_runtime_says_so() {
    let place = Place::redis();
    let redis = Redis::url(place.url());
    let client = ClientBuilder::with(place.prefix(), Tokio::default(), redis).build().unwrap();
    let error = block_on(client.start()).unwrap_err().to_string();
    assert!(error.contains("there is no tokio runtime here"), "{error}");
}
