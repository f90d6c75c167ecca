//! The service `conf`, which every language's driver program serves and calls.

use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clamator_driver::{RpcError, Service};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

/// How the runtime sleeps.
pub(crate) type Sleep = fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// The service, with fresh counters.
pub(crate) fn service(sleep: Sleep) -> Service {
    let (calls, pings, items) = Default::default();
    ConfService::new(Handler { sleep, calls, pings, items })
}

#[derive(Serialize)]
pub(crate) struct Sum {
    sum: f64,
}

#[derive(Serialize)]
pub(crate) struct Quotient {
    q: f64,
}

#[derive(Serialize)]
pub(crate) struct Slept {
    slept: u64,
}

/// Says that it is a flag, and holds what can't be written as JSON.
#[derive(Serialize)]
pub(crate) struct Flag {
    ok: f64,
}

#[derive(Serialize)]
pub(crate) struct Echo {
    value: Box<RawValue>,
}

#[derive(Serialize)]
pub(crate) struct Items {
    items: Vec<i64>,
}

#[derive(Serialize)]
pub(crate) struct Seen {
    calls: u64,
    pings: u64,
}

#[clamator_driver::contract(service = "conf")]
pub(crate) trait Conf {
    async fn add(&self, a: f64, b: f64) -> Result<Sum, RpcError>;
    async fn divide(&self, a: f64, b: f64) -> Result<Quotient, RpcError>;
    async fn sleep(&self, ms: u64) -> Result<Slept, RpcError>;
    async fn fail(&self, message: String) -> Result<(), RuntimeError>;
    async fn bad_result(&self) -> Result<Flag, RpcError>;
    async fn echo(&self, value: Box<RawValue>) -> Result<Echo, RpcError>;
    async fn push(&self, item: i64) -> Result<Items, RpcError>;
    async fn seen(&self) -> Result<Seen, RpcError>;
    #[notification]
    async fn ping(&self, n: i64);
}

/// An ordinary error.
#[derive(Debug)]
pub(crate) struct RuntimeError(String);

impl std::fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuntimeError {}

/// Each call counts itself first, so that `seen` also shows the calls that failed.
struct Handler {
    sleep: Sleep,
    calls: AtomicU64,
    pings: AtomicU64,
    items: Mutex<Vec<i64>>,
}

impl Handler {
    fn count(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl Conf for Handler {
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
        (self.sleep)(Duration::from_millis(ms)).await;
        Ok(Slept { slept: ms })
    }

    async fn fail(&self, message: String) -> Result<(), RuntimeError> {
        self.count();
        Err(RuntimeError(message))
    }

    async fn bad_result(&self) -> Result<Flag, RpcError> {
        self.count();
        Ok(Flag { ok: f64::NAN })
    }

    async fn echo(&self, value: Box<RawValue>) -> Result<Echo, RpcError> {
        self.count();
        Ok(Echo { value })
    }

    async fn push(&self, item: i64) -> Result<Items, RpcError> {
        self.count();
        let mut items = self.items.lock().map_err(|_| RpcError::new(-32002, "poisoned"))?;
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
