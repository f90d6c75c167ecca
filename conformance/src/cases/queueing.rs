//! Calls that can't leave: they wait or fail at once, and no more wait than were allowed.

use std::future::IntoFuture;

use clamator_core::Lane;
use clamator_driver::{CallError, Disconnected, QueueFull};
use futures_util::future::join_all;
use serde_json::json;

use crate::fault::{Kind, Loss};
use crate::world::{World, good, ms};

pub(super) async fn fails_without_a_connection(world: &World) {
    let _server = world.server("s").start().await;
    let guest = world.client("c").disconnected(Disconnected::Fail).start().await;
    guest.adds().await;
    let held = world.holds(&guest, 1).await;
    world.cut_off(&guest).await;
    let before = world.now();
    for _ in 0..3 {
        let outcome = guest.ask("quick", json!({ "item": 2 })).await;
        let unsent = matches!(outcome, Err(CallError::Transport { may_have_executed: false, .. }));
        assert!(unsent, "{outcome:?}");
        let outcome = guest.notify("conf", "ping", &json!({ "item": 2 })).await;
        let unsent = matches!(outcome, Err(CallError::Transport { may_have_executed: false, .. }));
        assert!(unsent, "{outcome:?}");
    }
    assert!(world.now() - before < ms(3000), "at once");
    world.book().let_go(1);
    world.all_done("conf").await;
    guest.faults.come_back();
    // What had left before is waited for all the same.
    good(held.await);
    // That came over the connection for replies: until the one for calls is back too, they still fail at once.
    let works = async {
        let add = || guest.ask("add", json!({ "a": 2, "b": 3 }));
        while let Err(CallError::Transport { may_have_executed: false, .. }) = add().await {
            world.sleep(ms(5)).await;
        }
    };
    world.soon("calls leave again", works).await;
    guest.adds().await;
    assert_eq!(world.runs(2), 0);
}

pub(super) async fn fails_when_full(world: &World) {
    let _server = world.server("s").start().await;
    let guest = world.client("c").queue(3, QueueFull::Fail).start().await;
    guest.adds().await;
    world.cut_off(&guest).await;
    let calls: Vec<_> =
        (1..=4).map(|item| world.calls(guest.ask("quick", json!({ "item": item })))).collect();
    world.eventually("one of them fails", || calls.iter().any(|call| call.is_done())).await;
    guest.faults.come_back();
    let outcomes = join_all(calls).await;
    let full = |outcome: &Result<_, CallError>| match outcome {
        Ok(_) => false,
        Err(CallError::QueueFull { calls: 3, not_connected: Some(_), .. }) => true,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(outcomes.iter().filter(|outcome| full(outcome)).count(), 1);
    world.all_done("conf").await;
    assert_eq!((1..=4).map(|item| world.runs(item)).sum::<usize>(), 3, "it was not executed");
    guest.adds().await;
}

pub(super) async fn reads_are_bounded(world: &World) {
    const LIMIT: usize = 16 * 1024 * 1024;
    super::unserved(world, "conf");
    let text = "x".repeat(1024 * 1024);
    for item in 1..=40 {
        world.request("conf", "quick", json!({ "item": item, "text": text }), "raw");
    }
    let server = world.server("s").start().await;
    let all_ran = || (1..=40).all(|item| world.runs(item) == 1);
    world.eventually("all of them run", all_ran).await;
    let largest = server.faults.largest(Kind::ReadGroup);
    assert!(largest > text.len() && largest <= LIMIT, "a server's: {largest} bytes");

    let guest = world.client("c").start().await;
    guest.adds().await;
    guest.faults.go_away();
    guest.faults.cut(Lane::Reader(0), Loss::Closed);
    let cannot_read = || guest.faults.has_noticed(Lane::Reader(0));
    world.eventually("it can't read", cannot_read).await;
    let foreign = json!({ "jsonrpc": "2.0", "id": "x", "result": text }).to_string();
    for _ in 0..40 {
        world.reply_to("c", &foreign);
    }
    guest.faults.come_back();
    guest.adds().await;
    let largest = guest.faults.largest(Kind::Read);
    assert!(largest > text.len() && largest <= LIMIT, "a client's: {largest} bytes");
}

pub(super) async fn waits_for_room(world: &World) {
    let _server = world.server("s").start().await;
    let guest = world.client("c").queue(2, QueueFull::Wait).start().await;
    guest.adds().await;
    world.cut_off(&guest).await;
    let calls: Vec<_> =
        (1..=12).map(|item| world.calls(guest.ask("quick", json!({ "item": item })))).collect();
    let dropped = guest.ask("quick", json!({ "item": 13 })).into_future();
    let dropped = world.within(ms(50), dropped).await;
    assert!(dropped.is_none(), "{dropped:?}");
    let short = guest.ask("quick", json!({ "item": 14 })).timeout(ms(50)).await;
    assert!(matches!(short, Err(CallError::QueueFull { calls: 2, .. })), "{short:?}");
    guest.faults.come_back();
    for outcome in join_all(calls).await {
        good(outcome);
    }
    guest.adds().await;
    world.all_done("conf").await;
    let runs: Vec<usize> = (1..=14).map(|item| world.runs(item)).collect();
    assert_eq!(runs, [[1; 12].as_slice(), &[0, 0]].concat());
}
