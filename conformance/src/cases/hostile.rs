//! Bad input: an answer where somebody waits for one, and never a lost neighbour or a stuck stream.

use clamator_driver::CallError;
use serde_json::json;

use super::{unanswered, unserved};
use crate::world::{World, good, request_envelope};

/// Adds an entry between two good ones. They are answered, it isn't, and nothing stays pending.
async fn is_dropped(world: &World, fields: &[(&str, &[u8])]) {
    let number = world.number();
    let clients = [format!("before-{number}"), format!("after-{number}")];
    world.request("conf", "add", json!({ "a": 2, "b": 3 }), &clients[0]);
    world.append("conf", fields);
    world.request("conf", "add", json!({ "a": 2, "b": 3 }), &clients[1]);
    for client in clients {
        assert_eq!(world.reply(&client).await["result"], json!({ "sum": 5.0 }), "{fields:?}");
    }
    world.all_done("conf").await;
    assert!(world.raw_replies("nobody").is_empty(), "{fields:?}");
    assert!(world.book().notes().is_empty(), "{fields:?}");
}

async fn envelope_is_dropped(world: &World, envelope: impl AsRef<[u8]>) {
    let reply_to = world.replies_of("nobody");
    let fields = [("envelope", envelope.as_ref()), ("reply-to", reply_to.as_bytes())];
    is_dropped(world, &fields).await;
}

pub(super) async fn not_json(world: &World) {
    let _server = world.server("s").start().await;
    let good = request_envelope("conf.quick", &json!({ "item": 1 }), &json!("x"));
    let cut = &good[..good.len() - 1];
    for envelope in ["", " ", "{", "hello", "\0", "[1,", cut, &format!("{good}}}"), &good.repeat(2)]
    {
        envelope_is_dropped(world, envelope).await;
    }
}

pub(super) async fn not_utf8(world: &World) {
    let _server = world.server("s").start().await;
    let good = request_envelope("conf.echo", &json!({ "value": "?" }), &json!("x"));
    let bad = good.bytes().flat_map(|b| if b == b'?' { vec![0xc3, 0x28] } else { vec![b] });
    envelope_is_dropped(world, bad.collect::<Vec<u8>>()).await;
    envelope_is_dropped(world, b"\xff\xfe").await;
}

pub(super) async fn no_envelope(world: &World) {
    let _server = world.server("s").start().await;
    let reply_to = world.replies_of("nobody");
    let good = request_envelope("conf.quick", &json!({ "item": 1 }), &json!("x"));
    is_dropped(world, &[("type", b"rpc"), ("reply-to", reply_to.as_bytes())]).await;
    is_dropped(world, &[("ENVELOPE", good.as_bytes()), ("reply-to", reply_to.as_bytes())]).await;
    is_dropped(world, &[("", b"")]).await;
}

pub(super) async fn batches_and_scalars(world: &World) {
    let _server = world.server("s").start().await;
    let good = request_envelope("conf.quick", &json!({ "item": 1 }), &json!("x"));
    for envelope in
        ["[]", &format!("[{good}]"), &format!("[{good},{good}]"), "null", "7", "\"x\"", "{}"]
    {
        envelope_is_dropped(world, envelope).await;
    }
}

pub(super) async fn bad_ids(world: &World) {
    let _server = world.server("s").start().await;
    for id in [json!(true), json!(false), json!([]), json!([1]), json!({}), json!({ "a": 1 })] {
        let envelope = request_envelope("conf.quick", &json!({ "item": 1 }), &id);
        envelope_is_dropped(world, envelope).await;
    }
}

