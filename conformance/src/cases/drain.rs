//! What a stop finishes, what it hands back, and how long it takes.

use std::time::Duration;

use clamator_core::Lane;
use clamator_driver::CallError;
use futures_util::future::join;
use serde_json::json;

use super::{unanswered, unserved};
use crate::fault::Kind;
use crate::world::{What, World, good, ms};

/// Long enough that within it nothing is taken over for its age, and short enough that servers look every second.
const LONG_IDLE: Duration = Duration::from_secs(4);
/// Much less than that.
const WITHOUT_IDLE: Duration = Duration::from_secs(3);

pub(super) async fn running_handlers_finish(world: &World) {
    let (host, guest) = world.served().await;
    let call = world.holds(&guest, 1).await;
    let next = world.request("conf", "quick", json!({ "item": 2 }), "c2");
    let stop = world.stops(&host, ms(5000));
    world.sleep(ms(50)).await;
    assert!(!stop.is_done());
    world.book().let_go(1);
    let report = stop.await;
    assert_eq!((report.finished, report.handed_back, report.aborted), (1, 0, 0));
    assert_eq!(good(call.await)["by"], json!("s"));
    assert!(world.pending("conf").is_empty());
    assert_eq!(world.runs(2), 0, "nothing else is begun");
    let stream = world.commands("conf");
    let delivered = world.probe().last_delivered(&stream, "conf");
    assert!(delivered.is_some_and(|id| id < next), "nor taken");
}

pub(super) async fn waiting_entries_go_back(world: &World) {
    world.queue(1, 2..=4);
    let first = world.server("first").claim_idle(LONG_IDLE).start().await;
    world.are_held(1, 4).await;
    let stop = world.stops(&first, ms(5000));
    world.eventually("they are handed back", || first.faults.sent(Kind::Release) > 0).await;
    world.book().let_go(1);
    let report = stop.await;
    assert_eq!((report.finished, report.handed_back, report.aborted), (1, 3, 0));
    assert_eq!(world.reply("held").await["result"]["by"], json!("first"));
    let pending = world.pending("conf");
    assert_eq!(pending.len(), 3);
    assert!(pending.iter().all(|entry| entry.deliveries == 1), "{pending:?}");
    let before = world.now();
    let _second = world.server("second").claim_idle(LONG_IDLE).start().await;
    for item in 2..=4 {
        assert_eq!(world.reply(&format!("c{item}")).await["result"]["by"], json!("second"));
    }
    let took = world.now() - before;
    assert!(took < WITHOUT_IDLE, "they could be claimed only after {took:?}");
}

pub(super) async fn grace_runs_out(world: &World) {
    let first = world.server("first").claim_idle(LONG_IDLE).grace(ms(100)).start().await;
    let guest = world.client("c").start().await;
    let call = world.holds(&guest, 1).await;
    let report = world.soon("the stop ends", first.stop()).await;
    assert_eq!((report.finished, report.handed_back, report.aborted), (0, 1, 1));
    world.eventually("the handler is dropped", || world.book().count(What::Dropped, 1) == 1).await;
    assert_eq!(world.pending("conf").len(), 1);
    world.book().let_go(1);
    let before = world.now();
    let _second = world.server("second").claim_idle(LONG_IDLE).start().await;
    assert_eq!(good(call.await)["by"], json!("second"));
    let took = world.now() - before;
    assert!(took < WITHOUT_IDLE, "it could be claimed only after {took:?}");
}

pub(super) async fn consumers_are_removed(world: &World) {
    let (host, guest) = world.served().await;
    guest.adds().await;
    let stream = world.commands("conf");
    assert_eq!(world.probe().consumers(&stream, "conf"), ["conf:s"]);
    host.stop().await;
    assert!(world.probe().consumers(&stream, "conf").is_empty());
    let busy = world.server("busy").start().await;
    let call = world.holds(&guest, 1).await;
    busy.stop_within(Duration::ZERO).await;
    assert_eq!(world.probe().consumers(&stream, "conf"), ["conf:busy"], "with what it left");
    assert_eq!(world.pending("conf").len(), 1);
    drop(call);
}

