//! Services that run several requests at once, and those that keep the requests of one key in order.

use std::future::IntoFuture;
use std::time::Duration;

use clamator_driver::{CallError, RegisterError, RpcError, Service};
use futures_util::future::join_all;
use serde_json::json;

use super::unserved;
use crate::fault::{Fate, Kind};
use crate::world::{CLAIM_IDLE, Guest, Host, Json, Task, What, World, good, ms, rpc_error};

/// Long enough that within it nothing is taken over for its age.
const LONG_IDLE: Duration = Duration::from_secs(4);

/// `conf` with so many at once, as the server of this name serves it.
fn wide(world: &World, server: &str, at_once: usize) -> Service {
    world.conf("conf", server).concurrent(at_once)
}

/// The same in order of the last digit of the item; items from 1000 on have no key, and 666 is one too many.
fn by_digit(world: &World, server: &str, at_once: usize) -> Service {
    world.conf("conf", server).ordered_by(at_once, |call| {
        let item: u64 = call.param("item")?;
        assert_ne!(item, 666, "no key for {item}");
        (item < 1000).then_some(item % 10)
    })
}

async fn serves(world: &World, service: Service) -> (Host, Guest) {
    let host = world.bare_server("s").service(service).start().await;
    (host, world.client("c").start().await)
}

fn hold(world: &World, guest: &Guest, item: u64) -> Task<Result<Json, CallError>> {
    world.calls(guest.ask("hold", json!({ "item": item })))
}

/// Adds requests that are held, in this order.
fn holds_all(world: &World, items: &[u64]) {
    for item in items {
        world.request("conf", "hold", json!({ "item": item }), &format!("c{item}"));
    }
}

async fn all_begin(world: &World, items: &[u64]) {
    for item in items {
        world.began(*item).await;
    }
}

/// Whatever else happens, no more than these have begun.
async fn only(world: &World, items: &[u64]) {
    let more = || world.book().items(What::Began).iter().any(|item| !items.contains(item));
    world.never("another one begins", ms(50), more).await;
}

pub(super) async fn at_once(world: &World) {
    let (_server, guest) = serves(world, wide(world, "s", 3)).await;
    let calls: Vec<_> = (1..=4).map(|item| hold(world, &guest, item)).collect();
    world.eventually("three run", || world.book().items(What::Began).len() == 3).await;
    let first = world.book().items(What::Began);
    only(world, &first).await;
    world.book().let_go(first[1]);
    world.eventually("the fourth one runs", || world.book().items(What::Began).len() == 4).await;
    assert_eq!(world.book().items(What::Ended), [first[1]]);
    world.book().let_all_go();
    for outcome in join_all(calls).await {
        good(outcome);
    }
    world.all_done("conf").await;
}

