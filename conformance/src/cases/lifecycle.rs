//! Every order of start, stop, call and register.

use std::future::IntoFuture;

use clamator_driver::{CallError, GroupStart, MissingService, RegisterError, StartError};
use futures_util::future::{join, join3};
use serde_json::json;

use crate::fault::{Fate, Faults, Kind};
use crate::world::{Json, World, good, ms};

pub(super) async fn start_and_stop_again(world: &World) {
    let (host, guest) = (world.server("s").build(), world.client("c").build());
    let (first, second, third) = join3(host.start(), host.start(), host.start()).await;
    assert_eq!([first, second, third], [Ok(()), Ok(()), Ok(())]);
    let (first, second) = join(guest.start(), guest.start()).await;
    assert_eq!([first, second], [Ok(()), Ok(())]);
    assert_eq!((host.start().await, guest.start().await), (Ok(()), Ok(())));
    guest.adds().await;
    let stops = join3(host.stop(), host.stop(), host.stop());
    world.soon("three stops at once end", stops).await;
    world.soon("two stops at once end", join(guest.stop(), guest.stop())).await;
    world.soon("stops after the stop end", join(host.stop(), guest.stop())).await;
}

pub(super) async fn no_start_after_a_stop(world: &World) {
    let (host, guest) = world.served().await;
    host.stop().await;
    guest.stop().await;
    assert_eq!(host.start().await, Err(StartError::Stopped));
    assert_eq!(guest.start().await, Err(StartError::Stopped));
}

pub(super) async fn registration_has_its_time(world: &World) {
    let host = world.server("s").build();
    let again = || host.register(world.conf("conf", "s"));
    assert!(matches!(again(), Err(RegisterError::Duplicate(_))));
    host.register(world.conf("other", "s")).unwrap();
    host.start().await.unwrap();
    let late = || host.register(world.conf("late", "s"));
    assert!(matches!(late(), Err(RegisterError::AfterStart(_))));
    host.stop().await;
    assert!(matches!(late(), Err(RegisterError::AfterStop(_))));
    assert!(!world.probe().exists(&world.commands("late")));
}

pub(super) async fn calls_have_their_time(world: &World) {
    let _server = world.server("s").start().await;
    let guest = world.client("c").build();
    let early = guest.ask("quick", json!({ "item": 1 })).await;
    assert_eq!(early, Err(CallError::NotStarted));
    let early = guest.notify("conf", "ping", &json!({ "item": 1 })).await;
    assert_eq!(early, Err(CallError::NotStarted));
    guest.start().await.unwrap();
    guest.adds().await;
    guest.stop().await;
    let late = guest.ask("quick", json!({ "item": 1 })).await;
    assert_eq!(late, Err(CallError::Stopped { may_have_executed: false }));
    let late = guest.notify("conf", "ping", &json!({ "item": 1 })).await;
    assert_eq!(late, Err(CallError::Stopped { may_have_executed: false }));
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 0, "nothing was sent");
}

pub(super) async fn stop_while_starting(world: &World) {
    for _ in 0..3 {
        let (host, guest) = (world.server("s").build(), world.client("c").build());
        let both = join(join(host.start(), host.stop()), join(guest.start(), guest.stop()));
        let ((started, _), (client_started, _)) = world.soon("both end", both).await;
        // Over a fast store the start may have been over first.
        for started in [started, client_started] {
            assert!(matches!(started, Ok(()) | Err(StartError::Stopped)), "{started:?}");
        }
        assert_eq!(host.start().await, Err(StartError::Stopped));
        assert_eq!(guest.start().await, Err(StartError::Stopped));
    }
}

pub(super) async fn stop_before_any_start(world: &World) {
    let (host, guest) = (world.server("s").build(), world.client("c").build());
    let stops = join(host.stop(), guest.stop());
    let (host_report, guest_report) = world.soon("what was never started stops", stops).await;
    assert_eq!((host_report.finished, guest_report.finished), (0, 0));
    assert_eq!(host.start().await, Err(StartError::Stopped));
    assert_eq!(guest.start().await, Err(StartError::Stopped));
    assert!(!world.probe().exists(&world.commands("conf")));
}

pub(super) async fn start_without_a_store(world: &World) {
    let (away, host_away) = (Faults::new(), Faults::new());
    away.go_away();
    host_away.go_away();
    let host = world.server("s").faults(&host_away).build();
    let guest = world.client("c").faults(&away).build();
    for _ in 0..2 {
        let (host, guest) = join(host.start(), guest.start()).await;
        assert!(matches!(host, Err(StartError::Unreachable(_))), "{host:?}");
        assert!(matches!(guest, Err(StartError::Unreachable(_))), "{guest:?}");
    }
    away.come_back();
    host_away.come_back();
    assert_eq!((host.start().await, guest.start().await), (Ok(()), Ok(())));
    guest.adds().await;
}

