//! What is written, and what is understood.

use std::collections::BTreeSet;
use std::future::IntoFuture;

use clamator_driver::{CallError, MissingService, RpcError};
use futures_util::future::join_all;
use serde_json::json;

use super::{unanswered, unserved};
use crate::world::{Json, World, envelope, fields, good, ms, request_envelope, rpc_error};

fn is_uuid_v4(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        && parts[2].starts_with('4')
        && parts[3].starts_with(['8', '9', 'a', 'b'])
}

pub(super) async fn request_entry(world: &World) {
    unserved(world, "conf");
    let guest = world.client("c").start().await;
    let client = guest.client.clone();
    let call = world.spawn(async move {
        client.call::<Json>("conf", "add", &json!({ "a": 2, "b": 3 })).timeout(ms(300)).await
    });
    let stream = world.commands("conf");
    let entry = world
        .eventually_some("the request is in the stream", || world.probe().entries(&stream).pop())
        .await;
    let found = fields(&entry);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["type", "envelope", "reply-to"]);
    assert_eq!(found[0].1, "rpc");
    assert_eq!(found[2].1, world.replies_of("c"));
    let request: Json = serde_json::from_str(&found[1].1).unwrap_or_default();
    let id = request["id"].as_str().unwrap_or_default().to_owned();
    assert!(is_uuid_v4(&id), "{request}");
    let expected = json!({
        "jsonrpc": "2.0", "method": "conf.add", "params": { "a": 2, "b": 3 }, "id": id,
    });
    assert_eq!(request, expected);
    assert!(call.await.is_err(), "nobody answers");
}

pub(super) async fn notification_entry(world: &World) {
    unserved(world, "conf");
    let client = world.client("c").start().await;
    client.notify("conf", "ping", &json!({ "item": 1 })).await.unwrap();
    let entries = world.probe().entries(&world.commands("conf"));
    assert_eq!(entries.len(), 1);
    let found = fields(&entries[0]);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["type", "envelope"]);
    let notification: Json = serde_json::from_str(&found[1].1).unwrap();
    let expected = json!({ "jsonrpc": "2.0", "method": "conf.ping", "params": { "item": 1 } });
    assert_eq!(notification, expected);
}

pub(super) async fn reply_entry(world: &World) {
    let _server = world.server("s").start().await;
    world.request("conf", "add", json!({ "a": 2, "b": 3 }), "c");
    let reply = world.reply("c").await;
    assert_eq!(reply, json!({ "jsonrpc": "2.0", "id": "raw", "result": { "sum": 5.0 } }));
    let entries = world.probe().entries(&world.replies_of("c"));
    let found = fields(&entries[0]);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["type", "envelope"]);
    assert_eq!(found[0].1, "rpc");
    assert!(!envelope(&entries[0]).is_empty());
}

pub(super) async fn error_entry(world: &World) {
    let _server = world.server("s").start().await;
    world.request("conf", "nothing", json!({}), "c");
    let reply = world.reply("c").await;
    let error = json!({ "code": -32601, "message": "Method not found", "data": null });
    assert_eq!(reply, json!({ "jsonrpc": "2.0", "id": "raw", "error": error }));
}

