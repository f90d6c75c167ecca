//! What a contract's client writes and its service reads, over a stand-in for the driver.

// The stand-in is public to generated code only.
#[allow(unreachable_pub, missing_docs, reason = "a test's own module")]
mod fake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use clamator_core::{MethodKind, RpcError};
use clamator_macros::contract_driver as contract;
use fake::{CallContext, Client, now};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    item: String,
    count: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

/// Named as the type parameters of generated code might be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct S {
    s: u8,
}

type Aliased<T> = Result<T, std::num::ParseIntError>;

#[contract(service = "shop", crate = crate::fake)]
trait Shop {
    async fn nothing(&self) -> Result<(), RpcError>;
    async fn named(
        &self,
        first_one: f64,
        r#type: String,
        _n: u8,
        params: u8,
    ) -> Result<f64, RpcError>;
    async fn place_order(&self, order: Order) -> Result<Order, RpcError>;
    async fn boxed(&self, order: Box<Order>) -> Result<Order, RpcError>;
    async fn named_order(&self, #[named] order: Order) -> Result<Order, RpcError>;
    async fn whole_map(&self, #[params] all: BTreeMap<String, u8>) -> Result<usize, RpcError>;
    async fn one_map(&self, all: BTreeMap<String, u8>) -> Result<usize, RpcError>;
    async fn length(&self, meters: Meters) -> Result<Meters, RpcError>;
    async fn hygienic(&self, s: S) -> Result<S, RpcError>;
    async fn parse(&self, ctx: &CallContext, context: Option<String>) -> Aliased<u64>;
    #[method(name = "legacyName", none = "null")]
    async fn renamed(&self, _: &CallContext, number: Option<u8>) -> Result<Option<u8>, RpcError>;
    async fn settings(
        &self,
        #[serde(default = "seven")] a: u8,
        #[serde(rename = "kind")] b: u8,
        #[serde(with = "as_text")] c: Option<u8>,
    ) -> Result<(u8, u8, Option<u8>), RpcError>;
    async fn setting(&self, #[serde(rename = "all")] order: Order) -> Result<Order, RpcError>;
    #[cfg(any())]
    async fn gone(&self, n: Missing) -> Result<(), RpcError>;
    #[notification]
    async fn ping(&self, n: u32);
    #[notification]
    #[method(name = "pong")]
    async fn pong_it(&self, ctx: &CallContext) -> ();
}

fn seven() -> u8 {
    7
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Serializer>(number: &Option<u8>, to: T) -> Result<T::Ok, T::Error> {
        number.map(|number| number.to_string()).serialize(to)
    }

    pub(crate) fn deserialize<'de, T: Deserializer<'de>>(from: T) -> Result<Option<u8>, T::Error> {
        Ok(String::deserialize(from)?.parse().ok())
    }
}

#[derive(Default)]
struct Handler {
    pings: AtomicU32,
}

impl Shop for Handler {
    async fn nothing(&self) -> Result<(), RpcError> {
        Ok(())
    }
    async fn named(
        &self,
        first_one: f64,
        r#type: String,
        n: u8,
        params: u8,
    ) -> Result<f64, RpcError> {
        Ok(first_one + r#type.len() as f64 + f64::from(n) + f64::from(params))
    }
    async fn place_order(&self, order: Order) -> Result<Order, RpcError> {
        Ok(order)
    }
    async fn boxed(&self, order: Box<Order>) -> Result<Order, RpcError> {
        Ok(*order)
    }
    async fn named_order(&self, order: Order) -> Result<Order, RpcError> {
        Ok(order)
    }
    async fn whole_map(&self, all: BTreeMap<String, u8>) -> Result<usize, RpcError> {
        Ok(all.len())
    }
    async fn one_map(&self, all: BTreeMap<String, u8>) -> Result<usize, RpcError> {
        Ok(all.len())
    }
    async fn length(&self, meters: Meters) -> Result<Meters, RpcError> {
        Ok(meters)
    }
    async fn hygienic(&self, s: S) -> Result<S, RpcError> {
        Ok(s)
    }
    async fn parse(&self, ctx: &CallContext, context: Option<String>) -> Aliased<u64> {
        context.map_or(Ok(ctx.id), |text| text.parse())
    }
    async fn renamed(&self, _: &CallContext, number: Option<u8>) -> Result<Option<u8>, RpcError> {
        Ok(number)
    }
    async fn settings(
        &self,
        a: u8,
        b: u8,
        c: Option<u8>,
    ) -> Result<(u8, u8, Option<u8>), RpcError> {
        Ok((a, b, c))
    }
    async fn setting(&self, order: Order) -> Result<Order, RpcError> {
        Ok(order)
    }
    async fn ping(&self, n: u32) {
        self.pings.fetch_add(n, Ordering::Relaxed);
    }
    async fn pong_it(&self, ctx: &CallContext) {
        self.pings.fetch_add(ctx.id as u32, Ordering::Relaxed);
    }
}

#[test]
fn what_the_client_writes_the_service_reads() {
    let handler = Arc::new(Handler::default());
    let client = Client::new(ShopService::new(Arc::clone(&handler)));
    let shop = ShopClient::new(&client).clone();
    let order = Order { item: "tea".to_owned(), count: 3 };
    macro_rules! calls {
        ($($method:ident($($arg:expr),*) => $result:expr, $sent:literal;)*) => {$(
            assert_eq!(now(shop.$method($($arg),*)).unwrap(), $result);
            assert_eq!(client.last_sent(), $sent);
        )*};
    }
    calls! {
        nothing() => (), "nothing {}";
        named(1.0, "ab".to_owned(), 3, 4) => 10.0, r#"named {"firstOne":1.0,"type":"ab","n":3,"params":4}"#;
        place_order(order.clone()) => order, r#"placeOrder {"item":"tea","count":3}"#;
        boxed(Box::new(order.clone())) => order, r#"boxed {"item":"tea","count":3}"#;
        named_order(order.clone()) => order, r#"namedOrder {"order":{"item":"tea","count":3}}"#;
        whole_map([("a".to_owned(), 1)].into()) => 1, r#"wholeMap {"a":1}"#;
        one_map([("a".to_owned(), 1)].into()) => 1, r#"oneMap {"all":{"a":1}}"#;
        length(Meters(1.5)) => Meters(1.5), r#"length {"meters":1.5}"#;
        hygienic(S { s: 1 }) => S { s: 1 }, r#"hygienic {"s":1}"#;
        parse(None) => 7, "parse {}";
        parse(Some("5".to_owned())) => 5, r#"parse {"context":"5"}"#;
        renamed(None) => None, r#"legacyName {"number":null}"#;
        renamed(Some(1)) => Some(1), r#"legacyName {"number":1}"#;
        settings(1, 2, Some(3)) => (1, 2, Some(3)), r#"settings {"a":1,"kind":2,"c":"3"}"#;
        settings(1, 2, None) => (1, 2, None), r#"settings {"a":1,"kind":2}"#;
        setting(order.clone()) => order, r#"setting {"all":{"item":"tea","count":3}}"#;
        ping(3) => (), r#"ping {"n":3}"#;
        pong_it() => (), "pong {}";
    }
    assert_eq!(handler.pings.load(Ordering::Relaxed), 3 + 7);
}

#[test]
fn what_others_write_is_read_with_tolerance() {
    let service = ShopService::new(Handler::default());
    for (method, params, result) in [
        ("nothing", r#"{"more":1}"#, "null"),
        ("parse", r#"{"context":null}"#, "7"),
        ("legacyName", "{}", "null"),
        ("settings", r#"{"kind":1.0}"#, "[7,1,null]"),
        ("placeOrder", r#"{"item":"tea","count":5.0,"more":1}"#, r#"{"item":"tea","count":5}"#),
        ("length", r#"{"meters":5}"#, "5.0"),
    ] {
        assert_eq!(service.run(method, params).as_deref(), Ok(result), "{method} {params}");
    }
}

#[test]
fn what_is_wrong_is_located() {
    let service = ShopService::new(Handler::default());
    for (method, params, loc, msg) in [
        ("placeOrder", r#"{"item":"tea"}"#, r#"["count"]"#, "missing field `count`"),
        ("namedOrder", r#"{"order":{"item":1}}"#, r#"["order","item"]"#, "expected a string"),
        ("namedOrder", r#"{"item":"tea","count":1}"#, r#"["order"]"#, "missing field `order`"),
        ("length", r#"{"meters":"5"}"#, r#"["meters"]"#, "expected f64"),
        ("named", "5", "[]", "expected the params as an object"),
    ] {
        let error = service.run(method, params).unwrap_err();
        assert_eq!(error.code, -32602);
        let data = error.data.unwrap();
        assert_eq!(data["errors"][0]["loc"].to_string(), loc, "{method} {params}");
        assert!(data["errors"][0]["msg"].as_str().unwrap().contains(msg), "{data}");
    }
}

#[test]
fn any_error_of_a_handler_goes_out() {
    let error =
        ShopService::new(Handler::default()).run("parse", r#"{"context":"x"}"#).unwrap_err();
    assert_eq!((error.code, error.data.unwrap()["name"].as_str()), (-32603, Some("ParseIntError")));
}

#[test]
fn the_names_are_known_at_run_time() {
    let contract = ShopClient::contract();
    assert_eq!(contract, ShopService::contract());
    assert_eq!(contract.service().as_str(), "shop");
    assert_eq!(contract.methods().count(), 15);
    assert_eq!(contract.kind_of("placeOrder"), Some(MethodKind::Request));
    assert_eq!(contract.kind_of("legacyName"), Some(MethodKind::Request));
    assert_eq!(contract.kind_of("pong"), Some(MethodKind::Notification));
    assert_eq!(contract.kind_of("gone"), None);
}

#[contract(service = "nulls", none = "null", crate = crate::fake)]
trait Nulls {
    async fn written(&self, a: Option<u8>, b: std::option::Option<u8>) -> Result<(), RpcError>;
    #[method(none = "omit")]
    async fn omitted(&self, a: Option<u8>) -> Result<(), RpcError>;
}

struct Nothing;

impl Nulls for Nothing {
    async fn written(&self, _: Option<u8>, _: Option<u8>) -> Result<(), RpcError> {
        Ok(())
    }
    async fn omitted(&self, _: Option<u8>) -> Result<(), RpcError> {
        Ok(())
    }
}

#[test]
fn a_contract_s_way_with_none_is_that_of_its_methods_unless_they_say_otherwise() {
    let client = Client::new(NullsService::new(Nothing));
    let nulls = NullsClient::new(client.clone());
    now(nulls.written(None, Some(1))).unwrap();
    assert_eq!(client.last_sent(), r#"written {"a":null,"b":1}"#);
    now(nulls.omitted(None)).unwrap();
    assert_eq!(client.last_sent(), "omitted {}");
}
