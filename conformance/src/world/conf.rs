//! The service of the cases: `conf` as every language's driver program serves it, and methods that do as the case tells them.

use std::sync::{Arc, Mutex, PoisonError};

use clamator_driver::{CallContext, Contract, ContractError, RpcError, Service};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::stage::{Boxed, Stage};
use super::{Book, Json, What, ms};

/// What every method may be given. What a method needs is checked by it.
#[derive(Debug, Deserialize)]
struct Pair {
    a: f64,
    b: f64,
}

#[derive(Debug, Deserialize)]
struct Item {
    item: u64,
}

#[derive(Debug, Deserialize)]
struct Panic {
    item: u64,
    late: bool,
}

#[derive(Debug, Deserialize, Serialize)]
struct Echo {
    value: Json,
}

#[derive(Debug, Deserialize)]
struct Sleep {
    ms: u64,
}

#[derive(Debug, Deserialize)]
struct Fail {
    message: String,
}

/// Takes anything: `{}`, or nothing.
#[derive(Debug, Deserialize)]
struct Nothing {}

/// An ordinary error.
#[derive(Debug)]
struct Failure(String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// One server's handlers.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(super) book: Arc<Book>,
    pub(super) stage: Arc<dyn Stage>,
    items: Arc<Mutex<Vec<i64>>>,
}

impl Worker {
    pub(super) fn new(name: &str, book: &Arc<Book>, stage: &Arc<dyn Stage>) -> Worker {
        let (book, stage) = (book.clone(), stage.clone());
        Worker { name: name.to_owned(), book, stage, items: Arc::default() }
    }

    fn begin(&self, item: u64) -> Running {
        self.book.note(What::Began, &self.name, item);
        Running { worker: self.clone(), item, ended: false }
    }

    fn sleep(&self, duration: std::time::Duration) -> Boxed<()> {
        self.stage.sleep_until(self.stage.now() + duration)
    }

    /// Who has done it, and what it knew.
    fn done(&self, context: &CallContext) -> Json {
        json!({
            "by": self.name,
            "deliveries": context.deliveries(),
            "redelivery": context.is_redelivery(),
            "requestId": context.request_id(),
        })
    }

    fn push(&self, item: i64) -> Vec<i64> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.push(item);
        items.clone()
    }
}

/// Writes down how a handler ends.
struct Running {
    worker: Worker,
    item: u64,
    ended: bool,
}

impl Running {
    fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let what = if self.ended { What::Ended } else { What::Dropped };
        self.worker.book.note(what, &self.worker.name, self.item);
    }
}

/// Adds a method whose handler is given the worker.
macro_rules! method {
    ($service:ident, $worker:ident, $kind:ident $name:literal, |$self:pat_param, $params:pat_param, $context:pat_param| $body:expr) => {
        let $service = $service.$kind($name, {
            let worker = $worker.clone();
            move |params, context: CallContext| {
                let worker = worker.clone();
                async move {
                    let ($self, $params, $context) = (worker, params, context);
                    $body
                }
            }
        })?;
    };
}

/// The service, under a name of one's choice.
pub(crate) fn conf_service(name: &str, worker: &Worker) -> Result<Service, ContractError> {
    let service = Service::new(name)?;
    method!(service, worker, method "add", |_, Pair { a, b }, _| {
        Ok::<_, RpcError>(json!({ "sum": a + b }))
    });
    method!(service, worker, method "divide", |_, Pair { a, b }, _| {
        if b == 0.0 {
            return Err(RpcError::new(-32001, "division by zero").with_data(json!({ "a": a })));
        }
        Ok(json!({ "q": a / b }))
    });
    method!(service, worker, method "sleep", |worker, Sleep { ms: for_ms }, _| {
        worker.sleep(ms(for_ms)).await;
        Ok::<_, RpcError>(json!({ "slept": for_ms }))
    });
    method!(service, worker, method "fail", |_, Fail { message }, _| {
        Err::<Json, _>(Failure(message))
    });
    method!(service, worker, method "badResult", |_, Nothing {}, _| Ok::<_, RpcError>(f64::NAN));
    method!(service, worker, method "echo", |_, Echo { value }, _| Ok::<_, RpcError>(Echo { value }));
    method!(service, worker, method "push", |worker, Item { item }, _| {
        worker.begin(item).end();
        Ok::<_, RpcError>(json!({ "items": worker.push(i64::try_from(item).unwrap_or(-1)) }))
    });
    method!(service, worker, method "quick", |worker, Item { item }, context| {
        worker.begin(item).end();
        Ok::<_, RpcError>(worker.done(&context))
    });
    // Ends once the case lets it go; says at once when its entry is somebody else's.
    method!(service, worker, method "hold", |worker, Item { item }, context| {
        let running = worker.begin(item);
        let mut held = std::pin::pin!(worker.book.held(item).fuse());
        loop {
            let look = worker.sleep(ms(10));
            match futures_util::future::select(held.as_mut(), look).await {
                futures_util::future::Either::Left(_) => break,
                _ if context.lease_lost() && worker.book.count(What::Lost, item) == 0 => {
                    worker.book.note(What::Lost, &worker.name, item);
                }
                _ => {}
            }
        }
        running.end();
        Ok::<_, RpcError>(worker.done(&context))
    });
    method!(service, worker, method "panic", |worker, Panic { item, late }, _| {
        let _running = worker.begin(item);
        if late {
            worker.sleep(ms(1)).await;
        }
        if item < u64::MAX {
            panic!("item {item} was too much");
        }
        Ok::<_, RpcError>(Json::Null)
    });
    method!(service, worker, notification "ping", |worker, Item { item }, _| worker.begin(item).end());
    method!(service, worker, notification "panicPing", |worker, Item { item }, _| {
        let _running = worker.begin(item);
        assert_eq!(item, u64::MAX, "item {item} was too much");
    });
    let _: &Contract = service.contract();
    Ok(service)
}
