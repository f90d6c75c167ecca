//! The `conf` service of the cross-language tests, and how to start it.
#![allow(unreachable_pub)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clamator_testkit::RedisServer;
use clamator_tokio::{Client, ClientBuilder, Redis, RpcError, Server, ServerBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    pub sum: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quotient {
    pub q: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slept {
    pub slept: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    pub ok: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Echo {
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Items {
    pub items: Vec<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub calls: u64,
    pub pings: u64,
}

#[clamator_tokio::contract(service = "conf")]
pub trait Conf {
    async fn add(&self, a: f64, b: f64) -> Result<Sum, RpcError>;
    async fn divide(&self, a: f64, b: f64) -> Result<Quotient, RpcError>;
    async fn sleep(&self, ms: u64) -> Result<Slept, RpcError>;
    async fn fail(&self, message: String) -> Result<Flag, RpcError>;
    async fn bad_result(&self) -> Result<f64, RpcError>;
    async fn echo(&self, value: Value) -> Result<Echo, RpcError>;
    async fn push(&self, item: i64) -> Result<Items, RpcError>;
    async fn seen(&self) -> Result<Seen, RpcError>;
    #[notification]
    async fn ping(&self, n: i64);
}

#[derive(Debug, Default)]
pub struct ConfHandler {
    pub calls: AtomicU64,
    pub pings: AtomicU64,
    pub items: Mutex<Vec<i64>>,
}

#[derive(Debug)]
pub struct Failure(pub String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl ConfHandler {
    fn count(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl Conf for ConfHandler {
    async fn add(&self, a: f64, b: f64) -> Result<Sum, RpcError> {
        self.count();
        Ok(Sum { sum: a + b })
    }

    async fn divide(&self, a: f64, b: f64) -> Result<Quotient, RpcError> {
        self.count();
        if b == 0.0 {
            return Err(RpcError::new(-32001, "division by zero").with_data(json!({ "a": a })));
        }
        Ok(Quotient { q: a / b })
    }

    async fn sleep(&self, ms: u64) -> Result<Slept, RpcError> {
        self.count();
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(Slept { slept: ms })
    }

    async fn fail(&self, message: String) -> Result<Flag, RpcError> {
        self.count();
        Err(Failure(message))?
    }

    async fn bad_result(&self) -> Result<f64, RpcError> {
        self.count();
        Ok(f64::NAN)
    }

    async fn echo(&self, value: Value) -> Result<Echo, RpcError> {
        self.count();
        Ok(Echo { value })
    }

    async fn push(&self, item: i64) -> Result<Items, RpcError> {
        self.count();
        let mut items = self.items.lock().unwrap();
        items.push(item);
        Ok(Items { items: items.clone() })
    }

    async fn seen(&self) -> Result<Seen, RpcError> {
        let (calls, pings) = (&self.calls, &self.pings);
        Ok(Seen { calls: calls.load(Ordering::Relaxed), pings: pings.load(Ordering::Relaxed) })
    }

    async fn ping(&self, _n: i64) {
        self.pings.fetch_add(1, Ordering::Relaxed);
    }
}

pub fn at(redis: &RedisServer) -> Redis {
    Redis::url(redis.url())
}

/// A server of `conf` that is to be started.
pub fn conf_server(redis: &RedisServer, prefix: &str) -> Server {
    conf_server_with(ServerBuilder::new(prefix).over(at(redis)))
}

pub fn conf_server_with(builder: ServerBuilder) -> Server {
    let server = builder.build().unwrap();
    server.register(ConfService::new(ConfHandler::default())).unwrap();
    server
}

pub async fn started_server(redis: &RedisServer, prefix: &str) -> Server {
    let server = conf_server(redis, prefix);
    server.start().await.unwrap();
    server
}

pub async fn started_client(redis: &RedisServer, prefix: &str) -> Client {
    let client = ClientBuilder::new(prefix).over(at(redis)).build().unwrap();
    client.start().await.unwrap();
    client
}
