//! The connection is lost at each command, and what *unknown* leads to.

use std::time::Duration;

use clamator_core::Lane;
use clamator_driver::CallError;
use futures_util::future::join_all;
use serde_json::json;

pub(super) use super::queueing::{
    fails_when_full, fails_without_a_connection, reads_are_bounded, waits_for_room,
};
use crate::fault::{Fate, Kind, Loss};
use crate::world::{World, good, ms};

/// All the ways in which a command may get lost.
const LOSSES: [Fate; 3] = [Fate::NotSent, Fate::Lost, Fate::Executed];

fn item(item: u64) -> serde_json::Value {
    json!({ "item": item })
}

pub(super) async fn request_not_sent(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    guest.faults.next(Kind::Append, Fate::NotSent);
    good(guest.ask("quick", item(1)).await);
    assert!(guest.faults.happened());
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 1);
}

pub(super) async fn request_lost(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    guest.faults.next(Kind::Append, Fate::Lost);
    let outcome = guest.ask("quick", item(1)).timeout(ms(300)).await;
    let unknown = matches!(outcome, Err(CallError::Transport { may_have_executed: true, .. }));
    assert!(unknown, "{outcome:?}");
    assert!(guest.faults.happened());
    guest.adds().await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 0, "it was not sent again");
}

pub(super) async fn request_executed(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    guest.faults.next(Kind::Append, Fate::Executed);
    assert_eq!(good(guest.ask("quick", item(1)).await)["by"], json!("s"));
    world.eventually("the answer gets lost", || guest.faults.happened()).await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 1);
}

pub(super) async fn notification_lost(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    for (number, fate, runs) in [(1, Fate::Lost, 0), (2, Fate::Executed, 1)] {
        guest.faults.next(Kind::Append, fate);
        let before = world.now();
        let outcome = guest.notify("conf", "ping", &item(number)).await;
        let unknown = matches!(outcome, Err(CallError::Transport { may_have_executed: true, .. }));
        assert!(unknown, "{outcome:?}");
        assert!(world.now() - before < ms(3000), "at once");
        assert!(guest.faults.happened());
        guest.adds().await;
        world.all_done("conf").await;
        assert_eq!(world.runs(number), runs);
    }
}

pub(super) async fn reply_lost(world: &World) {
    let (server, guest) = world.served().await;
    for (number, fate) in (1..).zip(LOSSES) {
        server.faults.next(Kind::Append, fate.clone());
        good(guest.ask("quick", item(number)).await);
        let happened = || server.faults.happened();
        world.eventually(&format!("the reply gets lost ({fate:?})"), happened).await;
        world.all_done("conf").await;
        assert_eq!(world.runs(number), 1, "{fate:?}");
    }
    guest.adds().await;
}

pub(super) async fn ack_lost(world: &World) {
    let (server, guest) = world.served().await;
    for (number, fate) in (1..).zip(LOSSES) {
        server.faults.next(Kind::Ack, fate.clone());
        good(guest.ask("quick", item(number)).await);
        let happened = || server.faults.happened();
        world.eventually(&format!("the ack gets lost ({fate:?})"), happened).await;
        world.all_done("conf").await;
        assert_eq!(world.runs(number), 1, "{fate:?}");
    }
    guest.adds().await;
}

pub(super) async fn read_lost(world: &World) {
    let (server, guest) = world.served().await;
    for (number, fate) in (1..).zip([Fate::Executed, Fate::Executed, Fate::Lost, Fate::NotSent]) {
        server.faults.next(Kind::ReadGroup, fate);
        good(guest.ask("quick", item(number)).await);
        world.eventually("the read was lost", || server.faults.happened()).await;
        world.all_done("conf").await;
        assert_eq!(world.runs(number), 1);
    }
    guest.adds().await;
}

pub(super) async fn half_open_read(world: &World) {
    let (server, guest) = world.served().await;
    for number in 1..=4 {
        guest.adds().await;
        // So that it waits in a read.
        world.sleep(ms(30)).await;
        let reads = server.faults.sent(Kind::ReadGroup);
        server.faults.cut(Lane::Reader(0), Loss::HalfOpen);
        // The old read gets what comes before it is closed; what comes later would be its too, if it weren't.
        if number % 2 == 0 {
            let reads_again = || server.faults.sent(Kind::ReadGroup) > reads;
            world.eventually("it reads again", reads_again).await;
        }
        good(guest.ask("quick", item(number)).await);
        world.all_done("conf").await;
        assert_eq!(world.runs(number), 1);
    }
}

