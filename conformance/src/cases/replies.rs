//! Where replies go, how many stay, and for how long.

use clamator_core::Lane;
use clamator_driver::{CallError, NoReply};
use serde_json::json;

use crate::fault::Loss;
use crate::world::{World, good, ms, request_envelope};

pub(super) async fn confined(world: &World) {
    let _server = world.server("s").start().await;
    let prefix = world.prefix();
    let request = request_envelope("conf.quick", &json!({ "item": 1 }), &json!("x"));
    let inside = [":victim", ":replies", ":replies:", ":other:x", "x:replies:x", ":cmds:other"];
    for key in inside.map(|rest| format!("{prefix}{rest}")) {
        world.probe().set_string(&key, "mine");
        world.append("conf", &[("envelope", request.as_bytes()), ("reply-to", key.as_bytes())]);
        world.all_done("conf").await;
        assert_eq!(world.probe().string(&key).as_deref(), Some("mine"), "{key}");
        assert_eq!(world.probe().ttl(&key), None, "{key}");
    }
    let foreign = format!("x{prefix}:replies:x");
    let own = world.commands("conf");
    for key in [foreign.as_bytes(), own.as_bytes(), b"", b"\xff\xfe"] {
        let id = world.append("conf", &[("envelope", request.as_bytes()), ("reply-to", key)]);
        world.all_done("conf").await;
        let newest = world.probe().entries(&own).last().map(|entry| entry.id);
        assert!(newest.is_none_or(|newest| newest <= id), "nothing is written to the requests");
    }
    assert!(!world.probe().exists(&foreign) && !world.probe().exists(""));
    assert_eq!(world.runs(1), 0, "none ran");
    world.request("conf", "quick", json!({ "item": 1 }), "a:b c");
    world.reply("a:b c").await;
}

pub(super) async fn bounded(world: &World) {
    let _server = world.server("s").reply_stream_max_len(100).start().await;
    for _ in 0..600 {
        world.request("conf", "add", json!({ "a": 2, "b": 3 }), "c");
    }
    world.all_done("conf").await;
    let kept = world.raw_replies("c").len();
    // About: Redis removes whole blocks of a hundred.
    assert!((100..300).contains(&kept), "{kept} of 600 replies are kept");
}

pub(super) async fn wrong_type(world: &World) {
    let _server = world.server("s").start().await;
    let key = world.replies_of("c");
    world.probe().set_string(&key, "mine");
    world.request("conf", "quick", json!({ "item": 1 }), "c");
    world.request("conf", "quick", json!({ "item": 2 }), "d");
    world.reply("d").await;
    world.all_done("conf").await;
    assert_eq!(world.probe().string(&key).as_deref(), Some("mine"));
    assert_eq!(world.probe().ttl(&key), None, "its life isn't cut short");
    assert_eq!((world.runs(1), world.runs(2)), (1, 1));
}

pub(super) async fn time_to_live(world: &World) {
    let _server = world.server("s").reply_stream_ttl(ms(1200)).start().await;
    let stream = world.replies_of("c");
    for item in 1..=2 {
        world.request("conf", "quick", json!({ "item": item }), "c");
        world.reply("c").await;
        let ttl = world.probe().ttl(&stream);
        world.eventually("it has a time to live", || world.probe().ttl(&stream).is_some()).await;
        assert!(ttl.is_none_or(|ttl| ttl <= ms(1200)), "{ttl:?}");
        // The next one is made anew, without a time to live of its own.
        world.probe().delete(&stream);
    }
    world.request("conf", "quick", json!({ "item": 3 }), "d");
    world.reply("d").await;
    let stream = world.replies_of("d");
    world.eventually("it vanishes", || !world.probe().exists(&stream)).await;
}

pub(super) async fn after_a_stop(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    let call = world.holds(&guest, 1).await;
    guest.stop().await;
    assert!(call.await.is_err());
    let stream = world.replies_of("c");
    assert!(!world.probe().exists(&stream));
    world.book().let_go(1);
    world.all_done("conf").await;
    world.eventually("it won't stay", || world.probe().ttl(&stream).is_some()).await;
}

pub(super) async fn kept_alive(world: &World) {
    let _server = world.server("s").start().await;
    let guest = world.client("c").reply_stream_ttl(ms(900)).start().await;
    good(guest.ask("add", json!({ "a": 1, "b": 2 })).await);
    let stream = world.replies_of("c");
    let ttl_is = |limit| world.probe().ttl(&stream).is_some_and(|ttl| ttl <= limit);
    world.eventually("it has the client's time to live", || ttl_is(ms(900))).await;
    world.never("it vanishes", ms(1500), || !world.probe().exists(&stream)).await;
    guest.faults.crash();
    world.eventually("it vanishes after a crash", || !world.probe().exists(&stream)).await;
}

pub(super) async fn trimmed(world: &World) {
    let _server = world.server("s").start().await;
    let guest = world.client("c").timeout(ms(4000)).start().await;
    guest.adds().await;
    let held = world.holds(&guest, 1).await;
    // While it can't read its replies, somebody keeps only the last one.
    guest.faults.go_away();
    guest.faults.cut(Lane::Reader(0), Loss::Closed);
    let cannot_read = || guest.faults.has_noticed(Lane::Reader(0));
    world.eventually("it can't read", cannot_read).await;
    world.book().let_go(1);
    world.all_done("conf").await;
    let foreign = json!({ "jsonrpc": "2.0", "id": "x", "result": 1 }).to_string();
    world.reply_to("c", foreign);
    world.probe().trim_to(&world.replies_of("c"), 1);
    guest.faults.come_back();
    let outcome = held.await;
    let known = world.probe().counts_added(&world.replies_of("c"));
    let said = match &outcome {
        Err(CallError::Timeout { why: NoReply::Trimmed, .. }) => known,
        Err(CallError::Timeout { why: NoReply::Unknown, .. }) => !known,
        _ => false,
    };
    assert!(said, "{outcome:?}");
    guest.adds().await;
}

pub(super) async fn crowd(world: &World) {
    let _server = world.server("s").start().await;
    let client = world.client("c").reply_stream_max_len(20).start().await;
    // A stream that nobody serves any more.
    world.append("gone", &[("envelope", b"{}")]);
    let waiting: Vec<_> = (0..30)
        .map(|item| client.call("gone", "quick", &json!({ "item": item })).timeout(ms(1500)))
        .map(|call| world.calls(call))
        .collect();
    let gone = world.commands("gone");
    world
        .eventually("half of the places are taken", || world.probe().entries(&gone).len() == 11)
        .await;
    let sum = client.call::<serde_json::Value>("conf", "add", &json!({ "a": 2, "b": 3 })).await;
    assert_eq!(sum.unwrap()["sum"], 5.0);
    let (mut unanswered, mut never_sent) = (0, 0);
    for call in waiting {
        match call.await {
            Err(CallError::Timeout { .. }) => unanswered += 1,
            Err(CallError::TooManyCalls { .. }) => never_sent += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((unanswered, never_sent), (10, 20));
    assert_eq!(world.probe().entries(&gone).len(), 11, "what was never sent was not executed");
}
