//! Registering, and starting.

use super::*;
use crate::command::GroupStart;
use crate::command::Refusal;
use crate::testing::{fault, ms, refused, secs, unknown};

#[test]
fn a_service_is_registered_once_and_before_the_start() {
    let mut server = idle(options(), &["arith", "other"]);
    let name = || contract("arith").service().clone();
    assert_eq!(server.core.register(contract("arith")), Err(RegisterError::Duplicate(name())));
    server.input(ServerInput::Start);
    assert_eq!(server.core.register(contract("arith")), Err(RegisterError::AfterStart(name())));
    server.connect(Lane::Commands);
    server.stop(secs(1));
    assert_eq!(server.core.register(contract("arith")), Err(RegisterError::AfterStop(name())));
}

#[test]
fn a_running_server_takes_no_more_services() {
    let mut server = running();
    let name = contract("late").service().clone();
    assert_eq!(server.core.register(contract("late")), Err(RegisterError::AfterStart(name)));
}

#[test]
fn a_failed_start_leaves_room_for_another_service() {
    let mut server = idle(options(), &["arith"]);
    server.input(ServerInput::Start);
    server.opened(Lane::Commands, Err(fault("refused")));
    assert_eq!(server.core.register(contract("more")), Ok(1));
}

#[test]
fn a_start_makes_every_group_before_it_reads_and_is_over_when_all_read() {
    let mut server = idle(options(), &["arith", "other"]);
    server.input(ServerInput::Start);
    assert_eq!(server.opening(), [Lane::Commands]);
    server.connect(Lane::Commands);
    assert_eq!(server.sent(Lane::Commands), ["create arith at 0", "create other at 0"]);
    assert_eq!(server.opening(), []);
    server.ok("create arith at 0", Reply::Done);
    assert_eq!(server.opening(), [Lane::Reader(0)]);
    server.connect(Lane::Reader(0));
    server.answer_to("create other at 0", refused("BUSYGROUP"));
    assert_eq!(server.opening(), [Lane::Reader(1)]);
    assert_eq!((server.started.len(), server.core.phase()), (0, Phase::Starting));
    assert_eq!(server.sent(Lane::Reader(0)), [""; 0], "not before the start is over");
    server.connect(Lane::Reader(1));
    assert_eq!((&server.started[..], server.core.phase()), (&[Ok(())][..], Phase::Running));
    let reads = [server.sent(Lane::Reader(0)), server.sent(Lane::Reader(1))];
    assert_eq!(reads, [["read 1"], ["read 1"]], "new entries only: an older process may live");
    assert_eq!(server.events, []);
}

#[test]
fn a_server_without_services_starts_and_stops() {
    let mut server = idle(options(), &[]);
    server.input(ServerInput::Start);
    server.connect(Lane::Commands);
    assert_eq!(server.timeout(), None);
    assert_eq!(server.started, [Ok(())]);
    server.stop(secs(1));
    assert_eq!(server.stopped, [StopReport::default()]);
}

#[test]
fn a_new_group_begins_where_the_option_says() {
    for (start, expected) in [
        (GroupStart::Beginning, "create arith at 0"),
        (GroupStart::End, "create arith at $"),
        (GroupStart::After(id(7)), "create arith after 7-0"),
    ] {
        let mut server = idle(ServerOptions { group_start: start, ..options() }, &["arith"]);
        server.input(ServerInput::Start);
        server.connect(Lane::Commands);
        assert_eq!(server.sent(Lane::Commands), [expected]);
    }
}

#[test]
fn keys_group_and_consumer_are_those_of_the_other_implementations() {
    let server = running();
    let Command::ReadGroup { stream, group, consumer, .. } = server.oldest(ARITH) else { panic!() };
    let names = (stream.as_str(), group.as_str(), consumer.as_str());
    assert_eq!(names, ("p:cmds:arith", "arith", "arith:me"));
}

/// Starts until there is a failure, as `until` says.
fn failed_start(server: &mut Server, until: impl Fn(&mut Server)) -> StartError {
    server.input(ServerInput::Start);
    until(server);
    assert_eq!((server.core.phase(), server.timeout()), (Phase::Idle, None));
    assert_eq!((server.opening(), server.open_lanes()), (vec![], vec![]));
    server.started.pop().unwrap().unwrap_err()
}