pub(super) async fn claim_lost(world: &World) {
    // Who doesn't know what it has claimed could claim it again only after this.
    let idle = ms(4000);
    let stream = world.commands("conf");
    super::unserved(world, "conf");
    for (number, fate) in (1..).zip([Fate::Lost, Fate::Executed]) {
        world.request("conf", "quick", item(number), &format!("c{number}"));
        let entries = world.probe().read_group(&stream, "conf", "conf:dead", 1);
        world.probe().release(&stream, "conf", "conf:dead", &[entries[0].id]);
        let server = world.server("s").claim_idle(idle).build();
        server.faults.next(Kind::AutoClaim, fate.clone());
        let before = world.now();
        server.start().await.unwrap_or_else(|error| panic!("{error}"));
        world.reply(&format!("c{number}")).await;
        let took = world.now() - before;
        assert!(took < ms(3000), "{fate:?}: after {took:?}");
        assert!(server.faults.happened(), "{fate:?}");
        world.all_done("conf").await;
        assert_eq!(world.runs(number), 1, "{fate:?}");
        server.stop().await;
    }
}

pub(super) async fn renewal_lost(world: &World) {
    let first = world.server("first").claim_idle(ms(600)).start().await;
    let guest = world.client("c").start().await;
    first.faults.next(Kind::Renew, Fate::Lost);
    let call = world.holds(&guest, 1).await;
    let _second = world.server("second").claim_idle(ms(600)).start().await;
    world.never("it runs twice", ms(1800), || world.runs(1) > 1).await;
    assert!(first.faults.happened());
    world.book().let_go(1);
    assert_eq!(good(call.await)["by"], json!("first"));
}

pub(super) async fn hand_back_lost(world: &World) {
    let stream = world.commands("conf");
    for (number, fate) in (1..).zip(LOSSES) {
        world.queue(number, 101..=103);
        let server = world.server("s").start().await;
        world.are_held(number, 4).await;
        server.faults.next(Kind::Release, fate.clone());
        let stop = world.stops(&server, ms(5000));
        world.eventually("they are handed back", || server.faults.sent(Kind::Release) > 0).await;
        world.book().let_go(number);
        let report = stop.await;
        assert_eq!((report.finished, report.handed_back), (1, 3), "{fate:?}");
        assert!(server.faults.happened(), "{fate:?}");
        let hour = Duration::from_secs(3600);
        let claimed = world.probe().claim(&stream, "conf", "conf:other", hour);
        assert_eq!(claimed.len(), 3, "{fate:?}: claimable at once");
        assert_eq!(world.runs(101), 0, "{fate:?}");
        world.probe().flush();
    }
}

pub(super) async fn replies_during_an_outage(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    let call = world.holds(&guest, 1).await;
    world.cut_off(&guest).await;
    world.book().let_go(1);
    world.all_done("conf").await;
    assert!(!call.is_done());
    guest.faults.come_back();
    assert_eq!(good(call.await)["by"], json!("s"));
}

pub(super) async fn reply_stream_read_lost(world: &World) {
    let (_server, guest) = world.served().await;
    for number in 1..=3 {
        guest.faults.next(Kind::Read, Fate::Executed);
        good(guest.ask("quick", item(number)).await);
        assert!(guest.faults.happened());
    }
    guest.adds().await;
}

pub(super) async fn store_came_back_empty(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    let reads = guest.faults.sent(Kind::Read);
    let foreign = json!({ "jsonrpc": "2.0", "id": "x", "result": 1 }).to_string();
    let (stream, fields) = (world.replies_of("c"), [(b"envelope".as_slice(), foreign.as_bytes())]);
    world.probe().append_ahead(&stream, &fields, Duration::from_secs(600));
    world.eventually("it was read", || guest.faults.sent(Kind::Read) > reads).await;
    // Another store takes its place, whose clock isn't as far.
    world.probe().flush();
    guest.faults.cut_all();
    guest.adds().await;
}

