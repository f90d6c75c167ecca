//! Starting, and what comes before and after.

use super::*;
use crate::testing::{fault, ms, secs};

fn not_started() -> CallError {
    CallError::NotStarted
}

fn stopped() -> CallError {
    CallError::Stopped { may_have_executed: false }
}

#[test]
fn a_start_opens_both_connections_and_is_over_when_both_are_there() {
    for first in [Lane::Commands, REPLIES] {
        let mut client = idle(options());
        client.input(ClientInput::Start);
        assert_eq!(client.opening(), [Lane::Commands, REPLIES]);
        client.connect(first);
        assert_eq!((client.started.len(), client.core.phase()), (0, Phase::Starting));
        client.connect_all();
        assert_eq!((&client.started[..], client.core.phase()), (&[Ok(())][..], Phase::Running));
        assert_eq!(client.sent(REPLIES), ["read after 0-0"], "it reads its replies at once");
        assert_eq!(client.sent(Lane::Commands), [""; 0]);
        assert_eq!(client.events, []);
    }
}

#[test]
fn a_second_start_joins_the_first_one() {
    let mut client = idle(options());
    client.input(ClientInput::Start);
    client.input(ClientInput::Start);
    client.connect_all();
    assert_eq!(client.started, [Ok(())], "one outcome for all who wait");
}

#[test]
fn a_start_of_one_that_runs_is_done_at_once() {
    let mut client = running();
    client.input(ClientInput::Start);
    assert_eq!(client.started, [Ok(())]);
    assert_eq!(client.opening(), []);
}

#[test]
fn a_start_fails_when_a_connection_cannot_be_opened_and_may_be_tried_again() {
    for refused in [Lane::Commands, REPLIES] {
        let mut client = idle(options());
        for _ in 0..2 {
            client.input(ClientInput::Start);
            client.opened(refused, Err(fault("connection refused")));
            let error = StartError::Unreachable(fault("connection refused"));
            assert_eq!(client.started.pop(), Some(Err(error)));
            assert_eq!(client.opening(), [], "the other attempt is given up");
            assert_eq!((client.core.phase(), client.timeout()), (Phase::Idle, None));
        }
        client.input(ClientInput::Start);
        client.connect_all();
        assert_eq!(client.started, [Ok(())]);
        assert_eq!(client.events, [], "the error has said it all");
    }
}

#[test]
fn a_start_fails_when_a_connection_takes_longer_than_10_s() {
    let mut client = idle(options());
    client.input(ClientInput::Start);
    client.connect(Lane::Commands);
    client.advance(ms(9_999));
    assert_eq!(client.started, []);
    client.advance(ms(1));
    let error = StartError::Unreachable(fault("connecting takes too long"));
    assert_eq!(client.started, [Err(error)]);
    assert_eq!((client.opening(), client.open_lanes()), (vec![], vec![]));
    assert_eq!((client.core.phase(), client.timeout()), (Phase::Idle, None));
}

#[test]
fn a_stop_before_the_start_is_done_at_once_and_is_for_good() {
    let mut client = idle(options());
    client.stop(secs(1));
    assert_eq!(client.stopped, [StopReport::default()]);
    client.input(ClientInput::Start);
    assert_eq!(client.started, [Err(StartError::Stopped)]);
    assert_eq!(client.opening(), []);
}

#[test]
fn a_stop_while_starting_gives_up_the_start() {
    let mut client = idle(options());
    client.input(ClientInput::Start);
    client.connect(REPLIES);
    client.stop(secs(1));
    assert_eq!(client.started, [Err(StartError::Stopped)]);
    assert_eq!(client.stopped, [StopReport::default()]);
    assert_eq!((client.core.phase(), client.timeout()), (Phase::Stopped, None));
}

#[test]
fn a_start_after_the_stop_or_during_it_is_an_error() {
    let mut client = running();
    let key = client.call();
    client.stop(secs(5));
    client.input(ClientInput::Start);
    assert_eq!(client.started, [Err(StartError::Stopped)]);
    client.input(ClientInput::Cancel(key));
    client.answer(Lane::Commands, Outcome::Reply(Reply::Added(id(1))));
    client.ok("delete p:replies:me", Reply::Count(1));
    assert_eq!(client.core.phase(), Phase::Stopped);
    client.input(ClientInput::Start);
    assert_eq!(client.started, [Err(StartError::Stopped), Err(StartError::Stopped)]);
}

#[test]
fn a_second_stop_of_one_that_is_stopped_tells_the_same() {
    let mut client = running();
    client.call();
    client.stop(Duration::ZERO);
    client.lose(Lane::Commands);
    let report = StopReport { aborted: 1, ..StopReport::default() };
    assert_eq!(client.stopped, [report]);
    client.stop(Duration::ZERO);
    assert_eq!(client.stopped, [report, report]);
}

#[test]
fn calls_fail_at_once_where_there_is_no_running_client() {
    let mut client = idle(options());
    let key = client.call();
    assert_eq!(client.outcome(key), Err(not_started()));
    client.input(ClientInput::Start);
    let key = client.call();
    assert_eq!(client.outcome(key), Err(not_started()));
    client.connect_all();
    let waiting = client.call();
    client.stop(secs(5));
    let key = client.notify();
    assert_eq!(client.outcome(key), Err(stopped()), "a stop waits for no new calls");
    client.input(ClientInput::Cancel(waiting));
    client.lose(Lane::Commands);
    let key = client.call();
    assert_eq!(client.outcome(key), Err(stopped()));
    assert_eq!(client.stopped, [StopReport::default()], "those don't count");
}

#[test]
fn time_never_goes_back() {
    let mut client = running();
    client.now = Time::ZERO + secs(5);
    client.call_within(secs(1));
    client.now = Time::ZERO;
    client.input(ClientInput::Timeout);
    assert_eq!(client.settled(), []);
    assert_eq!(client.core.poll_timeout().unwrap().0, Time::ZERO + secs(6));
}