pub(super) async fn deep_nesting(world: &World) {
    let _server = world.server("s").start().await;
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let request = |params: &str, method: &str| {
        format!(r#"{{"jsonrpc":"2.0","method":"conf.{method}","params":{params},"id":"x"}}"#)
    };
    for (params, method) in [
        (format!(r#"{{"value":{deep}}}"#), "echo"),
        (format!(r#"{{"a":{deep},"b":1}}"#), "add"),
        (deep.clone(), "add"),
    ] {
        let reply = world.answer("conf", request(&params, method)).await;
        assert_eq!(reply["error"]["code"], json!(-32602), "{method}: {reply}");
    }
    let unasked = request(&format!(r#"{{"a":2,"b":3,"c":{deep}}}"#), "add");
    assert_eq!(world.answer("conf", unasked).await["result"], json!({ "sum": 5.0 }));
    envelope_is_dropped(world, &deep).await;
    envelope_is_dropped(world, &deep[..10_000]).await;
    envelope_is_dropped(world, format!(r#"{{"jsonrpc":"2.0","id":{deep}}}"#)).await;
}

pub(super) async fn many_bad_among_good(world: &World) {
    unserved(world, "conf");
    let outside = format!("{}:outside", world.prefix());
    world.probe().set_string(&world.replies_of("text"), "mine");
    let good = request_envelope("conf.add", &json!({ "a": 2, "b": 3 }), &json!("x"));
    let text = world.replies_of("text");
    let bad: [&[(&str, &[u8])]; 5] = [
        &[("envelope", b"{")],
        &[("envelope", b"\xff")],
        &[("", b"")],
        &[("envelope", good.as_bytes()), ("reply-to", outside.as_bytes())],
        &[("envelope", good.as_bytes()), ("reply-to", text.as_bytes())],
    ];
    for number in 0..50 {
        world.append("conf", bad[number % bad.len()]);
        world.request("conf", "add", json!({ "a": 2, "b": 3 }), &format!("c{number}"));
    }
    let _server = world.server("s").start().await;
    for number in 0..50 {
        let reply = world.reply(&format!("c{number}")).await;
        assert_eq!(reply["result"], json!({ "sum": 5.0 }));
    }
    world.all_done("conf").await;
}

pub(super) async fn another_service(world: &World) {
    let _server = world.server("s").start().await;
    let request = request_envelope("other.add", &json!({ "a": 2, "b": 3 }), &json!("x"));
    assert_eq!(world.answer("conf", request).await["result"], json!({ "sum": 5.0 }));
}

pub(super) async fn bad_replies(world: &World) {
    unserved(world, "conf");
    let guest = world.client("c").start().await;
    let (neighbour_id, neighbour) = unanswered(world, &guest).await;
    for rest in [
        r#""result":1"#,
        r#""jsonrpc":"1.0","result":1"#,
        r#""jsonrpc":"2.0""#,
        r#""jsonrpc":"2.0","result":1,"error":{"code":1,"message":"x"}"#,
        r#""jsonrpc":"2.0","error":"x""#,
        r#""jsonrpc":"2.0","error":[1,"x"]"#,
        r#""jsonrpc":"2.0","error":{"message":"x"}"#,
        r#""jsonrpc":"2.0","error":{"code":1.5,"message":"x"}"#,
        r#""jsonrpc":"2.0","error":{"code":1}"#,
    ] {
        let (id, call) = unanswered(world, &guest).await;
        world.reply_to("c", format!(r#"{{"id":"{id}",{rest}}}"#));
        let outcome = call.await;
        assert!(matches!(outcome, Err(CallError::Protocol { .. })), "{rest}: {outcome:?}");
    }
    for garbage in ["", "{", "[]", "null", "\u{0}"] {
        world.reply_to("c", garbage);
    }
    let stream = world.replies_of("c");
    world.probe().append(&stream, &[(b"envelope", b"\xff")]);
    world.probe().append(&stream, &[(b"", b"")]);
    assert!(!neighbour.is_done());
    let reply = json!({ "jsonrpc": "2.0", "id": neighbour_id, "result": "fine" });
    world.reply_to("c", reply.to_string());
    assert_eq!(good(neighbour.await), json!("fine"));
}
