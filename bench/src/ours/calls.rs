//! One call, and what is known of all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clamator_tokio::Client;
use serde_json::json;

use super::{ArithClient, Sum};
use crate::order::{Permits, Times, What};

/// Whom a caller calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) client: Client,
    pub(crate) arith: ArithClient,
    /// The name of a service that isn't that of the contract.
    pub(crate) service: Option<Arc<str>>,
    pub(crate) what: What,
}

impl Caller {
    /// Whether the reply was the right one.
    pub(crate) async fn call(&self) -> Result<bool, String> {
        if let Some(service) = &self.service {
            let params = json!({ "a": 2.0, "b": 3.0 });
            let sum = self.client.call::<Sum>(service, "add", &params).await;
            return sum.map(|it| it.sum == 5.0).map_err(|e| e.to_string());
        }
        match self.what {
            What::Add => self.arith.add(2.0, 3.0).await.map(|it| it.sum == 5.0),
            What::Echo(bytes) => {
                let echo = self.arith.echo("x".repeat(bytes)).await;
                echo.map(|it| it.text.len() == bytes)
            }
            What::Sleep(millis) => self.arith.sleep(millis).await.map(|it| it == millis),
            What::Nobody { .. } => return Err("nobody answers".to_owned()),
        }
        .map_err(|e| e.to_string())
    }
}

/// What all callers of an order share.
#[derive(Clone)]
pub(crate) struct Book {
    pub(crate) permits: Arc<Permits>,
    /// One for all of them: it is large.
    times: Arc<Mutex<Times>>,
}

impl Book {
    pub(crate) fn new(permits: Permits) -> Book {
        Book { permits: Arc::new(permits), times: Arc::default() }
    }

    pub(crate) fn write(&self, taken: Duration, outcome: Result<bool, String>) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(true) => times.record(taken),
            Ok(false) => times.fail("a wrong result"),
            Err(error) => times.fail(error),
        }
    }

    pub(crate) fn times(&self) -> Times {
        std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls one after the other, as long as it is permitted.
    pub(crate) async fn call_in_a_loop(self, caller: Caller) {
        let mut began = Instant::now();
        while self.permits.take(began) {
            let outcome = caller.call().await;
            let now = Instant::now();
            self.write(now - began, outcome);
            began = now;
        }
    }
}
