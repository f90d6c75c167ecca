//! What handlers are given, and what becomes of what they return.

use std::io;

use clamator_testkit::eventually;
use clamator_tokio::{
    CallContext, CallError, ContractError, IntoRpcError, Retention, RpcError, Service, StreamId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::common::{ConfClient, ConfHandler, ConfService};
use crate::log;
use crate::site::{SOON, Site};
use crate::work::{What, WorkClient};

fn rpc<T: std::fmt::Debug>(result: Result<T, CallError>) -> RpcError {
    match result {
        Err(CallError::Rpc(error)) => error,
        result => panic!("{result:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_is_an_error_of_its_caller_only() {
    log::listen();
    let site = Site::new("panic");
    let instance = format!("{}-panics", site.prefix);
    let server = site.server_builder().instance_id(&instance).build().unwrap();
    server.register(site.service("a")).unwrap();
    server.start().await.unwrap();
    let client = site.started_client().await;
    let work = WorkClient::new(&client);
    for (item, late) in [(1, false), (2, true), (3, false)] {
        let neighbour = tokio::spawn(work.quick(item * 10).into_future());
        let error = rpc(work.panic(item, late).await);
        assert_eq!((error.code, error.message.as_str()), (-32603, "Internal error"));
        let message = format!("item {item} was too much");
        assert_eq!(error.data, Some(json!({"name": "panic", "message": message})));
        assert_eq!(neighbour.await.unwrap().unwrap().by, "a");
        eventually(SOON, "it is logged", || {
            log::lines_of(&instance)
                .iter()
                .any(|line| line.contains("work.panic panicked") && line.contains(&message))
        });
    }
    assert_eq!(site.book.items(What::Dropped), [1, 2, 3], "each was cleaned up after");
    site.eventually_nothing_is_pending("work");
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_knows_its_call() {
    let site = Site::new("context");
    let server = site.server_builder().retention(Retention::KeepAll).build().unwrap();
    let context = |_: Json, context: CallContext| async move {
        let entry: StreamId = context.entry();
        Ok::<_, RpcError>(json!({
            "service": context.service(),
            "method": context.method(),
            "id": context.request_id(),
            "entry": entry.to_string(),
            "deliveries": context.deliveries(),
            "redelivery": context.is_redelivery(),
            "leaseLost": context.lease_lost(),
        }))
    };
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = {
        let seen = seen.clone();
        move |_: Json, context: CallContext| {
            seen.lock().unwrap().push(context.request_id());
            async {}
        }
    };
    let service = Service::new("context")
        .and_then(|service| service.method("show", context))
        .and_then(|service| service.notification("note", note))
        .unwrap();
    server.register(service).unwrap();
    server.start().await.unwrap();
    let client = site.started_client().await;
    let shown: Json = client.call("context", "show", &json!({})).await.unwrap();
    let entries = site.redis.command(&["XRANGE", &site.commands("context"), "-", "+"]);
    let entry = &entries.as_array()[0].as_array();
    let envelope = entry[1].field("envelope").unwrap().as_str();
    let envelope: Json = serde_json::from_str(envelope).unwrap();
    assert_eq!(
        shown,
        json!({
            "service": "context",
            "method": "show",
            "id": envelope["id"],
            "entry": entry[0].as_str(),
            "deliveries": 1,
            "redelivery": false,
            "leaseLost": false,
        })
    );
    client.notify("context", "note", &json!({})).await.unwrap();
    eventually(SOON, "it came", || *seen.lock().unwrap() == [None]);
    client.stop().await;
    server.stop().await;
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    price: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_built_by_hand_stands_next_to_a_generated_one() -> Result<(), ContractError> {
    let site = Site::new("by-hand");
    let total = |order: Order, _: CallContext| async move {
        Ok::<u32, RpcError>(order.items.iter().map(|item| item.price).sum())
    };
    let mut service = Service::new("custom-commands")?.method("total", total)?;
    // Names that are known only now.
    for factor in [2, 3] {
        let times = move |value: u64, _: CallContext| async move {
            value.checked_mul(factor).ok_or_else(|| io::Error::other("too much"))
        };
        service = service.method(&format!("times{factor}"), times)?;
    }
    let server = site.server_builder().build().unwrap();
    server.register(ConfService::new(ConfHandler::default())).unwrap();
    server.register(service).unwrap();
    server.start().await.unwrap();
    let client = site.started_client().await;
    let custom =
        |method: &str, params: Json| client.call::<u64>("custom-commands", method, &params);

    assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
    assert_eq!(custom("times2", json!(7)).await, Ok(14));
    assert_eq!(custom("times3", json!(7.0)).await, Ok(21), "a whole float will do");
    let error = rpc(custom("times3", json!(u64::MAX)).await);
    assert_eq!(error.data, Some(json!({"name": "Error", "message": "too much"})));
    assert_eq!(rpc(custom("times4", json!(7)).await).code, -32601);
    assert_eq!(custom("total", json!({"items": [{"price": 2}, {"price": 3.0}]})).await, Ok(5));
    let error = rpc(custom("total", json!({"items": [{"price": 2}, {"price": "3"}]})).await);
    assert_eq!(error.code, -32602);
    assert_eq!(error.data.unwrap()["errors"][0]["loc"], json!(["items", 1, "price"]));
    client.stop().await;
    server.stop().await;
    Ok(())
}

/// An error with a code of its own.
#[derive(Debug)]
struct SoldOut(u32);

impl IntoRpcError for SoldOut {
    fn into_rpc_error(self) -> RpcError {
        RpcError::new(-32010, "sold out").with_data(self.0)
    }
}

/// An error that becomes another one by `?`.
struct Closed;

impl From<Closed> for RpcError {
    fn from(_: Closed) -> RpcError {
        RpcError::new(-32011, "closed")
    }
}

#[clamator_tokio::contract(service = "errors")]
trait Errors {
    async fn number(&self, text: String) -> Result<i32, RpcError>;
    async fn file(&self) -> Result<String, RpcError>;
    async fn ordinary(&self) -> Result<(), io::Error>;
    async fn sold_out(&self) -> Result<(), SoldOut>;
    async fn closed(&self) -> Result<(), RpcError>;
    async fn optional(&self, a: Option<u32>, b: Option<u32>) -> Result<(bool, bool), RpcError>;
}

struct Erring;

impl Errors for Erring {
    async fn number(&self, text: String) -> Result<i32, RpcError> {
        Ok(text.parse()?)
    }

    async fn file(&self) -> Result<String, RpcError> {
        Ok(std::fs::read_to_string("/does/not/exist")?)
    }

    async fn ordinary(&self) -> Result<(), io::Error> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    async fn sold_out(&self) -> Result<(), SoldOut> {
        Err(SoldOut(7))
    }

    async fn closed(&self) -> Result<(), RpcError> {
        Err(Closed)?
    }

    async fn optional(&self, a: Option<u32>, b: Option<u32>) -> Result<(bool, bool), RpcError> {
        Ok((a.is_some(), b.is_some()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordinary_errors_become_internal_ones_and_those_with_a_code_keep_it() {
    let site = Site::new("errors");
    let server = site.server_builder().build().unwrap();
    server.register(ErrorsService::new(Erring)).unwrap();
    server.start().await.unwrap();
    let client = site.started_client().await;
    let errors = ErrorsClient::new(&client);
    assert_eq!(errors.number("7".into()).await, Ok(7));
    let internal = |error: RpcError, name: &str| {
        assert_eq!((error.code, error.message.as_str()), (-32603, "Internal error"));
        assert_eq!(error.data.as_ref().unwrap()["name"], json!(name), "{error}");
        error.data.unwrap()["message"].as_str().unwrap().to_owned()
    };
    let message = internal(rpc(errors.number("x".into()).await), "ParseIntError");
    assert_eq!(message, "invalid digit found in string");
    let message = internal(rpc(errors.file().await), "Error");
    assert!(message.contains("No such file"), "{message}");
    internal(rpc(errors.ordinary().await), "Error");
    assert_eq!(rpc(errors.sold_out().await), RpcError::new(-32010, "sold out").with_data(7));
    assert_eq!(rpc(errors.closed().await), RpcError::new(-32011, "closed"));
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absent_argument_is_left_out_on_the_wire_and_null_is_taken_too() {
    let site = Site::new("optional");
    let server = site.server_builder().retention(Retention::KeepAll);
    let server = server.build().unwrap();
    server.register(ErrorsService::new(Erring)).unwrap();
    server.start().await.unwrap();
    let client = site.started_client().await;
    assert_eq!(ErrorsClient::new(&client).optional(Some(1), None).await, Ok((true, false)));
    let sent: Json = serde_json::from_str(&site.envelopes(&site.commands("errors"))[0]).unwrap();
    assert_eq!(sent["params"], json!({"a": 1}));
    for params in [json!({}), json!({"a": null}), json!({"a": null, "b": null}), Json::Null] {
        let taken = client.call::<(bool, bool)>("errors", "optional", &params).await;
        assert_eq!(taken, Ok((false, false)), "{params}");
    }
    let taken = client.call("errors", "optional", &json!({"a": 1.0, "b": 2e1})).await;
    assert_eq!(taken, Ok((true, true)), "whole floats are integers");
    client.stop().await;
    server.stop().await;
}