pub(super) async fn start_with_an_unknown_outcome(world: &World) {
    for fate in [Fate::NotSent, Fate::Lost, Fate::Executed] {
        let host = world.server("s").build();
        host.faults.next(Kind::CreateGroup, fate.clone());
        let started = host.start().await;
        assert!(matches!(started, Err(StartError::Unreachable(_))), "{fate:?}: {started:?}");
        assert!(host.faults.happened(), "{fate:?}");
        assert_eq!(host.start().await, Ok(()), "{fate:?}");
        let guest = world.client("c").start().await;
        guest.adds().await;
        guest.stop().await;
        host.stop().await;
        world.probe().flush();
    }
    let host = world.server("s").build();
    host.faults.next(Kind::CreateGroup, Fate::Refused("NOPERM"));
    let started = host.start().await;
    assert!(matches!(started, Err(StartError::Refused { .. })), "{started:?}");
    assert_eq!(host.start().await, Ok(()));
}

pub(super) async fn requests_before_any_server(world: &World) {
    for item in 1..=5 {
        world.request("conf", "quick", json!({ "item": item }), &format!("c{item}"));
    }
    let _server = world.server("s").start().await;
    for item in 1..=5 {
        assert_eq!(world.reply(&format!("c{item}")).await["result"]["by"], json!("s"));
    }
}

pub(super) async fn group_at_the_end(world: &World) {
    world.request("conf", "quick", json!({ "item": 1 }), "c1");
    let _server = world.server("s").group_start(GroupStart::End).start().await;
    world.request("conf", "quick", json!({ "item": 2 }), "c2");
    world.reply("c2").await;
    world.all_done("conf").await;
    assert_eq!((world.runs(1), world.runs(2)), (0, 1));
}

pub(super) async fn group_that_is_there(world: &World) {
    let stream = world.commands("conf");
    world.request("conf", "quick", json!({ "item": 1 }), "c1");
    world.probe().create_group(&stream, "conf", GroupStart::End);
    world.request("conf", "quick", json!({ "item": 2 }), "c2");
    let _server = world.server("s").start().await;
    world.reply("c2").await;
    world.all_done("conf").await;
    assert_eq!(world.runs(1), 0, "the group has not gone back to the beginning");
    let _second = world.server("t").start().await;
    world.request("conf", "quick", json!({ "item": 3 }), "c3");
    world.reply("c3").await;
    assert_eq!((world.runs(2), world.runs(3)), (1, 1));
}

pub(super) async fn client_before_its_server(world: &World) {
    let guest = world.client("c").start().await;
    let call = world.calls(guest.ask("quick", json!({ "item": 1 })));
    let client = guest.client.clone();
    let notification =
        world.spawn(async move { client.notify("conf", "ping", &json!({ "item": 2 })).await });
    let stream = world.commands("conf");
    world.never("the client makes a stream", ms(100), || world.probe().exists(&stream)).await;
    assert!(!call.is_done() && !notification.is_done());
    let _server = world.server("s").start().await;
    assert_eq!(good(call.await)["by"], json!("s"));
    good(notification.await);
    world.ended(2).await;
    assert_eq!((world.runs(1), world.runs(2)), (1, 1));
}

pub(super) async fn no_server_at_all(world: &World) {
    let stream = world.commands("conf");
    let waits = world.client("c").start().await;
    let before = world.now();
    let missing = waits.ask("add", json!({})).timeout(ms(150)).await;
    assert!(world.now() - before >= ms(150));
    let Err(CallError::NoSuchService { stream: named, .. }) = missing else {
        panic!("{missing:?}")
    };
    assert_eq!(named, stream);
    let fails = world.client("d").missing_service(MissingService::Fail).start().await;
    let at_once =
        world.within(ms(1000), fails.ask("add", json!({})).timeout(ms(5000)).into_future());
    let missing = at_once.await;
    assert!(matches!(missing, Some(Err(CallError::NoSuchService { .. }))), "{missing:?}");
    let missing = fails.notify("conf", "ping", &json!({})).await;
    assert!(matches!(missing, Err(CallError::NoSuchService { .. })), "{missing:?}");
    assert!(!world.probe().exists(&stream), "no stream was made");
}

pub(super) async fn many_services(world: &World) {
    let mut setup = world.bare_server("s");
    let names: Vec<String> = (0..8).map(|number| format!("conf-{number}")).collect();
    for name in &names {
        setup = setup.service(world.conf(name, name));
    }
    let _server = setup.start().await;
    let guest = world.client("c").start().await;
    for name in &names {
        assert_eq!(world.probe().groups(&world.commands(name)), [name.as_str()]);
        let done: Json = good(guest.call(name, "quick", &json!({ "item": 1 })).await);
        assert_eq!(done["by"], json!(name));
    }
}

pub(super) async fn last_handle(world: &World) {
    let (host, guest) = (world.server("s").build_alone(), world.client("c").build_alone());
    host.start().await.unwrap();
    guest.start().await.unwrap();
    guest.adds().await;
    let (host_faults, guest_faults) = (host.faults.clone(), guest.faults.clone());
    drop((host.clone(), guest.clone()));
    guest.adds().await;
    drop((host, guest));
    let (stream, replies) = (world.commands("conf"), world.replies_of("c"));
    world
        .eventually("the consumer and the reply stream are gone", || {
            let mut probe = world.probe();
            probe.consumers(&stream, "conf").is_empty() && !probe.exists(&replies)
        })
        .await;
    let sent = |kind| host_faults.sent(kind) + guest_faults.sent(kind);
    let (reads, replies) = (sent(Kind::ReadGroup), sent(Kind::Read));
    world.sleep(ms(100)).await;
    assert_eq!((sent(Kind::ReadGroup), sent(Kind::Read)), (reads, replies), "nothing is read");
}
