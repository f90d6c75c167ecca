//! What a contract says, and what it lets through.

use std::sync::Arc;
use std::sync::Mutex;

use clamator_driver::{CallContext, CallError, ContractError, Misuse, RpcError, Service, contract};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{unanswered, unserved};
use crate::world::{Json, World, envelope, good, rpc_error};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    article: String,
    count: u32,
}

/// A contract as an application writes it.
#[contract(service = "shop", crate = clamator_driver)]
trait Shop {
    async fn total(&self, lines: Vec<Line>, discount: Option<f64>) -> Result<f64, RpcError>;
    async fn whole(&self, number: i64, ratio: f32) -> Result<i64, RpcError>;
    async fn kind(&self, context: &CallContext) -> Result<String, RpcError>;
    #[notification]
    async fn note(&self, text: String);
}

#[derive(Clone, Default)]
struct Seller {
    notes: Arc<Mutex<Vec<String>>>,
}

impl Shop for Seller {
    async fn total(&self, lines: Vec<Line>, discount: Option<f64>) -> Result<f64, RpcError> {
        let count: u32 = lines.iter().map(|line| line.count).sum();
        Ok(f64::from(count) - discount.unwrap_or(0.0))
    }

    async fn whole(&self, number: i64, _ratio: f32) -> Result<i64, RpcError> {
        Ok(number)
    }

    async fn kind(&self, context: &CallContext) -> Result<String, RpcError> {
        Ok(format!("{}.{}", context.service(), context.method()))
    }

    async fn note(&self, text: String) {
        if let Ok(mut notes) = self.notes.lock() {
            notes.push(text);
        }
    }
}

pub(super) async fn names_are_checked(world: &World) {
    unserved(world, "conf");
    let guest = world.client("c").start().await;
    for name in ["", "Conf", "1conf", "-conf", "con f", "conf.x", "cönf", "conf\n", "*"] {
        assert!(matches!(Service::new(name), Err(ContractError::Name(_))), "{name:?}");
        let call = guest.call::<Json>(name, "add", &json!({})).await;
        assert!(matches!(call, Err(CallError::Misuse(Misuse::Name(_)))), "{name:?}: {call:?}");
        let notification = guest.notify(name, "ping", &json!({})).await;
        assert!(matches!(notification, Err(CallError::Misuse(Misuse::Name(_)))), "{name:?}");
    }
    for name in ["", "Add", "1add", "add-it", "add_it", "add.it", "äd", "add\n", "$"] {
        let service = Service::new("conf").unwrap();
        let defined = service.notification(name, |_: Json, _| async {});
        assert!(matches!(defined, Err(ContractError::Name(_))), "{name:?}");
        let call = guest.ask(name, json!({})).await;
        assert!(matches!(call, Err(CallError::Misuse(Misuse::Name(_)))), "{name:?}: {call:?}");
    }
    assert!(world.probe().entries(&world.commands("conf")).is_empty(), "nothing was sent");
}

pub(super) async fn typed_client_and_service(world: &World) {
    let seller = Seller::default();
    let shop = ShopService::new(seller.clone());
    let _server = world.bare_server("s").service(shop).start().await;
    let guest = world.client("c").start().await;
    let shop = ShopClient::new(&guest.client);
    let lines = vec![Line { article: "tea".to_owned(), count: 3 }];
    assert_eq!(good(shop.total(lines.clone(), Some(0.5)).await), 2.5);
    assert_eq!(good(shop.whole(i64::MIN, 0.5).await), i64::MIN);
    assert_eq!(good(shop.kind().await), "shop.kind");
    good(shop.note("first".to_owned()).await);
    assert_eq!(good(shop.total(lines, None).await), 3.0);
    assert_eq!(*seller.notes.lock().unwrap(), ["first"]);
    let bad =
        json!({ "lines": [{ "article": "tea", "count": 1 }, { "article": "milk", "count": "x" }] });
    let error = rpc_error(guest.call::<Json>("shop", "total", &bad).await);
    assert_eq!(error.data.unwrap_or_default()["errors"][0]["loc"], json!(["lines", 1, "count"]));
}

pub(super) async fn optional_params(world: &World) {
    unserved(world, "shop");
    let server = world.bare_server("s").service(ShopService::new(Seller::default()));
    let guest = world.client("c").start().await;
    let shop = ShopClient::new(&guest.client);
    let call = world.spawn(async move { shop.total(Vec::new(), None).await });
    let stream = world.commands("shop");
    let look = || world.probe().entries(&stream).first().map(envelope);
    let request = world.eventually_some("the request is in the stream", look).await;
    let request: Json = serde_json::from_str(&request).unwrap();
    assert_eq!(request["params"], json!({ "lines": [] }), "what is absent is left out");
    let _server = server.start().await;
    assert_eq!(good(call.await), 0.0);
    for params in [json!({ "lines": [], "discount": null }), json!({ "lines": [] })] {
        let total: f64 = good(guest.call("shop", "total", &params).await);
        assert_eq!(total, 0.0, "{params}");
    }
}

