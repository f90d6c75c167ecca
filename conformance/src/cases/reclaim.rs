//! What one server leaves behind, and another takes over.

use std::time::Duration;

use clamator_core::{GroupStart, Lane, StreamId};
use serde_json::json;

use crate::fault::{Kind, Loss};
use crate::world::{CLAIM_IDLE, What, World, good, ms};

/// Long enough for every server to have looked for old entries once or more.
const LOOKED: Duration = Duration::from_millis(1600);

/// Gives entries to a consumer that does nothing with them.
fn deliver_to(world: &World, consumer: &str, count: u32) -> Vec<StreamId> {
    let stream = world.commands("conf");
    let mut probe = world.probe();
    if probe.groups(&stream).is_empty() {
        probe.create_group(&stream, "conf", GroupStart::Beginning);
    }
    let entries = probe.read_group(&stream, "conf", &format!("conf:{consumer}"), count);
    entries.iter().map(|entry| entry.id).collect()
}

pub(super) async fn dead_neighbour(world: &World) {
    world.request("conf", "quick", json!({ "item": 1 }), "c1");
    assert_eq!(deliver_to(world, "dead", 1).len(), 1);
    let _server = world.server("s").claim_idle(CLAIM_IDLE).start().await;
    let done = world.reply("c1").await["result"].clone();
    assert_eq!((&done["by"], &done["deliveries"]), (&json!("s"), &json!(2)), "{done}");
    assert_eq!(done["redelivery"], json!(true));
    world.request("conf", "quick", json!({ "item": 2 }), "c2");
    let done = world.reply("c2").await["result"].clone();
    assert_eq!((&done["deliveries"], &done["redelivery"]), (&json!(1), &json!(false)));
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 1);
}

pub(super) async fn crash_in_a_handler(world: &World) {
    let first = world.server("first").claim_idle(CLAIM_IDLE).start().await;
    let guest = world.client("c").start().await;
    let call = world.holds(&guest, 1).await;
    first.faults.crash();
    let _second = world.server("second").claim_idle(CLAIM_IDLE).start().await;
    world.eventually("the other one runs it", || world.runs(1) == 2).await;
    assert_eq!(world.book().workers_of(1), ["first", "second"]);
    world.book().let_go(1);
    let done = good(call.await);
    assert_eq!((&done["by"], &done["redelivery"]), (&json!("second"), &json!(true)));
    world.all_done("conf").await;
}

pub(super) async fn young_entries(world: &World) {
    world.request("conf", "quick", json!({ "item": 1 }), "c1");
    let ids = deliver_to(world, "alive", 1);
    let _server = world.server("s").claim_idle(CLAIM_IDLE).start().await;
    let stream = world.commands("conf");
    world
        .never("a young entry is taken", LOOKED, || {
            world.probe().touch(&stream, "conf", "conf:alive", &ids);
            world.runs(1) > 0
        })
        .await;
    // And once its consumer has died, it is.
    world.began(1).await;
}

pub(super) async fn old_behind_young(world: &World) {
    for item in 1..=401 {
        world.request("conf", "quick", json!({ "item": item }), "c");
    }
    let mut young = deliver_to(world, "alive", 401);
    assert_eq!(young.len(), 401);
    young.pop();
    let _server = world.server("s").claim_idle(CLAIM_IDLE).start().await;
    let stream = world.commands("conf");
    world
        .eventually("the old one is found", || {
            world.probe().touch(&stream, "conf", "conf:alive", &young);
            world.runs(401) == 1
        })
        .await;
    assert_eq!(world.book().items(What::Began), [401], "the young ones are left alone");
}

pub(super) async fn long_handler(world: &World) {
    let _first = world.server("first").claim_idle(CLAIM_IDLE).start().await;
    let guest = world.client("c").start().await;
    let call = world.holds(&guest, 1).await;
    let _second = world.server("second").claim_idle(CLAIM_IDLE).start().await;
    world.never("it runs twice", LOOKED, || world.runs(1) > 1).await;
    let pending = world.pending("conf");
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].consumer.as_str(), pending[0].deliveries), ("conf:first", 1));
    world.book().let_go(1);
    assert_eq!(good(call.await)["by"], json!("first"));
    assert_eq!(world.book().count(What::Lost, 1), 0);
}