pub(super) async fn idle_stop(world: &World) {
    let host = world.server("s").claim_idle(LONG_IDLE).start().await;
    world.sleep(ms(20)).await;
    let before = world.now();
    host.stop().await;
    let took = world.now() - before;
    assert!(took < ms(700), "a stop of an idle server took {took:?}");
    for item in 1..=8 {
        let host = world.server("s").claim_idle(LONG_IDLE).start().await;
        // So that it is in a read, or not yet, or not any more.
        world.sleep(ms(item * 2)).await;
        let stop = world.stops(&host, ms(5000));
        world.request("conf", "quick", json!({ "item": item }), &format!("c{item}"));
        stop.await;
    }
    let _last = world.server("last").claim_idle(LONG_IDLE).start().await;
    let guest = world.client("c").start().await;
    world.warm(&guest).await;
    for item in 1..=8 {
        world.reply(&format!("c{item}")).await;
        assert_eq!(world.runs(item), 1);
    }
}

pub(super) async fn stop_without_a_store(world: &World) {
    let (grace, guest) = (ms(200), world.client("c").start().await);
    let gone = world.server("gone").start().await;
    let _call = world.holds(&guest, 1).await;
    let silent = world.bare_server("silent").service(world.conf("other", "silent")).start().await;
    let _other = world.calls(guest.call("other", "hold", &json!({ "item": 2 })));
    world.began(2).await;
    gone.faults.crash();
    silent.faults.stall(Lane::Commands);
    silent.faults.stall(Lane::Reader(0));
    let before = world.now();
    let both = join(gone.stop_within(grace), silent.stop_within(grace));
    world.soon("both stops end", both).await;
    let took = world.now() - before;
    assert!(took < grace + ms(1000) + ms(1000), "after {took:?}");
}

pub(super) async fn shorter_grace(world: &World) {
    let (host, guest) = world.served().await;
    let _call = world.holds(&guest, 1).await;
    let long = world.stops(&host, Duration::from_secs(3600));
    world.sleep(ms(20)).await;
    let report = world.soon("the second stop ends", host.stop_within(ms(50))).await;
    assert_eq!(report.aborted, 1);
    assert_eq!(world.soon("so does the first", long).await.aborted, 1);
}

pub(super) async fn client_stop(world: &World) {
    unserved(world, "conf");
    let guest = world.client("c").start().await;
    let (_, sent) = unanswered(world, &guest).await;
    world.reply_to("c", "{}");
    guest.stop().await;
    assert_eq!(sent.await, Err(CallError::Stopped { may_have_executed: true }));
    assert!(!world.probe().exists(&world.replies_of("c")), "the reply stream is gone");

    let away = world.client("d").start().await;
    world.cut_off(&away).await;
    let unsent = world.calls(away.ask("add", json!({})));
    world.sleep(ms(50)).await;
    world.soon("the stop ends", away.stop()).await;
    assert_eq!(unsent.await, Err(CallError::Stopped { may_have_executed: false }));
}

pub(super) async fn client_stop_that_waits(world: &World) {
    let (_server, guest) = world.served().await;
    let call = world.holds(&guest, 1).await;
    let client = guest.client.clone();
    let stop = world.spawn(async move { client.stop_within(ms(8000)).await });
    world.sleep(ms(20)).await;
    let late = guest.ask("add", json!({})).await;
    assert_eq!(late, Err(CallError::Stopped { may_have_executed: false }));
    assert!(!stop.is_done());
    world.book().let_go(1);
    assert_eq!(good(call.await)["by"], json!("s"));
    assert_eq!(stop.await.finished, 1);

    let guest = world.client("d").start().await;
    let call = world.holds(&guest, 2).await;
    let report = world.soon("the wait runs out", guest.stop_within(ms(50))).await;
    assert_eq!((report.finished, report.aborted), (0, 1));
    assert_eq!(call.await, Err(CallError::Stopped { may_have_executed: true }));
}
