//! What stays in a command stream, and what goes.

use clamator_driver::{GroupStart, Retention};
use serde_json::json;

use crate::fault::Kind;
use crate::world::{Guest, Host, World, ms};

/// How many entries the stream of `conf` has.
fn entries(world: &World) -> usize {
    world.probe().entries(&world.commands("conf")).len()
}

/// Does some work, and waits until done entries were certainly removed since.
async fn work_and_wait(world: &World, host: &Host, guest: &Guest) {
    for _ in 0..5 {
        guest.adds().await;
    }
    let stream = world.commands("conf");
    let own = |consumer: &str| consumer == "conf:s";
    let is_acked = || !world.probe().pending(&stream, "conf").iter().any(|p| own(&p.consumer));
    world.eventually("it is acked", is_acked).await;
    let trims = host.faults.sent(Kind::TrimDone);
    world.eventually("done entries are removed", || host.faults.sent(Kind::TrimDone) > trims).await;
    world.sleep(ms(50)).await;
}

pub(super) async fn done_entries_go(world: &World) {
    let (_server, guest) = world.served().await;
    for _ in 0..20 {
        guest.adds().await;
    }
    world.eventually("the stream is empty", || entries(world) == 0).await;
    guest.adds().await;
    world.eventually("the stream is empty again", || entries(world) == 0).await;
}

pub(super) async fn done_by_others(world: &World) {
    super::unserved(world, "conf");
    world.request("conf", "quick", json!({ "item": 1 }), "raw");
    let stream = world.commands("conf");
    let taken = world.probe().read_group(&stream, "conf", "conf:foreign", 1);
    world.probe().ack(&stream, "conf", taken[0].id);
    let (_server, guest) = world.served().await;
    guest.adds().await;
    world.eventually("the stream is empty", || entries(world) == 0).await;
}

pub(super) async fn pending_entries_stay(world: &World) {
    super::unserved(world, "conf");
    world.request("conf", "quick", json!({ "item": 1 }), "raw");
    let stream = world.commands("conf");
    let taken = world.probe().read_group(&stream, "conf", "conf:foreign", 1);
    let (server, guest) = world.served().await;
    work_and_wait(world, &server, &guest).await;
    assert_eq!(entries(world), 6, "the pending one, and what is behind it");
    world.probe().ack(&stream, "conf", taken[0].id);
    guest.adds().await;
    world.eventually("the stream is empty", || entries(world) == 0).await;
}

pub(super) async fn other_groups(world: &World) {
    super::unserved(world, "conf");
    let stream = world.commands("conf");
    world.probe().create_group(&stream, "audit", GroupStart::Beginning);
    let (server, guest) = world.served().await;
    work_and_wait(world, &server, &guest).await;
    assert_eq!(entries(world), 5, "nobody else has read them");
    let read = world.probe().read_group(&stream, "audit", "auditor", 3);
    world.probe().ack(&stream, "audit", read[0].id);
    work_and_wait(world, &server, &guest).await;
    assert_eq!(entries(world), 9, "what the other group is done with goes");
}

pub(super) async fn keep_all(world: &World) {
    let _server = world.server("s").retention(Retention::KeepAll).start().await;
    let guest = world.client("c").start().await;
    for _ in 0..10 {
        guest.adds().await;
    }
    world.all_done("conf").await;
    world.never("something is removed", ms(1200), || entries(world) != 10).await;
}

pub(super) async fn dead_consumers(world: &World) {
    super::unserved(world, "conf");
    let stream = world.commands("conf");
    for item in 1..=2 {
        world.request("conf", "quick", json!({ "item": item }), "raw");
    }
    let done = world.probe().read_group(&stream, "conf", "conf:gone", 1);
    world.probe().ack(&stream, "conf", done[0].id);
    let held = world.probe().read_group(&stream, "conf", "conf:holding", 1);
    let _server = world.server("s").claim_idle(ms(150)).start().await;
    world
        .eventually("the one that is gone is removed", || {
            let ids = [held[0].id];
            world.probe().touch(&stream, "conf", "conf:holding", &ids);
            !world.probe().consumers(&stream, "conf").contains(&"conf:gone".to_owned())
        })
        .await;
    let left = world.probe().consumers(&stream, "conf");
    assert!(left.contains(&"conf:holding".to_owned()), "something is pending for it: {left:?}");
}
