//! Calls while there is no connection: they wait, or fail at once, and say where and why.

use super::*;
use crate::error::NoReply;
use crate::options::{Disconnected, QueueFull};
use crate::testing::{fault, ms, not_sent, secs, unknown};

fn impatient() -> Client {
    running_with(ClientOptions { disconnected: Disconnected::Fail, ..options() })
}

fn not_executed(cause: &str) -> Result<String, CallError> {
    Err(CallError::Transport { fault: fault(cause), may_have_executed: false })
}

/// The commands connection is lost, with nothing under way on it that a caller waits for.
fn cut(client: &mut Client) {
    let key = client.notify();
    client.input(ClientInput::Cancel(key));
    client.lose(Lane::Commands);
}

#[test]
fn calls_wait_for_a_connection_unless_they_are_told_not_to() {
    let mut client = running();
    cut(&mut client);
    client.call();
    assert_eq!(client.settled(), []);

    let mut client = impatient();
    cut(&mut client);
    let key = client.call();
    assert_eq!(client.outcome(key), not_executed("reset"));
    let key = client.notify();
    assert_eq!(client.outcome(key), not_executed("reset"));
}

#[test]
fn a_call_is_told_of_the_latest_attempt_to_connect() {
    let mut client = impatient();
    cut(&mut client);
    client.advance(ms(100));
    client.opened(Lane::Commands, Err(fault("connection refused")));
    let key = client.call();
    assert_eq!(client.outcome(key), not_executed("connection refused"));
}

#[test]
fn calls_work_again_once_it_is_back() {
    let mut client = impatient();
    cut(&mut client);
    client.advance(ms(100));
    client.connect(Lane::Commands);
    let (key, id) = client.accepted_call();
    client.replies(&[&success(&id, "1")]);
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
}

/// With the loss of the connection, whatever a call waits for.
#[test]
fn what_has_not_left_fails_with_the_connection_and_what_may_have_left_waits_for_its_reply() {
    let mut client = impatient();
    let (accepted, _) = client.accepted_call();
    let (unknown_, unsent) = (client.call(), client.call());
    let no_stream = client.send(request("other"), None, None);
    for outcome in [unknown(), not_sent(), Outcome::Reply(Reply::Nil)] {
        client.answer(Lane::Commands, outcome);
    }
    let settled = client.settled();
    assert_eq!(settled, [(unsent, not_executed("reset")), (no_stream, not_executed("reset"))]);
    client.advance(secs(30));
    let late: Vec<CallKey> = client.settled().into_iter().map(|(key, _)| key).collect();
    assert_eq!(late, [accepted, unknown_]);
}

#[test]
fn what_waits_for_a_place_or_for_room_fails_too() {
    let mut options = ClientOptions {
        disconnected: Disconnected::Fail,
        max_queued_calls: 2,
        queue_full: QueueFull::Wait,
        ..options()
    };
    options.common.reply_stream_max_len = 1;
    let mut client = running_with(options);
    let sent = client.call();
    let (waits, in_line) = (client.call(), client.call());
    client.answer(Lane::Commands, unknown());
    let settled = client.settled();
    assert_eq!(settled, [(waits, not_executed("reset")), (in_line, not_executed("reset"))]);
    assert!(client.core.pending.get_mut(sent).is_some());
}

#[test]
fn without_the_connection_for_replies_calls_leave_all_the_same_because_their_replies_are_kept() {
    let mut client = impatient();
    client.lose(REPLIES);
    client.ok("ping", Reply::Done);
    let (key, id) = client.accepted_call();
    client.advance(ms(100));
    client.connect(REPLIES);
    client.replies(&[&success(&id, "1")]);
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
}

#[test]
fn a_call_that_times_out_without_the_connection_for_replies_says_so() {
    let mut client = running();
    client.lose(REPLIES);
    client.ok("ping", Reply::Done);
    let key = client.call_within(ms(50));
    client.accept();
    client.advance(ms(50));
    let error = client.outcome(key).unwrap_err();
    let CallError::Timeout { why, .. } = &error else { panic!("{error}") };
    assert_eq!(*why, NoReply::NotConnected(fault("reset")));
    assert!(error.to_string().contains("reset (redis:1)"), "{error}");
}
