//! What runs when.

use std::future::IntoFuture;
use std::pin::Pin;

use clamator_core::GroupStart;
use futures_util::FutureExt;
use futures_util::future::{join_all, maybe_done};
use serde_json::json;

use crate::fault::{Fate, Kind};
use crate::world::{CLAIM_IDLE, What, World, good, ms};

pub(super) async fn serial(world: &World) {
    for item in 1..=20 {
        world.request("conf", "hold", json!({ "item": item }), "c");
    }
    let _server = world.server("s").start().await;
    // The last ones could end first.
    for item in (1..=20).rev() {
        world.book().let_go(item);
    }
    world.all_done("conf").await;
    let notes: Vec<(What, u64)> =
        world.book().notes().into_iter().map(|note| (note.what, note.item)).collect();
    let expected: Vec<(What, u64)> =
        (1..=20).flat_map(|item| [(What::Began, item), (What::Ended, item)]).collect();
    assert_eq!(notes, expected);
}

pub(super) async fn nothing_next_to_it(world: &World) {
    for item in 1..=4 {
        world.request("conf", "hold", json!({ "item": item }), "c");
    }
    let _server = world.server("s").start().await;
    for item in 1..=4 {
        world.began(item).await;
        let begun = || world.book().items(What::Began).len() as u64;
        world.never("another one runs next to it", ms(100), || begun() > item).await;
        world.book().let_go(item);
    }
    world.all_done("conf").await;
}

pub(super) async fn effects_are_seen(world: &World) {
    let (_server, guest) = world.served().await;
    let call = |item| maybe_done(guest.ask("push", json!({ "item": item })).into_future());
    let mut calls: Vec<_> = (0..50).map(call).collect();
    // A first look at each sends them in this order.
    for call in &mut calls {
        let _ = call.now_or_never();
    }
    join_all(&mut calls).await;
    for (number, call) in calls.iter_mut().enumerate() {
        let items: Vec<usize> = (0..=number).collect();
        let outcome = Pin::new(call).take_output();
        assert_eq!(outcome.map(good), Some(json!({ "items": items })));
    }
}

pub(super) async fn requests_and_notifications(world: &World) {
    let (_server, guest) = world.served().await;
    for round in 0..15 {
        good(guest.notify("conf", "ping", &json!({ "item": 2 * round })).await);
        good(guest.ask("quick", json!({ "item": 2 * round + 1 })).await);
    }
    let expected: Vec<u64> = (0..30).collect();
    assert_eq!(world.book().items(What::Began), expected);
}

pub(super) async fn services_side_by_side(world: &World) {
    let other = world.conf("other", "s");
    let _server = world.server("s").service(other).start().await;
    let guest = world.client("c").start().await;
    let held = world.holds(&guest, 1).await;
    let held_too = world.calls(guest.call("other", "hold", &json!({ "item": 2 })));
    world.began(2).await;
    world.book().let_go(2);
    good(held_too.await);
    assert!(!held.is_done());
    world.book().let_go(1);
    good(held.await);
}

pub(super) async fn reply_before_ack(world: &World) {
    let server = world.server("s").start().await;
    for _ in 0..1000 {
        server.faults.next(Kind::Append, Fate::Refused("OOM"));
    }
    world.request("conf", "quick", json!({ "item": 1 }), "c");
    world.ended(1).await;
    let is_acked = || world.pending("conf").is_empty();
    world.never("it is acked without a reply", ms(200), is_acked).await;
    server.faults.heal();
    world.reply("c").await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 1);
}

pub(super) async fn reclaimed_in_order(world: &World) {
    let stream = world.commands("conf");
    world.probe().create_group(&stream, "conf", GroupStart::Beginning);
    for item in 1..=8 {
        world.request("conf", "hold", json!({ "item": item }), "c");
    }
    assert_eq!(world.probe().read_group(&stream, "conf", "conf:dead", 8).len(), 8);
    let _server = world.server("s").claim_idle(CLAIM_IDLE).start().await;
    let guest = world.client("d").start().await;
    world.warm(&guest).await;
    for item in (1..=8).rev() {
        world.book().let_go(item);
    }
    world.all_done("conf").await;
    let expected: Vec<(What, u64)> =
        (1..=8).flat_map(|item| [(What::Began, item), (What::Ended, item)]).collect();
    let notes: Vec<(What, u64)> =
        world.book().notes().into_iter().map(|note| (note.what, note.item)).collect();
    assert_eq!(notes, expected);
}
