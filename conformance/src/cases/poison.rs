//! Requests that kill their servers.

use clamator_core::GroupStart;
use serde_json::json;

use crate::world::{CLAIM_IDLE, World, fields};

/// A request that never ends, and five harmless ones behind it, all read by a server that died of the first one.
fn read_by_one_that_died(world: &World) {
    world.request("conf", "hold", json!({ "item": 1 }), "poison");
    for item in 2..=6 {
        world.request("conf", "quick", json!({ "item": item }), &format!("c{item}"));
    }
    let stream = world.commands("conf");
    let mut probe = world.probe();
    probe.create_group(&stream, "conf", GroupStart::Beginning);
    assert_eq!(probe.read_group(&stream, "conf", "conf:dead", 6).len(), 6);
}

/// How often each item was begun.
fn begun(world: &World) -> Vec<usize> {
    (1..=6).map(|item| world.runs(item)).collect()
}

pub(super) async fn put_aside(world: &World) {
    read_by_one_that_died(world);
    for life in 2..=3 {
        let server = world.server(&format!("s{life}")).claim_idle(CLAIM_IDLE).max_deliveries(3);
        let server = server.start().await;
        world.eventually("it is begun once more", || world.runs(1) == life - 1).await;
        server.faults.crash();
    }
    let _last = world.server("last").claim_idle(CLAIM_IDLE).max_deliveries(3).start().await;
    let reply = world.reply("poison").await;
    assert_eq!(reply["error"]["code"], json!(-32603), "{reply}");
    assert_eq!(reply["error"]["data"]["name"], json!("DeliveryLimit"), "{reply}");
    world.all_done("conf").await;
    assert_eq!(
        begun(world),
        [2, 1, 1, 1, 1, 1],
        "the first one three times, with the dead server's"
    );
    let dead = world.probe().entries(&format!("{}:dead:conf", world.prefix()));
    assert_eq!(dead.len(), 1, "{dead:?}");
    let dead = fields(&dead[0]);
    let names: Vec<&str> = dead.iter().map(|(name, _)| name.as_str()).collect();
    let as_it_came = ["type", "envelope", "reply-to"];
    let and_why = ["dead-entry", "dead-reason", "dead-deliveries"];
    assert_eq!(names, [as_it_came, and_why].concat());
    assert_eq!(dead[2].1, world.replies_of("poison"));
    assert_eq!(dead[5].1, "3");
}

pub(super) async fn neighbours(world: &World) {
    read_by_one_that_died(world);
    for life in 1..=4 {
        let server = world.server(&format!("s{life}")).claim_idle(CLAIM_IDLE).max_deliveries(2);
        let server = server.start().await;
        world.eventually("its turn comes", || world.runs(1) == 1).await;
        if life == 1 {
            server.faults.crash();
        } else {
            world.all_done("conf").await;
            assert!(server.stop().await.aborted == 0);
        }
    }
    assert_eq!(begun(world), [1; 6], "beyond the limit nobody dies any more");
    for item in 2..=6 {
        let reply = world.reply(&format!("c{item}")).await;
        assert!(reply["result"].is_object(), "a neighbour of the one that kills: {reply}");
    }
    assert_eq!(world.probe().entries(&format!("{}:dead:conf", world.prefix())).len(), 1);
}
