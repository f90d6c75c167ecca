//! What goes wrong in a call, and what its caller gets.

use serde_json::json;

use crate::world::{World, good, rpc_error};

pub(super) async fn unknown_method(world: &World) {
    let (_server, guest) = world.served().await;
    let error = rpc_error(guest.ask("nothing", json!({})).await);
    assert_eq!((error.code, error.message.as_str()), (-32601, "Method not found"));
    assert_eq!(error.data, None);
    let request = r#"{"jsonrpc":"2.0","method":"conf.group-cancel","params":{},"id":1}"#;
    assert_eq!(world.answer("conf", request).await["error"]["code"], json!(-32601));
    guest.adds().await;
}

pub(super) async fn params_that_do_not_fit(world: &World) {
    let (_server, guest) = world.served().await;
    for (method, params, loc) in [
        ("add", json!({ "a": "1", "b": 2 }), json!(["a"])),
        ("add", json!({ "a": 1, "b": true }), json!(["b"])),
        ("add", json!({ "a": 1, "b": [2] }), json!(["b"])),
        ("add", json!({ "a": 1, "b": null }), json!(["b"])),
        ("add", json!({ "a": 1 }), json!(["b"])),
        ("add", json!([1, 2]), json!([])),
        ("add", json!("text"), json!([])),
        ("quick", json!({ "item": -1 }), json!(["item"])),
        ("quick", json!({ "item": 1e300 }), json!(["item"])),
    ] {
        let error = rpc_error(guest.ask(method, params.clone()).await);
        assert_eq!((error.code, error.message.as_str()), (-32602, "Invalid params"), "{params}");
        let fault = error.data.unwrap_or_default()["errors"][0].clone();
        assert_eq!(fault["loc"], loc, "{params}: {fault}");
        assert!(fault["msg"].is_string(), "{params}: {fault}");
    }
    assert!(world.book().notes().is_empty(), "no handler ran");
    guest.adds().await;
}

pub(super) async fn error_of_a_handler(world: &World) {
    let (_server, guest) = world.served().await;
    let error = rpc_error(guest.ask("divide", json!({ "a": 7, "b": 0 })).await);
    assert_eq!((error.code, error.message.as_str()), (-32001, "division by zero"));
    assert_eq!(error.data, Some(json!({ "a": 7.0 })));
}

pub(super) async fn ordinary_error(world: &World) {
    let (_server, guest) = world.served().await;
    let error = rpc_error(guest.ask("fail", json!({ "message": "no é" })).await);
    assert_eq!((error.code, error.message.as_str()), (-32603, "Internal error"));
    assert_eq!(error.data, Some(json!({ "name": "Failure", "message": "no é" })));
}

pub(super) async fn panics(world: &World) {
    let (_server, guest) = world.served().await;
    for (item, late) in [(1, false), (2, true)] {
        let error = rpc_error(guest.ask("panic", json!({ "item": item, "late": late })).await);
        assert_eq!((error.code, error.message.as_str()), (-32603, "Internal error"));
        let data = error.data.unwrap_or_default();
        assert_eq!(data["message"], json!(format!("item {item} was too much")));
        guest.adds().await;
        assert_eq!(world.runs(item), 1, "it isn't tried again");
    }
}

pub(super) async fn result_that_is_no_json(world: &World) {
    let (_server, guest) = world.served().await;
    let error = rpc_error(guest.ask("badResult", json!({})).await);
    assert_eq!((error.code, error.message.as_str()), (-32603, "Result validation failed"));
    assert!(error.data.unwrap_or_default()["errors"][0]["msg"].is_string());
    guest.adds().await;
}

pub(super) async fn request_to_a_notification(world: &World) {
    let (_server, guest) = world.served().await;
    let error = rpc_error(guest.ask("ping", json!({ "item": 1 })).await);
    assert_eq!((error.code, error.message.as_str()), (-32600, "Method is a notification"));
    guest.adds().await;
    assert_eq!(world.runs(1), 0, "it isn't run");
}

pub(super) async fn method_without_an_id(world: &World) {
    let _server = world.server("s").start().await;
    for (item, id) in [(1, ""), (2, r#","id":null"#)] {
        let request =
            format!(r#"{{"jsonrpc":"2.0","method":"conf.quick","params":{{"item":{item}}}{id}}}"#);
        world.send("conf", request, "c");
        world.began(item).await;
    }
    world.all_done("conf").await;
    assert_eq!(world.raw_replies("c"), [""; 0], "nobody is answered");
}

pub(super) async fn notification_that_fails(world: &World) {
    let (_server, guest) = world.served().await;
    good(guest.notify("conf", "ping", &json!({ "item": "x" })).await);
    good(guest.notify("conf", "panicPing", &json!({ "item": 1 })).await);
    good(guest.notify("conf", "nothing", &json!({})).await);
    guest.adds().await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 1, "it isn't tried again");
    assert_eq!(world.raw_replies("c").len(), 1, "but for the call");
}

pub(super) async fn invalid_request_with_an_id(world: &World) {
    let _server = world.server("s").start().await;
    for request in [
        r#"{"method":"conf.quick","params":{"item":1},"id":"x"}"#,
        r#"{"jsonrpc":"1.0","method":"conf.quick","params":{"item":1},"id":"x"}"#,
        r#"{"jsonrpc":2.0,"method":"conf.quick","params":{"item":1},"id":"x"}"#,
        r#"{"jsonrpc":"2.0","params":{"item":1},"id":"x"}"#,
        r#"{"jsonrpc":"2.0","method":7,"id":"x"}"#,
        r#"{"jsonrpc":"2.0","method":"quick","id":"x"}"#,
        r#"{"jsonrpc":"2.0","method":"Conf.quick","params":{"item":1},"id":"x"}"#,
        r#"{"jsonrpc":"2.0","method":"conf.quick.","params":{"item":1},"id":"x"}"#,
        r#"{"jsonrpc":"2.0","method":"conf.quick","params":{"item":1},"id":"x","result":1}"#,
    ] {
        let reply = world.answer("conf", request).await;
        let error = &reply["error"];
        assert_eq!(error["code"], json!(-32600), "{request}: {reply}");
        assert_eq!(error["message"], json!("Invalid Request"), "{request}: {reply}");
        assert_eq!(reply["id"], json!("x"), "{request}: {reply}");
    }
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 0, "none ran");
}
