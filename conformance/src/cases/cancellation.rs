//! Calls that nobody waits for any more.

use std::future::IntoFuture;

use futures_util::FutureExt;
use serde_json::json;

use crate::world::{World, ms};

pub(super) async fn dropped_call(world: &World) {
    let (_server, guest) = world.served().await;
    let mut call = guest.ask("hold", json!({ "item": 1 })).into_future();
    assert!((&mut call).now_or_never().is_none());
    world.began(1).await;
    drop(call);
    world.book().let_go(1);
    world.ended(1).await;
    guest.adds().await;
    world.all_done("conf").await;
    assert_eq!(world.raw_replies("c").len(), 2, "the server was not told");
}

pub(super) async fn dropped_before_it_left(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    world.cut_off(&guest).await;
    let mut call = guest.ask("quick", json!({ "item": 1 })).into_future();
    assert!((&mut call).now_or_never().is_none());
    world.sleep(ms(20)).await;
    drop(call);
    guest.faults.come_back();
    guest.adds().await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 0);
}

pub(super) async fn never_awaited(world: &World) {
    let (_server, guest) = world.served().await;
    drop(guest.ask("quick", json!({ "item": 1 })).timeout(ms(50)));
    drop(guest.ask("quick", json!({ "item": 1 })).into_future());
    drop(guest.notify("conf", "ping", &json!({ "item": 1 })));
    guest.adds().await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 0);
}

pub(super) async fn many_dropped_calls(world: &World) {
    let (_server, guest) = world.served().await;
    let held = world.holds(&guest, 1).await;
    for _round in 0..5 {
        let mut calls: Vec<_> =
            (0..100).map(|_| guest.ask("quick", json!({ "item": 2 })).into_future()).collect();
        for call in &mut calls {
            assert!(call.now_or_never().is_none());
        }
        world.sleep(ms(5)).await;
    }
    world.book().let_go(1);
    assert!(held.await.is_ok());
    guest.adds().await;
    world.all_done("conf").await;
    assert!(world.runs(2) <= 500);
}

pub(super) async fn dropped_notification(world: &World) {
    let (_server, guest) = world.served().await;
    let mut notification = guest.notify("conf", "ping", &json!({ "item": 1 })).into_future();
    let _ = (&mut notification).now_or_never();
    world.began(1).await;
    drop(notification);
    guest.adds().await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 1);
}