pub(super) async fn one_at_once(world: &World) {
    holds_all(world, &[1, 2, 3, 4, 5, 6]);
    let (_server, _guest) = serves(world, wide(world, "s", 1)).await;
    for item in (1..=6).rev() {
        world.book().let_go(item);
    }
    world.all_done("conf").await;
    let notes = world.book().notes().into_iter().map(|note| (note.what, note.item));
    let expected = (1..=6).flat_map(|item| [(What::Began, item), (What::Ended, item)]);
    assert_eq!(notes.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

pub(super) async fn slow_among_quick(world: &World) {
    let (_server, guest) = serves(world, wide(world, "s", 2)).await;
    let held = world.holds(&guest, 1).await;
    for item in 2..40 {
        good(guest.ask("quick", json!({ "item": item })).await);
    }
    assert!(!held.is_done());
    world.book().let_go(1);
    good(held.await);
}

pub(super) async fn how_many(world: &World) {
    let host = world.bare_server("s").build();
    for at_once in [0, 513] {
        for service in [wide(world, "s", at_once), by_digit(world, "s", at_once)] {
            match host.register(service) {
                Err(RegisterError::Concurrency { asked, most: 512, .. }) if asked == at_once => {}
                other => panic!("{at_once} at once: {other:?}"),
            }
        }
    }
    host.register(wide(world, "s", 512)).unwrap_or_else(|error| panic!("{error}"));
}

pub(super) async fn same_key_in_order(world: &World) {
    let items: Vec<u64> = (0..30).map(|number| 10 * (number / 3 + 1) + number % 3).collect();
    holds_all(world, &items);
    let (_server, _guest) = serves(world, by_digit(world, "s", 8)).await;
    all_begin(world, &[10, 11, 12]).await;
    only(world, &[10, 11, 12]).await;
    // The last ones could end first.
    for item in items.iter().rev() {
        world.book().let_go(*item);
    }
    world.all_done("conf").await;
    for key in 0..3 {
        let notes = world.book().notes().into_iter().filter(|note| note.item % 10 == key);
        let expected: Vec<(What, u64)> = (1..=10)
            .map(|number| 10 * number + key)
            .flat_map(|item| [(What::Began, item), (What::Ended, item)])
            .collect();
        assert_eq!(notes.map(|note| (note.what, note.item)).collect::<Vec<_>>(), expected);
    }
}

pub(super) async fn keys_side_by_side(world: &World) {
    holds_all(world, &[1, 11, 2, 21, 3]);
    let (_server, _guest) = serves(world, by_digit(world, "s", 2)).await;
    all_begin(world, &[1, 2]).await;
    only(world, &[1, 2]).await;
    world.book().let_go(1);
    world.began(11).await;
    only(world, &[1, 2, 11]).await;
    world.book().let_go(2);
    world.began(3).await;
    only(world, &[1, 2, 11, 3]).await;
    world.book().let_all_go();
    world.all_done("conf").await;
    assert_eq!(world.book().items(What::Began)[2..], [11, 3, 21]);
}

pub(super) async fn without_a_key(world: &World) {
    holds_all(world, &[1, 1001, 1011, 11]);
    let (_server, guest) = serves(world, by_digit(world, "s", 8)).await;
    all_begin(world, &[1, 1001, 1011]).await;
    only(world, &[1, 1001, 1011]).await;
    // What has other params has none either.
    guest.adds().await;
    world.book().let_all_go();
    world.all_done("conf").await;
}

pub(super) async fn key_that_panics(world: &World) {
    let (_server, guest) = serves(world, by_digit(world, "s", 2)).await;
    let held = world.holds(&guest, 1).await;
    let behind = hold(world, &guest, 11);
    let error = rpc_error(guest.ask("quick", json!({ "item": 666 })).await);
    assert_eq!((error.code, error.message.as_str()), (-32603, "Internal error"));
    good(guest.notify("conf", "ping", &json!({ "item": 666 })).await);
    good(guest.ask("quick", json!({ "item": 2 })).await);
    world.book().let_all_go();
    good(held.await);
    good(behind.await);
    world.all_done("conf").await;
    assert_eq!(world.runs(666), 0);
}

pub(super) async fn free_slots(world: &World) {
    unserved(world, "conf");
    let _one = world.bare_server("one").service(wide(world, "one", 2)).start().await;
    let _two = world.bare_server("two").service(wide(world, "two", 2)).start().await;
    holds_all(world, &[1, 2, 3, 4, 5, 6]);
    world.eventually("four run", || world.book().items(What::Began).len() == 4).await;
    let began = world.book().items(What::Began);
    only(world, &began).await;
    let by =
        |name: &str| began.iter().filter(|item| world.book().workers_of(**item) == [name]).count();
    assert_eq!((by("one"), by("two")), (2, 2), "what one can't run is left to the other");
    // Handlers take long here, so that a server without a free slot takes nothing at all.
    let waits = || world.pending("conf").len() > 4;
    world.never("a busy server hoards", ms(50), waits).await;
    world.book().let_all_go();
    world.all_done("conf").await;
}

pub(super) async fn replies_before_acks(world: &World) {
    let (host, guest) = serves(world, wide(world, "s", 4)).await;
    let calls: Vec<_> = (1..=4).map(|item| hold(world, &guest, item)).collect();
    all_begin(world, &[1, 2, 3, 4]).await;
    for _ in 0..1000 {
        host.faults.next(Kind::Append, Fate::Refused("OOM"));
    }
    for item in [4, 2] {
        world.book().let_go(item);
        world.ended(item).await;
    }
    let acked = || world.pending("conf").len() < 4;
    world.never("something is acked without a reply", ms(100), acked).await;
    host.faults.heal();
    world.book().let_all_go();
    for outcome in join_all(calls).await {
        good(outcome);
    }
    world.all_done("conf").await;
    assert_eq!(world.book().items(What::Began).len(), 4, "each ran once");
}

pub(super) async fn each_is_renewed(world: &World) {
    let first = world.bare_server("first").service(by_digit(world, "first", 3));
    let _first = first.claim_idle(CLAIM_IDLE).start().await;
    holds_all(world, &[1, 2, 11]);
    all_begin(world, &[1, 2]).await;
    let is_held = || world.pending("conf").len() == 3;
    world.eventually("11 waits behind 1", is_held).await;
    let second = world.bare_server("second").service(by_digit(world, "second", 3));
    let _second = second.claim_idle(CLAIM_IDLE).start().await;
    let again = || world.book().items(What::Began).len() > 2;
    world.never("one of them is taken over", 4 * CLAIM_IDLE, again).await;
    world.book().let_all_go();
    for item in [1, 2, 11] {
        let done = world.reply(&format!("c{item}")).await["result"].clone();
        assert_eq!((&done["by"], &done["deliveries"]), (&json!("first"), &json!(1)));
    }
    assert_eq!(world.book().items(What::Lost), [0; 0]);
}

pub(super) async fn one_is_stolen(world: &World) {
    let service = wide(world, "s", 2);
    let _server = world.bare_server("s").service(service).claim_idle(CLAIM_IDLE).start().await;
    let guest = world.client("c").start().await;
    let stolen = world.holds(&guest, 1).await;
    let stream = world.commands("conf");
    assert_eq!(world.probe().claim(&stream, "conf", "conf:thief", Duration::ZERO).len(), 1);
    let kept = world.holds(&guest, 2).await;
    world.eventually("its handler is told", || world.book().count(What::Lost, 1) == 1).await;
    world.sleep(CLAIM_IDLE).await;
    assert_eq!(world.book().items(What::Lost), [1], "and no other");
    let owners: Vec<_> = world.pending("conf").into_iter().map(|entry| entry.consumer).collect();
    assert_eq!(owners, ["conf:thief", "conf:s"]);
    world.book().let_all_go();
    good(kept.await);
    good(stolen.await);
}

pub(super) async fn stop_with_many(world: &World) {
    let first = world.bare_server("first").service(by_digit(world, "first", 3));
    let first = first.claim_idle(LONG_IDLE).start().await;
    holds_all(world, &[1, 2, 11, 21]);
    all_begin(world, &[1, 2]).await;
    world.eventually("11 and 21 wait behind 1", || world.pending("conf").len() == 4).await;
    let stop = world.stops(&first, ms(5000));
    world.eventually("they are handed back", || first.faults.sent(Kind::Release) > 0).await;
    assert!(!stop.is_done());
    world.book().let_all_go();
    let report = stop.await;
    assert_eq!((report.finished, report.handed_back, report.aborted), (2, 2, 0));
    let second = world.bare_server("second").service(by_digit(world, "second", 3));
    let _second = second.claim_idle(LONG_IDLE).start().await;
    for (item, by) in [(1, "first"), (2, "first"), (11, "second"), (21, "second")] {
        assert_eq!(world.reply(&format!("c{item}")).await["result"]["by"], json!(by));
    }
    let mut began = world.book().items(What::Began);
    assert_eq!(began[2..], [11, 21], "in order");
    began.sort_unstable();
    assert_eq!(began, [1, 2, 11, 21], "once each");
}

pub(super) async fn grace_with_many(world: &World) {
    let first = world.bare_server("first").service(wide(world, "first", 3));
    let first = first.claim_idle(LONG_IDLE).start().await;
    let guest = world.client("c").start().await;
    let calls: Vec<_> = (1..=3).map(|item| hold(world, &guest, item)).collect();
    all_begin(world, &[1, 2, 3]).await;
    world.book().let_go(2);
    world.ended(2).await;
    world.eventually("2 is done", || world.pending("conf").len() == 2).await;
    let report = world.soon("the stop ends", first.stop_within(ms(100))).await;
    assert_eq!((report.finished, report.handed_back, report.aborted), (0, 2, 2));
    let dropped = || world.book().items(What::Dropped).len() == 2;
    world.eventually("both handlers are dropped", dropped).await;
    world.book().let_all_go();
    let second = world.bare_server("second").service(wide(world, "second", 3));
    let _second = second.claim_idle(LONG_IDLE).start().await;
    for outcome in join_all(calls).await {
        good(outcome);
    }
    assert_eq!(world.book().items(What::Began).len(), 5, "1 and 3 began again");
}

pub(super) async fn taken_over_in_order(world: &World) {
    unserved(world, "conf");
    let stream = world.commands("conf");
    holds_all(world, &[1, 11, 2, 21, 12]);
    assert_eq!(world.probe().read_group(&stream, "conf", "conf:dead", 8).len(), 5);
    let server = world.bare_server("s").service(by_digit(world, "s", 4));
    let _server = server.claim_idle(CLAIM_IDLE).start().await;
    all_begin(world, &[1, 2]).await;
    only(world, &[1, 2]).await;
    for item in [21, 12, 11, 2, 1] {
        world.book().let_go(item);
    }
    world.all_done("conf").await;
    let of = |key: u64| -> Vec<u64> {
        let began = world.book().items(What::Began).into_iter();
        began.filter(|item| item % 10 == key).collect()
    };
    assert_eq!((of(1), of(2)), (vec![1, 11, 21], vec![2, 12]));
}

pub(super) async fn after_what_waits(world: &World) {
    unserved(world, "conf");
    let stream = world.commands("conf");
    holds_all(world, &[1]);
    let old = world.probe().read_group(&stream, "conf", "conf:dead", 1);
    assert_eq!(old.len(), 1);
    let ids: Vec<_> = old.iter().map(|entry| entry.id).collect();
    holds_all(world, &[11, 21]);
    let server = world.bare_server("s").service(by_digit(world, "s", 4));
    let _server = server.claim_idle(CLAIM_IDLE).start().await;
    let waits = || {
        world.probe().touch(&stream, "conf", "conf:dead", &ids);
        world.pending("conf").len() == 3
    };
    world.eventually("11 and 21 are here", waits).await;
    world.began(11).await;
    let is_taken_over =
        || world.pending("conf").iter().filter(|entry| entry.consumer == "conf:s").count() == 3;
    world.eventually("1 is taken over", is_taken_over).await;
    for item in [1, 21, 11] {
        world.book().let_go(item);
    }
    world.all_done("conf").await;
    assert_eq!(world.book().items(What::Began), [11, 21, 1]);
}

pub(super) async fn own_service(world: &World) {
    let guest = world.client("c").start().await;
    let inner = guest.client.clone();
    let outer = move |depth: Json, _| {
        let client = inner.clone();
        async move {
            let depth = depth["depth"].as_u64().unwrap_or_default();
            if depth == 0 {
                return Ok::<_, RpcError>(json!("the end"));
            }
            let call = client.call::<Json>("nested", "outer", &json!({ "depth": depth - 1 }));
            Ok(call.timeout(ms(2000)).await.unwrap_or_else(|error| json!(error.to_string())))
        }
    };
    let service = Service::new("nested").and_then(|service| service.method("outer", outer));
    let service = service.unwrap_or_else(|error| panic!("{error}")).concurrent(3);
    let _server = world.bare_server("s").service(service).start().await;
    let call = |depth| guest.call::<Json>("nested", "outer", &json!({ "depth": depth }));
    assert_eq!(good(call(2).await), json!("the end"), "three slots are enough");
    // The fourth one finds no slot: who waits for it times out, and everything goes on.
    let outcome = world.soon("it times out", call(3).into_future()).await;
    assert!(good(outcome).as_str().is_some_and(|said| said.contains("no reply")));
    assert_eq!(good(call(2).await), json!("the end"));
}
