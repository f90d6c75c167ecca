//! Several servers, several clients, and who does what.

use std::collections::BTreeMap;
use std::future::IntoFuture;

use clamator_driver::{CallError, Client, Misuse, RpcError, Service};
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{Json, What, World, envelope, good, ms};

pub(super) async fn exactly_one_server(world: &World) {
    for name in ["a", "b", "c"] {
        world.server(name).start().await;
    }
    let guest = world.client("c").start().await;
    let calls = (0..200).map(|item| world.calls(guest.ask("quick", json!({ "item": item }))));
    let outcomes = join_all(calls.collect::<Vec<_>>()).await;
    for (item, outcome) in outcomes.into_iter().enumerate() {
        let workers = world.book().workers_of(item as u64);
        assert_eq!(workers.len(), 1, "item {item} ran on {workers:?}");
        let done = good(outcome);
        assert_eq!((&done["by"], &done["deliveries"]), (&json!(workers[0]), &json!(1)));
    }
    world.all_done("conf").await;
    assert_eq!(world.raw_replies("c").len(), 200, "one reply each");
}

pub(super) async fn newcomer(world: &World) {
    let (_server, guest) = world.served().await;
    let held = world.holds(&guest, 1).await;
    let waiting = world.calls(guest.ask("quick", json!({ "item": 2 })));
    let _second = world.server("t").start().await;
    assert_eq!(good(waiting.await)["by"], json!("t"));
    for _ in 0..10 {
        guest.adds().await;
    }
    assert!(!held.is_done());
    world.book().let_go(1);
    good(held.await);
}

pub(super) async fn leaver(world: &World) {
    // So that servers look every second for what was handed back.
    let idle = ms(4000);
    let first = world.server("s").claim_idle(idle).start().await;
    let _second = world.server("t").claim_idle(idle).start().await;
    let guest = world.client("c").start().await;
    let mut held = vec![world.holds(&guest, 1).await];
    held.extend((2..=4).map(|item| world.calls(guest.ask("hold", json!({ "item": item })))));
    let calls: Vec<_> =
        (10..110).map(|item| world.calls(guest.ask("quick", json!({ "item": item })))).collect();
    let stop = world.spawn(async move { first.server.stop().await });
    world.book().let_all_go();
    assert_eq!(stop.await.aborted, 0);
    for outcome in join_all(held).await.into_iter().chain(join_all(calls).await) {
        good(outcome);
    }
    let mut runs = BTreeMap::new();
    for item in world.book().items(What::Began) {
        *runs.entry(item).or_insert(0) += 1;
    }
    assert_eq!(runs.len(), 104);
    assert!(runs.values().all(|runs| *runs == 1), "{runs:?}");
}

pub(super) async fn busy_server(world: &World) {
    world.request("conf", "hold", json!({ "item": 1 }), "held");
    for item in 2..=15 {
        world.request("conf", "quick", json!({ "item": item }), &format!("c{item}"));
    }
    let _busy = world.server("busy").start().await;
    world.began(1).await;
    let _free = world.server("free").start().await;
    for item in 2..=15 {
        assert_eq!(world.reply(&format!("c{item}")).await["result"]["by"], json!("free"));
    }
    assert!(world.raw_replies("held").is_empty());
}

pub(super) async fn two_clients(world: &World) {
    let (_server, one) = world.served().await;
    let other = world.client("d").start().await;
    let calls = (0..40).flat_map(|number| {
        let (mine, others) = (json!({ "value": number }), json!({ "value": -number }));
        [world.calls(one.ask("echo", mine)), world.calls(other.ask("echo", others))]
    });
    let outcomes = join_all(calls.collect::<Vec<_>>()).await;
    for (number, pair) in outcomes.chunks(2).enumerate() {
        let number = number as i64;
        let values = pair.iter().map(|outcome| match outcome {
            Ok(echo) => echo["value"].clone(),
            Err(error) => panic!("{error}"),
        });
        assert_eq!(values.collect::<Vec<_>>(), [json!(number), json!(-number)]);
    }
    world.all_done("conf").await;
    let replies = [world.raw_replies("c").len(), world.raw_replies("d").len()];
    assert_eq!(replies, [40, 40], "each in its own stream");
}

pub(super) async fn foreign_neighbour(world: &World) {
    let (_server, guest) = world.served().await;
    let held = world.holds(&guest, 1).await;
    let call = world.calls(guest.ask("quick", json!({ "item": 2 })));
    let stream = world.commands("conf");
    let take = || world.probe().read_group(&stream, "conf", "conf:foreign", 16).pop();
    let entry = world.eventually_some("the foreign server is given the request", take).await;
    let request: Json = serde_json::from_str(&envelope(&entry)).unwrap_or_default();
    let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": "foreign" });
    world.reply_to("c", reply.to_string());
    world.probe().ack(&stream, "conf", entry.id);
    assert_eq!(good(call.await), json!("foreign"));
    world.book().let_go(1);
    good(held.await);
    guest.adds().await;
    assert_eq!(world.runs(2), 0);
}

/// A service whose method `outer` calls another one, and says what came of it.
fn relay(name: &str, client: &Client, service: &'static str) -> Service {
    let client = client.clone();
    let outer = move |_: Json, _| {
        let client = client.clone();
        async move {
            let inner = client.call::<Json>(service, "add", &json!({ "a": 2, "b": 3 })).await;
            Ok::<_, RpcError>(match inner {
                Ok(sum) => sum,
                Err(CallError::Misuse(Misuse::Reentrant { .. })) => json!("itself"),
                Err(error) => json!(error.to_string()),
            })
        }
    };
    let add = |_: Json, _| async { Ok::<_, RpcError>("never") };
    let service = Service::new(name).and_then(|service| service.method("outer", outer));
    let service = service.and_then(|service| service.method("add", add));
    service.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) async fn own_service(world: &World) {
    let guest = world.client("c").start().await;
    let _server = world.bare_server("s").service(relay("selfish", &guest, "selfish")).start().await;
    let outcome = guest.call::<Json>("selfish", "outer", &json!({}));
    let outcome = world.soon("the handler is told", outcome.into_future()).await;
    assert_eq!(good(outcome), json!("itself"));
    assert_eq!(good(guest.call::<Json>("selfish", "add", &json!({})).await), json!("never"));
}

pub(super) async fn other_service(world: &World) {
    let guest = world.client("c").start().await;
    let _server = world.server("s").service(relay("relay", &guest, "conf")).start().await;
    let calls = (0..10).map(|_| world.calls(guest.call("relay", "outer", &json!({}))));
    for outcome in join_all(calls.collect::<Vec<_>>()).await {
        assert_eq!(good(outcome), json!({ "sum": 5.0 }));
    }
}