pub(super) async fn unknown_params(world: &World) {
    let (_server, guest) = world.served().await;
    let params = json!({ "zero": null, "a": 2, "more": { "a": [1] }, "b": 3 });
    assert_eq!(good(guest.ask("add", params).await), json!({ "sum": 5.0 }));
    let sum = guest.ask("badResult", json!({ "unasked": 1 })).await;
    assert_eq!(rpc_error(sum).message, "Result validation failed", "the handler ran");
}

pub(super) async fn whole_numbers(world: &World) {
    let shop = ShopService::new(Seller::default());
    let _server = world.bare_server("s").service(shop).start().await;
    let whole = |number: &str, ratio: &str| {
        let params = format!(r#"{{"number":{number},"ratio":{ratio}}}"#);
        format!(r#"{{"jsonrpc":"2.0","method":"shop.whole","params":{params},"id":1}}"#)
    };
    for (number, ratio, result) in [
        ("5", "1", json!(5)),
        ("5.0", "1.0", json!(5)),
        ("-5e0", "0", json!(-5)),
        ("9007199254740993", "1e3", json!(9_007_199_254_740_993_i64)),
    ] {
        let reply = world.answer("shop", whole(number, ratio)).await;
        assert_eq!(reply["result"], result, "{number} {ratio}: {reply}");
    }
    for (number, ratio) in
        [("5.5", "1"), ("\"5\"", "1"), ("true", "1"), ("5", "\"1\""), ("5", "false")]
    {
        let reply = world.answer("shop", whole(number, ratio)).await;
        assert_eq!(reply["error"]["code"], json!(-32602), "{number} {ratio}: {reply}");
    }
}

pub(super) async fn absent_params(world: &World) {
    let shop = ShopService::new(Seller::default());
    let _server = world.bare_server("s").service(shop).start().await;
    for params in ["", r#","params":null"#, r#","params":{}"#] {
        let request = format!(r#"{{"jsonrpc":"2.0","method":"shop.kind","id":1{params}}}"#);
        assert_eq!(world.answer("shop", request).await["result"], json!("shop.kind"), "{params}");
    }
}

pub(super) async fn what_is_no_json_is_not_sent(world: &World) {
    unserved(world, "shop");
    let guest = world.client("c").start().await;
    let shop = ShopClient::new(&guest.client);
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let call = shop.total(Vec::new(), Some(number)).await;
        assert!(matches!(call, Err(CallError::Misuse(Misuse::Params { .. }))), "{call:?}");
        let notification = guest.notify("shop", "note", &[number]).await;
        assert!(matches!(notification, Err(CallError::Misuse(_))), "{notification:?}");
    }
    assert!(world.probe().entries(&world.commands("shop")).is_empty(), "nothing was sent");
}

pub(super) async fn messages_have_a_limit(world: &World) {
    unserved(world, "conf");
    let small = world.client("small").max_message_bytes(400).start().await;
    let text = |bytes: usize| json!({ "value": "x".repeat(bytes) });
    let call = small.ask("echo", text(400)).await;
    assert!(matches!(call, Err(CallError::Misuse(Misuse::TooLarge { .. }))), "{call:?}");
    let (id, call) = unanswered(world, &small).await;
    let reply = json!({ "jsonrpc": "2.0", "id": id, "result": text(400) });
    world.reply_to("small", reply.to_string());
    let outcome = call.await;
    assert!(matches!(outcome, Err(CallError::Protocol { .. })), "{outcome:?}");

    let _server = world.server("s").max_message_bytes(400).start().await;
    let guest = world.client("c").start().await;
    let error = rpc_error(guest.ask("echo", text(400)).await);
    assert_eq!((error.code, error.message.as_str()), (-32600, "Message too large"));
    good(guest.ask("echo", text(200)).await);
    // All numbers so far come back: the reply grows, the request doesn't.
    let mut outcomes = Vec::new();
    for _ in 0..30 {
        outcomes.push(guest.ask("push", json!({ "item": 100_000_000_000_000_000_u64 })).await);
    }
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    let error = rpc_error(outcomes.remove(29));
    assert_eq!((error.code, error.message.as_str()), (-32603, "Reply too large"));
}

pub(super) async fn results_of_the_wrong_type(world: &World) {
    let (_server, guest) = world.served().await;
    let wrong = guest.call::<Vec<u8>>("conf", "add", &json!({ "a": 1, "b": 2 })).await;
    let Err(CallError::Protocol { service, method, reason }) = wrong else { panic!("{wrong:?}") };
    assert_eq!((service.as_str(), method.as_str()), ("conf", "add"));
    assert!(!reason.is_empty());
    guest.adds().await;
}