pub(super) async fn own_running_entry(world: &World) {
    // Behind it, the server waits for more in a read.
    world.queue(1, 2..=2);
    let server = world.server("s").start().await;
    world.are_held(1, 2).await;
    server.faults.cut(Lane::Reader(0), Loss::Closed);
    world
        .eventually("after the reconnect it is handed what it has pending", || {
            assert_eq!(world.runs(1), 1, "it runs twice");
            server.faults.sent(Kind::ReadOwnPending) > 0
        })
        .await;
    world.never("it runs twice", ms(100), || world.book().notes().len() > 1).await;
    world.book().let_go(1);
    world.all_done("conf").await;
    world.client("c").start().await.adds().await;
    assert_eq!(world.book().items(What::Began), [1, 2]);
}

pub(super) async fn waiting_entries(world: &World) {
    world.queue(1, 2..=5);
    let _first = world.server("first").claim_idle(CLAIM_IDLE).start().await;
    world.are_held(1, 5).await;
    let _second = world.server("second").claim_idle(CLAIM_IDLE).start().await;
    world.never("another one takes them", LOOKED, || world.book().notes().len() > 1).await;
    world.book().let_go(1);
    for item in 2..=5 {
        let done = world.reply(&format!("c{item}")).await["result"].clone();
        assert_eq!((&done["by"], &done["deliveries"]), (&json!("first"), &json!(1)));
    }
}

pub(super) async fn stolen_while_running(world: &World) {
    let _server = world.server("s").claim_idle(CLAIM_IDLE).start().await;
    let guest = world.client("c").start().await;
    let call = world.holds(&guest, 1).await;
    let stream = world.commands("conf");
    let stolen = world.probe().claim(&stream, "conf", "conf:thief", Duration::ZERO);
    assert_eq!(stolen.len(), 1);
    let is_told = || world.book().count(What::Lost, 1) == 1;
    world.eventually("the handler is told", is_told).await;
    assert_eq!(world.pending("conf")[0].consumer, "conf:thief", "it isn't taken back");
    world.book().let_go(1);
    assert_eq!(good(call.await)["by"], json!("s"));
    assert_eq!(world.runs(1), 1);
}

pub(super) async fn stolen_while_waiting(world: &World) {
    world.queue(1, 2..=3);
    let _server = world.server("s").claim_idle(CLAIM_IDLE).start().await;
    world.are_held(1, 3).await;
    let stream = world.commands("conf");
    let stolen = world.probe().claim(&stream, "conf", "conf:thief", Duration::ZERO);
    assert_eq!(stolen.len(), 3);
    // The thief lives on; the server learns of it when it renews what it holds.
    world
        .eventually("the handler is told", || {
            world.probe().touch(&stream, "conf", "conf:thief", &stolen);
            world.book().count(What::Lost, 1) == 1
        })
        .await;
    world.book().let_go(1);
    world.reply("held").await;
    world
        .never("what waited runs here", CLAIM_IDLE, || {
            world.probe().touch(&stream, "conf", "conf:thief", &stolen);
            world.runs(2) + world.runs(3) > 0
        })
        .await;
    let left: Vec<_> = world.pending("conf").into_iter().map(|entry| entry.id).collect();
    assert_eq!(left, stolen[1..], "what ran is done, and the rest is the thief's");
}

pub(super) async fn trimmed_while_pending(world: &World) {
    for item in 1..=3 {
        world.request("conf", "quick", json!({ "item": item }), "c");
    }
    assert_eq!(deliver_to(world, "dead", 3).len(), 3);
    world.probe().trim_to(&world.commands("conf"), 1);
    let _server = world.server("s").claim_idle(CLAIM_IDLE).start().await;
    world.all_done("conf").await;
    assert_eq!(world.book().items(What::Began), [3]);
}

pub(super) async fn same_instance_id(world: &World) {
    world.request("conf", "quick", json!({ "item": 1 }), "c1");
    assert_eq!(deliver_to(world, "s", 1).len(), 1);
    let _server = world.server("s").claim_idle(CLAIM_IDLE).start().await;
    world.request("conf", "quick", json!({ "item": 2 }), "c2");
    world.reply("c2").await;
    assert_eq!(world.runs(1), 0, "the old process may be at it still");
    world.never("it is taken early", CLAIM_IDLE / 2, || world.runs(1) > 0).await;
    assert_eq!(world.reply("c1").await["result"]["deliveries"], json!(2));
}