pub(super) async fn ids_are_echoed(world: &World) {
    let _server = world.server("s").start().await;
    let ids = [
        "1",
        "\"1\"",
        "1.5",
        "-0",
        "1e3",
        "123456789012345678901234567890",
        "0.1000",
        "\"\"",
        r#""\u00e9 \"quoted\" \ud83d\ude00""#,
        "\"é\"",
    ];
    for id in ids {
        let client = format!("c{}", world.number());
        let params = r#"{"a":1,"b":2}"#;
        let request =
            format!(r#"{{"jsonrpc":"2.0","method":"conf.add","params":{params},"id":{id}}}"#);
        world.send("conf", request, &client);
        let reply = world.raw_reply(&client).await;
        assert!(reply.contains(&format!(r#""id":{id},"#)), "{id}: {reply}");
    }
}

pub(super) async fn call_ids_never_repeat(world: &World) {
    unserved(world, "conf");
    for _life in 0..2 {
        let guest = world.client("c").start().await;
        let calls = (0..20).map(|_| guest.ask("add", json!({})).timeout(ms(20)).into_future());
        join_all(calls).await;
        guest.stop().await;
    }
    let entries = world.probe().entries(&world.commands("conf"));
    let id =
        |entry| serde_json::from_str::<Json>(&envelope(entry)).unwrap_or_default()["id"].clone();
    let ids: BTreeSet<String> = entries.iter().map(|entry| id(entry).to_string()).collect();
    assert_eq!((entries.len(), ids.len()), (40, 40));
}

pub(super) async fn fields_are_found_by_name(world: &World) {
    let _server = world.server("s").start().await;
    let request = request_envelope("conf.add", &json!({ "a": 2, "b": 3 }), &json!("x"));
    let request = request.as_bytes();
    let reply_to = |number: usize| world.replies_of(&format!("c{number}"));
    let to = [reply_to(0), reply_to(1), reply_to(2)];
    let variants: [&[(&str, &[u8])]; 3] = [
        &[("reply-to", to[0].as_bytes()), ("envelope", request), ("type", b"rpc")],
        &[("envelope", request), ("trace", b"\xff\x00"), ("reply-to", to[1].as_bytes()), ("", b"")],
        &[("type", b"something else"), ("reply-to", to[2].as_bytes()), ("envelope", request)],
    ];
    for (number, fields) in variants.into_iter().enumerate() {
        world.append("conf", fields);
        let reply = world.reply(&format!("c{number}")).await;
        assert_eq!(reply["result"], json!({ "sum": 5.0 }), "{fields:?}");
    }
}

pub(super) async fn foreign_json_is_understood(world: &World) {
    let _server = world.server("s").start().await;
    for request in [
        r#"{"jsonrpc": "2.0", "method": "conf.add", "params": {"a": 2.0, "b": 3.0}, "id": "x"}"#,
        "\n{\t\"id\" : \"x\" ,\r\n\"params\":{\"b\":3,\"a\":2},\"method\":\"conf.add\",\"jsonrpc\":\"2.0\"}\n",
        r#"{"jsonrpc":"2.0","method":"\u0063onf.add","params":{"\u0061":2,"b":3e0},"id":"x","extra":[1]}"#,
    ] {
        assert_eq!(
            world.answer("conf", request).await["result"],
            json!({ "sum": 5.0 }),
            "{request}"
        );
    }
    let text = r#"{"jsonrpc":"2.0","method":"conf.echo","params":{"value":"\u00e9\ud83d\ude00\n"},"id":1}"#;
    assert_eq!(world.answer("conf", text).await["result"]["value"], json!("é\u{1F600}\n"));
}

pub(super) async fn foreign_replies_are_understood(world: &World) {
    unserved(world, "conf");
    let guest = world.client("c").start().await;
    for (rest, expected) in [
        (r#""jsonrpc": "2.0", "result": {"sum": 5.0}"#, Ok(json!({ "sum": 5.0 }))),
        (r#""error" :null,"result":null, "jsonrpc":"2.0""#, Ok(Json::Null)),
        (
            r#""jsonrpc":"2.0","error":{"code":-32001,"message":"\u006eo"}"#,
            Err(RpcError::new(-32001, "no")),
        ),
        (
            r#""jsonrpc":"2.0","error":{"data":{"a":[1]},"message":"no","code":-32001.0,"more":1}"#,
            Err(RpcError::new(-32001, "no").with_data(json!({ "a": [1] }))),
        ),
    ] {
        let (id, call) = unanswered(world, &guest).await;
        world.reply_to("c", format!("{{ {rest} ,\n \"id\": \"{id}\" }}"));
        match call.await {
            Ok(result) => assert_eq!(Ok(result), expected, "{rest}"),
            outcome => assert_eq!(Err(rpc_error(outcome)), expected, "{rest}"),
        }
    }
}

pub(super) async fn values_go_there_and_back(world: &World) {
    let (_server, guest) = world.served().await;
    for value in [
        json!(null),
        json!(true),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(0.1),
        json!(1e300),
        json!(-5),
        json!(""),
        json!("é \u{1F600} \u{2028} \" \\ \u{0} \n"),
        json!([]),
        json!({}),
        json!([{ "a": [[], {}, null], "é": { "": 0.5 } }, "x".repeat(100_000)]),
    ] {
        let echo = good(guest.ask("echo", json!({ "value": value })).await);
        assert_eq!(echo["value"], value);
    }
}

pub(super) async fn prefixes_are_literal(world: &World) {
    let prefix = format!("{}/a:b {{c}} d*?[e]é\\", world.prefix());
    let _server = world.server("s").prefix(&prefix).start().await;
    let guest = world.client("c").prefix(&prefix).start().await;
    guest.adds().await;
    let stream = format!("{prefix}:cmds:conf");
    assert_eq!(world.probe().groups(&stream), ["conf"]);
    assert!(world.probe().exists(&format!("{prefix}:replies:c")));
}

pub(super) async fn prefixes_never_meet(world: &World) {
    let (one, other) = (format!("{}:one", world.prefix()), format!("{}:other", world.prefix()));
    let _one = world.server("one").prefix(&one).start().await;
    let _other = world.server("other").prefix(&other).start().await;
    for (prefix, name) in [(&one, "one"), (&other, "other")] {
        let guest = world.client("c").prefix(prefix).start().await;
        for item in 0..10 {
            let done = good(guest.ask("quick", json!({ "item": item })).await);
            assert_eq!(done["by"], json!(name));
        }
    }
    let guest = world.client("c").missing_service(MissingService::Fail).start().await;
    let missing = guest.ask("add", json!({})).await;
    assert!(matches!(missing, Err(CallError::NoSuchService { .. })), "{missing:?}");
}

pub(super) async fn instances_are_named(world: &World) {
    let _named = world.server("mine").start().await;
    let _random = world.server("s").random_instance_id().start().await;
    let guest = world.client("my client").start().await;
    let random = world.client("c").random_instance_id().start().await;
    for guest in [&guest, &random] {
        for _ in 0..20 {
            guest.adds().await;
        }
    }
    assert!(world.probe().exists(&world.replies_of("my client")));
    let stream = world.commands("conf");
    // A consumer shows up once it was given something.
    world
        .eventually("both are consumers", || {
            world.request("conf", "quick", json!({ "item": 1 }), "raw");
            world.probe().consumers(&stream, "conf").len() == 2
        })
        .await;
    let consumers = world.probe().consumers(&stream, "conf");
    assert!(consumers.contains(&"conf:mine".to_owned()), "{consumers:?}");
    let other = consumers.iter().find(|name| *name != "conf:mine").cloned().unwrap_or_default();
    let id = other.strip_prefix("conf:").unwrap_or_default();
    assert!(is_uuid_v4(id), "{other}");
}