#[test]
fn a_start_that_can_not_reach_the_store_fails_and_may_be_tried_again() {
    type Failure = (&'static str, fn(&mut Server), &'static str);
    let failures: [Failure; 5] = [
        (
            "no commands connection",
            |server| server.opened(Lane::Commands, Err(fault("refused"))),
            "refused",
        ),
        (
            "lost on the way",
            |server| {
                server.connect(Lane::Commands);
                server.answer(Lane::Commands, unknown());
            },
            "reset",
        ),
        (
            "no reader",
            |server| {
                server.connect(Lane::Commands);
                server.ok("create arith at 0", Reply::Done);
                server.opened(ARITH, Err(fault("refused")));
            },
            "refused",
        ),
        (
            "the commands connection hangs",
            |server| server.advance(secs(10)),
            "connecting takes too long",
        ),
        (
            "the reader hangs",
            |server| {
                server.connect(Lane::Commands);
                server.answer(Lane::Commands, refused("BUSYGROUP"));
                server.answer(Lane::Commands, refused("BUSYGROUP"));
                server.connect(ARITH);
                server.advance(secs(10));
            },
            "connecting takes too long",
        ),
    ];
    for (what, failure, cause) in failures {
        let mut server = idle(options(), &["arith", "other"]);
        let error = failed_start(&mut server, failure);
        assert_eq!(error, StartError::Unreachable(fault(cause)), "{what}");
        server.take_events();
        server.start();
        assert_eq!(server.started, [Ok(())], "{what}");
        assert_eq!(server.sent(ARITH), ["read 1"], "as at a first start");
        assert_eq!(server.sent(Lane::Commands), ["claim 1 from 0-0"; 2], "{what}");
    }
}

#[test]
fn a_silent_store_fails_a_start_after_the_response_timeout() {
    let mut server = idle(options(), &["arith"]);
    server.input(ServerInput::Start);
    server.connect(Lane::Commands);
    server.advance(secs(10) - ms(1));
    assert_eq!(server.started, []);
    server.advance(ms(1));
    let error = StartError::Unreachable(fault("the connection gives no answer"));
    assert_eq!((&server.started[..], server.core.phase()), (&[Err(error)][..], Phase::Idle));
}

#[test]
fn a_start_whose_group_is_refused_says_which_and_may_be_tried_again() {
    let mut server = idle(options(), &["arith", "other"]);
    let error = failed_start(&mut server, |server| {
        server.connect(Lane::Commands);
        server.ok("create arith at 0", Reply::Done);
        server.answer_to("create other at 0", refused("WRONGTYPE"));
    });
    let what = "the group of service other on p:cmds:other".to_owned();
    let refusal = Refusal::new("WRONGTYPE", "says the store");
    assert_eq!(error, StartError::Refused { what, refusal });
    server.input(ServerInput::Start);
    server.connect(Lane::Commands);
    server.answer_to("create arith at 0", refused("BUSYGROUP"));
    server.ok("create other at 0", Reply::Done);
    server.connect_all();
    assert_eq!((&server.started[..], &server.events[..]), (&[Ok(())][..], &[][..]));
}

#[test]
fn a_second_start_joins_the_first_one_or_is_done() {
    let mut server = idle(options(), &["arith"]);
    server.input(ServerInput::Start);
    server.start();
    assert_eq!(server.started, [Ok(())], "one outcome for both");
    server.input(ServerInput::Start);
    assert_eq!(server.started, [Ok(()), Ok(())]);
}

#[test]
fn a_stop_before_the_start_or_during_it_is_for_good() {
    let mut server = idle(options(), &["arith"]);
    server.stop(secs(1));
    assert_eq!(server.stopped, [StopReport::default()]);
    server.input(ServerInput::Start);
    assert_eq!(server.started, [Err(StartError::Stopped)]);

    let mut server = idle(options(), &["arith"]);
    server.input(ServerInput::Start);
    server.connect(Lane::Commands);
    server.stop(secs(1));
    assert_eq!(server.started, [Err(StartError::Stopped)]);
    assert_eq!(server.stopped, [StopReport::default()]);
    assert_eq!((server.core.phase(), server.timeout()), (Phase::Stopped, None));
}

#[test]
fn a_server_without_services_starts_and_says_that_it_has_nothing_to_do() {
    let mut server = idle(options(), &[]);
    server.start();
    assert_eq!(
        (&server.started[..], &server.events[..]),
        (&[Ok(())][..], &[Event::NoServices][..])
    );
    server.stop(Duration::ZERO);
    assert_eq!(server.stopped.len(), 1);
}
