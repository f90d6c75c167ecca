//! The store loses its group, or everything, or holds something else.

use std::time::Duration;

use clamator_driver::{CallError, GroupStart, Retention, StartError};
use serde_json::json;

use crate::fault::Kind;
use crate::world::{World, good, ms};

pub(super) async fn flush_all(world: &World) {
    let (_server, guest) = world.served().await;
    for item in 1..=4 {
        guest.adds().await;
        // Into a read that waits, and into work.
        if item > 2 {
            world.sleep(ms(20)).await;
        }
        world.probe().flush();
        good(guest.ask("quick", json!({ "item": item })).await);
        assert!(world.runs(item) >= 1);
    }
    world.all_done("conf").await;
}

pub(super) async fn reply_stream_made_anew(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    let held = world.holds(&guest, 1).await;
    let reads = guest.faults.sent(Kind::Read);
    let foreign = json!({ "jsonrpc": "2.0", "id": "x", "result": 1 }).to_string();
    let (stream, fields) = (world.replies_of("c"), [(b"envelope".as_slice(), foreign.as_bytes())]);
    world.probe().append_ahead(&stream, &fields, Duration::from_secs(600));
    world.eventually("it was read", || guest.faults.sent(Kind::Read) > reads).await;
    // The clock goes back: what is added from now on has lower ids.
    world.probe().delete(&stream);
    let before = world.now();
    world.book().let_go(1);
    good(held.await);
    guest.adds().await;
    assert!(world.now() - before < ms(5000), "{:?}", world.now() - before);
}

pub(super) async fn group_destroyed(world: &World) {
    let (_server, guest) = world.served().await;
    let stream = world.commands("conf");
    for item in 1..=4 {
        guest.adds().await;
        if item > 2 {
            world.sleep(ms(20)).await;
        }
        world.probe().destroy_group(&stream, "conf");
        good(guest.ask("quick", json!({ "item": item })).await);
        assert!(world.runs(item) >= 1);
    }
    world.all_done("conf").await;
}

pub(super) async fn still_in_the_stream(world: &World) {
    let _server = world.server("s").group_start(GroupStart::End).start().await;
    let guest = world.client("c").start().await;
    let held = world.holds(&guest, 1).await;
    for item in 2..=6 {
        world.request("conf", "quick", json!({ "item": item }), &format!("c{item}"));
    }
    world.probe().destroy_group(&world.commands("conf"), "conf");
    world.book().let_go(1);
    good(held.await);
    for item in 2..=6 {
        let client = format!("c{item}");
        world.eventually("it is answered", || !world.raw_replies(&client).is_empty()).await;
        assert!(world.runs(item) >= 1);
    }
}

pub(super) async fn without_retention(world: &World) {
    let _server = world.server("s").retention(Retention::KeepAll).start().await;
    let guest = world.client("c").start().await;
    for item in 1..=5 {
        good(guest.ask("quick", json!({ "item": item })).await);
    }
    world.all_done("conf").await;
    world.probe().destroy_group(&world.commands("conf"), "conf");
    good(guest.ask("quick", json!({ "item": 6 })).await);
    world.all_done("conf").await;
    // The ack of the fifth was executed; whether the server knew that isn't certain.
    let runs: Vec<usize> = (1..=4).map(|item| world.runs(item)).collect();
    assert_eq!(runs, [1; 4], "what is certainly done is not done again");
    assert_eq!(world.runs(6), 1);
}

pub(super) async fn handler_during_a_flush(world: &World) {
    let (_server, guest) = world.served().await;
    let held = world.holds(&guest, 1).await;
    world.probe().flush();
    world.sleep(ms(20)).await;
    world.book().let_go(1);
    assert_eq!(good(held.await)["by"], json!("s"));
    guest.adds().await;
}

pub(super) async fn wrong_type_at_a_start(world: &World) {
    let stream = world.commands("conf");
    world.probe().set_string(&stream, "mine");
    let host = world.server("s").build();
    let started = host.start().await;
    let Err(StartError::Refused { refusal, .. }) = started else { panic!("{started:?}") };
    assert_eq!(refusal.code, "WRONGTYPE");
    assert_eq!(world.probe().string(&stream).as_deref(), Some("mine"));
    world.probe().delete(&stream);
    assert_eq!(host.start().await, Ok(()));
    world.client("c").start().await.adds().await;
}

pub(super) async fn wrong_type_later(world: &World) {
    let (_server, guest) = world.served().await;
    guest.adds().await;
    let stream = world.commands("conf");
    world.probe().set_string(&stream, "mine");
    let outcome = guest.ask("add", json!({ "a": 1, "b": 2 })).await;
    let Err(CallError::Refused(refusal)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refusal.code, "WRONGTYPE");
    world.sleep(ms(100)).await;
    assert_eq!(world.probe().string(&stream).as_deref(), Some("mine"), "it is left alone");
    world.probe().delete(&stream);
    guest.adds().await;
}
