//! Calls that end without a reply, and replies that come without a call.

use std::future::IntoFuture;

use clamator_driver::CallError;
use futures_util::future::join_all;
use serde_json::json;

use super::{unanswered, unserved};
use crate::world::{World, good, ms};

pub(super) async fn deadline(world: &World) {
    unserved(world, "conf");
    let guest = world.client("c").timeout(ms(200)).start().await;
    for (own, expected) in [(None, ms(200)), (Some(ms(60)), ms(60))] {
        let before = world.now();
        let call = guest.ask("add", json!({}));
        let call = match own {
            Some(own) => call.timeout(own),
            None => call,
        };
        let outcome = world.soon("the call ends", call.into_future()).await;
        let Err(CallError::Timeout { service, method, after, .. }) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((service.as_str(), method.as_str(), after), ("conf", "add", expected));
        let took = world.now() - before;
        assert!(took >= expected, "after {took:?}, not {expected:?}");
        assert!(took < expected + ms(2000), "after {took:?}, not {expected:?}");
    }
}

pub(super) async fn longer_than_the_default(world: &World) {
    let _server = world.server("s").start().await;
    let guest = world.client("c").timeout(ms(50)).start().await;
    let short = guest.ask("sleep", json!({ "ms": 200 })).await;
    assert!(matches!(short, Err(CallError::Timeout { .. })), "{short:?}");
    let long = guest.ask("sleep", json!({ "ms": 100 })).timeout(ms(5000)).await;
    assert_eq!(good(long), json!({ "slept": 100 }));
}

pub(super) async fn timed_out_calls_still_run(world: &World) {
    let (_server, guest) = world.served().await;
    let outcome = guest.ask("hold", json!({ "item": 1 })).timeout(ms(50)).await;
    assert!(matches!(outcome, Err(CallError::Timeout { .. })), "{outcome:?}");
    world.began(1).await;
    world.book().let_go(1);
    world.ended(1).await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 1);
}

pub(super) async fn late_reply(world: &World) {
    let (_server, guest) = world.served().await;
    let outcome = guest.ask("hold", json!({ "item": 1 })).timeout(ms(50)).await;
    assert!(matches!(outcome, Err(CallError::Timeout { .. })), "{outcome:?}");
    let next = world.calls(guest.ask("hold", json!({ "item": 2 })));
    world.book().let_go(1);
    world.began(2).await;
    assert!(!next.is_done(), "the late reply is nobody's");
    world.book().let_go(2);
    assert_eq!(good(next.await)["by"], json!("s"));
    guest.adds().await;
}

pub(super) async fn replies_in_any_order(world: &World) {
    unserved(world, "conf");
    let guest = world.client("c").start().await;
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(unanswered(world, &guest).await);
    }
    for (number, (id, _)) in calls.iter().enumerate().rev() {
        let reply = json!({ "jsonrpc": "2.0", "id": id, "result": number });
        world.reply_to("c", reply.to_string());
    }
    for (number, (_, call)) in calls.into_iter().enumerate() {
        assert_eq!(good(call.await), json!(number));
    }
}

pub(super) async fn replies_that_nobody_asked_for(world: &World) {
    unserved(world, "conf");
    for id in ["not a uuid", "00000000-0000-4000-8000-000000000000", ""] {
        world.reply_to("c", json!({ "jsonrpc": "2.0", "id": id, "result": "old" }).to_string());
    }
    let earlier = world.client("c").start().await;
    let (id, call) = unanswered(world, &earlier).await;
    earlier.stop().await;
    assert!(call.await.is_err());
    world.reply_to("c", json!({ "jsonrpc": "2.0", "id": id, "result": "old" }).to_string());
    let guest = world.client("c").start().await;
    let (id, call) = unanswered(world, &guest).await;
    for id in [json!("00000000-0000-4000-8000-000000000000"), json!(7), json!(null)] {
        world.reply_to("c", json!({ "jsonrpc": "2.0", "id": id, "result": "alien" }).to_string());
    }
    world.reply_to("c", json!({ "jsonrpc": "2.0", "id": id, "result": "mine" }).to_string());
    assert_eq!(good(call.await), json!("mine"));
}

pub(super) async fn second_reply(world: &World) {
    unserved(world, "conf");
    let guest = world.client("c").start().await;
    for number in 0..3 {
        let (id, call) = unanswered(world, &guest).await;
        for result in [json!(number), json!("again")] {
            let reply = json!({ "jsonrpc": "2.0", "id": id, "result": result });
            world.reply_to("c", reply.to_string());
        }
        assert_eq!(good(call.await), json!(number));
    }
}

pub(super) async fn slow_service(world: &World) {
    let slow = world.conf("slow", "s");
    let _server = world.server("s").service(slow).start().await;
    let guest = world.client("c").start().await;
    let hold = |item| world.calls(guest.call("slow", "hold", &json!({ "item": item })));
    let mut held = vec![hold(1)];
    world.began(1).await;
    held.extend((2..=50).map(hold));
    for _ in 0..20 {
        guest.adds().await;
    }
    assert!(held.iter().all(|call| !call.is_done()));
    world.book().let_all_go();
    for call in held {
        good(call.await);
    }
}

pub(super) async fn hundreds_at_once(world: &World) {
    let (_server, guest) = world.served().await;
    let calls = (0..500).map(|a| guest.ask("add", json!({ "a": a, "b": 1 })).into_future());
    for (a, outcome) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(good(outcome)["sum"].as_f64(), Some(a as f64 + 1.0));
    }
}
