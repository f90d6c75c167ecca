//! A stop fails or awaits what is pending, deletes the reply stream, and is bounded.

use super::*;
use crate::testing::{fault, ms, refused, secs, unknown};

const DELETE: &str = "delete p:replies:me";

fn report(finished: u64, aborted: u64) -> StopReport {
    StopReport { finished, aborted, ..StopReport::default() }
}

#[test]
fn a_stop_fails_what_is_pending_and_deletes_the_reply_stream() {
    let mut client = running();
    let (accepted, _) = client.accepted_call();
    let missing = client.call();
    client.ok(ADD, Reply::Nil);
    client.stop(Duration::ZERO);
    let stopped = |may_have_executed| Err(CallError::Stopped { may_have_executed });
    assert_eq!(client.settled(), [(accepted, stopped(true)), (missing, stopped(false))]);
    assert_eq!((client.open_lanes(), client.stopped.len()), (vec![Lane::Commands], 0));
    client.ok(DELETE, Reply::Count(1));
    assert_eq!(client.stopped, [report(0, 2)]);
    assert_eq!((client.open_lanes(), client.timeout()), (vec![], None));
}

#[test]
fn a_stop_may_wait_for_what_is_pending() {
    let mut client = running();
    let (answered, one) = client.accepted_call();
    let (failed, two) = client.accepted_call();
    let (late, _) = client.accepted_call();
    let noted = client.notify();
    client.stop(secs(2));
    assert_eq!(client.settled(), []);
    let error = format!(r#"{{"jsonrpc":"2.0","id":"{two}","error":{{"code":1,"message":"no"}}}}"#);
    client.replies(&[&success(&one, "1"), &error]);
    client.accept();
    let keys: Vec<CallKey> = client.settled().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [answered, failed, noted]);
    client.ok("expire p:replies:me", Reply::Count(1));
    client.advance(secs(1));
    assert_eq!(client.timeout(), Some((secs(1), TimerReason::Drain)));
    client.advance(secs(1));
    assert_eq!(client.outcome(late), Err(CallError::Stopped { may_have_executed: true }));
    client.ok(DELETE, Reply::Count(1));
    assert_eq!(client.stopped, [report(3, 1)]);
}

#[test]
fn a_stop_that_waits_is_over_with_the_last_call() {
    let mut client = running();
    let (key, request) = client.accepted_call();
    client.stop(secs(60));
    client.replies(&[&success(&request, "1")]);
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
    client.ok("expire p:replies:me", Reply::Count(1));
    client.ok(DELETE, Reply::Count(1));
    assert_eq!(client.stopped, [report(1, 0)]);
}

#[test]
fn calls_whose_deadline_comes_during_the_wait_count_as_failed() {
    let mut client = running();
    client.call_within(secs(1));
    client.accept();
    client.stop(secs(5));
    client.advance(secs(1));
    assert!(matches!(client.settled()[..], [(_, Err(CallError::Timeout { .. }))]));
    client.ok(DELETE, Reply::Count(1));
    assert_eq!(client.stopped, [report(0, 1)]);
}

#[test]
fn a_second_stop_may_only_shorten_the_wait() {
    let mut client = running();
    client.accepted_call();
    client.stop(secs(5));
    client.stop(secs(60));
    assert_eq!(client.timeout(), Some((secs(5), TimerReason::Drain)));
    client.stop(secs(1));
    assert_eq!(client.timeout(), Some((secs(1), TimerReason::Drain)));
    client.stop(Duration::ZERO);
    client.ok(DELETE, Reply::Count(1));
    assert_eq!(client.stopped, [report(0, 1)], "one outcome for all who wait");
}

#[test]
fn the_last_command_has_one_second_however_long_the_wait_might_have_been() {
    let mut client = running();
    let (_, request) = client.accepted_call();
    client.stop(secs(60));
    client.replies(&[&success(&request, "1")]);
    client.advance(secs(1) - ms(1));
    assert_eq!(client.stopped, []);
    client.advance(ms(1));
    assert_eq!(client.stopped, [report(1, 0)]);
    assert_eq!(client.open_lanes(), []);
}

#[test]
fn a_stop_without_a_connection_is_over_at_once() {
    let mut client = running();
    client.call();
    client.lose(Lane::Commands);
    client.stop(Duration::ZERO);
    assert_eq!(client.stopped, [report(0, 1)]);
    assert_eq!(client.open_lanes(), []);
    assert_eq!(client.timeout(), None);
}

#[test]
fn a_stop_that_waits_goes_on_connecting() {
    let mut client = running();
    client.notify();
    client.lose(Lane::Commands);
    client.settled();
    let key = client.notify();
    client.stop(secs(5));
    client.advance(secs(1));
    client.connect(Lane::Commands);
    client.accept();
    assert_eq!(client.outcome(key), Ok(String::new()));
    client.ok(DELETE, Reply::Count(0));
    assert_eq!(client.stopped, [report(1, 0)]);
}

#[test]
fn whatever_becomes_of_the_last_command_ends_the_stop() {
    for outcome in [unknown(), refused("NOPERM"), Outcome::Reply(Reply::Nil)] {
        let mut client = running();
        client.stop(secs(5));
        client.answer_to(DELETE, outcome);
        assert_eq!(client.stopped, [report(0, 0)]);
    }
}

#[test]
fn answers_to_calls_that_a_stop_failed_change_nothing() {
    let mut client = running();
    client.call();
    client.stop(Duration::ZERO);
    client.settled();
    client.ok(ADD, Reply::Nil);
    assert_eq!(client.settled(), []);
    client.ok(DELETE, Reply::Count(1));
    assert_eq!(client.stopped, [report(0, 1)]);
}

#[test]
fn once_it_says_goodbye_nothing_is_read_or_renewed_any_more() {
    let mut client = running();
    client.replies(&["{}"]);
    client.stop(Duration::ZERO);
    assert_eq!(client.open_lanes(), [Lane::Commands]);
    client.answer_to("expire p:replies:me", Outcome::NotSent(fault("reset")));
    assert_eq!((client.stopped.len(), client.timeout()), (1, None));
    client.tick();
    assert_eq!(client.opening(), []);
}