pub(super) async fn silent_connection(world: &World) {
    let server = world.server("s").response_timeout(ms(300)).claim_idle(ms(4000)).start().await;
    let guest = world.client("c").response_timeout(ms(300)).start().await;
    guest.adds().await;
    server.faults.stall(Lane::Reader(0));
    guest.faults.stall(Lane::Reader(0));
    guest.adds().await;
    server.faults.stall(Lane::Commands);
    good(guest.ask("quick", item(1)).await);
    world.all_done("conf").await;
    guest.faults.stall(Lane::Commands);
    let outcome = guest.ask("quick", item(2)).timeout(ms(600)).await;
    assert!(!matches!(outcome, Err(CallError::Transport { may_have_executed: false, .. })));
    guest.adds().await;
    world.all_done("conf").await;
    assert!(world.runs(1) == 1 && world.runs(2) <= 1, "{:?}", world.book().notes());
}

pub(super) async fn killed_connections(world: &World) {
    let servers = [world.server("a").start().await, world.server("b").start().await];
    let guest = world.client("c").start().await;
    let calls: Vec<_> =
        (1..=150).map(|number| world.calls(guest.ask("quick", item(number)))).collect();
    for _ in 0..3 {
        world.sleep(ms(5)).await;
        let connections = servers.iter().map(|server| &server.faults).chain([&guest.faults]);
        let connections: Vec<_> = connections.flat_map(|faults| faults.connections()).collect();
        world.probe().kill(&connections);
    }
    for (number, outcome) in (1..).zip(join_all(calls).await) {
        match outcome {
            Ok(_) => assert!(world.runs(number) >= 1, "item {number} has a result"),
            Err(CallError::Transport { may_have_executed, .. }) => assert!(may_have_executed),
            Err(error) => panic!("item {number}: {error}"),
        }
    }
    guest.adds().await;
    world.all_done("conf").await;
}

pub(super) async fn outage(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    world.cut_off(&guest).await;
    let short = guest.ask("quick", item(1)).timeout(ms(150)).await;
    let unsent = matches!(short, Err(CallError::Transport { may_have_executed: false, .. }));
    assert!(unsent, "{short:?}");
    let long: Vec<_> =
        (2..=10).map(|number| world.calls(guest.ask("quick", item(number)))).collect();
    world.sleep(ms(50)).await;
    guest.faults.come_back();
    for outcome in join_all(long).await {
        good(outcome);
    }
    world.all_done("conf").await;
    let runs: Vec<usize> = (1..=10).map(|number| world.runs(number)).collect();
    assert_eq!(runs, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

pub(super) async fn time_to_live_lost(world: &World) {
    let server = world.server("s").start().await;
    for (number, fate) in (1..).zip(LOSSES) {
        server.faults.next(Kind::Expire, fate.clone());
        let client = format!("c{number}");
        world.request("conf", "quick", item(number), &client);
        world.reply(&client).await;
        let stream = world.replies_of(&client);
        let is_set = || server.faults.happened() && world.probe().ttl(&stream).is_some();
        world.eventually(&format!("it has a time to live ({fate:?})"), is_set).await;
    }
}

pub(super) async fn passing_refusals(world: &World) {
    let (server, guest) = world.served().await;
    guest.adds().await;
    for code in ["OOM", "LOADING", "READONLY", "MASTERDOWN"] {
        guest.faults.next(Kind::Append, Fate::Refused(code));
    }
    server.faults.next(Kind::Append, Fate::Refused("OOM"));
    server.faults.next(Kind::Append, Fate::Refused("LOADING"));
    server.faults.next(Kind::Ack, Fate::Refused("READONLY"));
    server.faults.next(Kind::ReadGroup, Fate::Refused("LOADING"));
    good(guest.ask("quick", item(1)).await);
    world.all_done("conf").await;
    world
        .eventually("all were refused", || guest.faults.happened() && server.faults.happened())
        .await;
    guest.adds().await;
    assert_eq!(world.runs(1), 1);
}

pub(super) async fn final_refusals(world: &World) {
    let (_server, guest) = world.served().await;
    for code in ["NOPERM", "WRONGTYPE", "ERR"] {
        guest.faults.next(Kind::Append, Fate::Refused(code));
        let outcome = guest.ask("quick", item(1)).await;
        let Err(CallError::Refused(refusal)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(refusal.code, code);
        guest.faults.next(Kind::Append, Fate::Refused(code));
        let outcome = guest.notify("conf", "ping", &item(1)).await;
        assert!(matches!(outcome, Err(CallError::Refused(_))), "{outcome:?}");
    }
    guest.adds().await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 0);
}
