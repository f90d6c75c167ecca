//! What may wait in a client is bounded: calls that find no room fail at once, or wait for it outside.

use super::*;
use crate::options::QueueFull;
use crate::testing::{fault, ms, not_sent, secs, unknown};

/// One that holds this many calls which the store hasn't taken.
fn small(calls: usize, full: QueueFull) -> Client {
    running_with(ClientOptions { max_queued_calls: calls, queue_full: full, ..options() })
}

fn full(calls: usize, bytes: usize, not_connected: Option<&str>) -> CallError {
    CallError::QueueFull { calls, bytes, not_connected: not_connected.map(fault) }
}

/// The size of the message of [`Client::call`].
fn size() -> usize {
    request("arith").len()
}

impl Client {
    /// The calls that were handed back to their callers, and those that may come again.
    fn in_line(&mut self) -> (Vec<(CallKey, Outgoing)>, Vec<CallKey>) {
        let (mut back, mut admitted) = (Vec::new(), Vec::new());
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                ClientOutput::HandBack(key, outgoing) => back.push((key, outgoing)),
                ClientOutput::Admit(key) => admitted.push(key),
                settled => self.effects.push_back(settled),
            }
        }
        (back, admitted)
    }

    fn handed_back(&mut self) -> Vec<CallKey> {
        self.in_line().0.into_iter().map(|(key, _)| key).collect()
    }

    fn admitted(&mut self) -> Vec<CallKey> {
        self.in_line().1
    }

    fn comes_again(&mut self, key: CallKey) {
        let outgoing = request("arith");
        self.input(ClientInput::Call { key, outgoing, timeout: None, caller: None });
    }
}

#[test]
fn beyond_the_limit_a_call_fails_at_once_and_the_others_don_t() {
    let mut client = small(2, QueueFull::Fail);
    client.call();
    client.notify();
    let third = client.call();
    let bytes = client.core.pending.room.taken().1;
    assert_eq!(client.outcome(third), Err(full(2, bytes, None)));
    assert_eq!(client.sent(Lane::Commands), [ADD; 2]);
}

#[test]
fn it_says_so_when_they_wait_for_a_connection() {
    let mut client = small(1, QueueFull::Fail);
    client.notify();
    client.lose(Lane::Commands);
    client.settled();
    client.call();
    let second = client.call();
    assert_eq!(client.outcome(second), Err(full(1, size(), Some("reset"))));
}

#[test]
fn messages_count_by_their_size_too() {
    let mut client = running_with(ClientOptions { max_queued_bytes: 2 * size() + 1, ..options() });
    client.call();
    client.call();
    let third = client.call();
    assert_eq!(client.outcome(third), Err(full(2, 2 * size(), None)));
}

#[test]
fn a_message_larger_than_all_that_may_wait_is_sent_alone() {
    let mut client = running_with(ClientOptions { max_queued_bytes: 1, ..options() });
    client.accepted_call();
    client.accepted_call();
    assert_eq!(client.settled(), []);
}

/// However a message is dealt with, there is room for another one after it, and not before.
#[test]
fn room_is_given_back_when_a_message_is_in_the_store_or_given_up() {
    type Case = (&'static str, fn(&mut Client, CallKey));
    let cases: [Case; 7] = [
        ("accepted", |client, _| {
            client.accept();
        }),
        ("lost", |client, _| client.answer(Lane::Commands, unknown())),
        ("refused", |client, _| client.answer(Lane::Commands, crate::testing::refused("ERR"))),
        ("no stream, and cancelled", |client, key| {
            client.ok(ADD, Reply::Nil);
            client.input(ClientInput::Cancel(key));
        }),
        ("no stream until its deadline", |client, _| {
            client.ok(ADD, Reply::Nil);
            client.freeze(secs(30));
        }),
        ("never sent, and cancelled", |client, key| {
            client.answer(Lane::Commands, not_sent());
            client.input(ClientInput::Cancel(key));
        }),
        ("cancelled, and then accepted", |client, key| {
            client.input(ClientInput::Cancel(key));
            client.accept();
        }),
    ];
    for (what, end) in cases {
        let mut client = small(1, QueueFull::Fail);
        let key = client.call();
        end(&mut client, key);
        client.settled();
        assert_eq!(client.core.pending.room.taken(), (0, 0), "{what}");
    }
}

#[test]
fn a_message_that_is_on_its_way_takes_room_though_its_caller_has_gone() {
    let mut client = small(1, QueueFull::Fail);
    for _ in 0..100 {
        let key = client.notify();
        client.input(ClientInput::Cancel(key));
    }
    assert_eq!(client.sent(Lane::Commands).len(), 1, "a store that stalls is not buried");
}

#[test]
fn a_call_that_waits_again_keeps_its_room() {
    let mut client = small(1, QueueFull::Fail);
    client.call();
    client.ok(ADD, Reply::Nil);
    assert_eq!(client.core.pending.room.taken().0, 1);
    let second = client.call();
    assert!(matches!(client.outcome(second), Err(CallError::QueueFull { .. })));
    client.advance(ms(10));
    client.accept();
    assert_eq!(client.core.pending.room.taken().0, 0);
}

#[test]
fn where_calls_may_wait_for_room_the_message_goes_back_to_its_caller_until_there_is() {
    let mut client = small(1, QueueFull::Wait);
    client.call();
    let (second, third) = (client.call(), client.call());
    let (back, admitted) = client.in_line();
    assert_eq!(back, [(second, request("arith")), (third, request("arith"))]);
    assert_eq!(admitted, []);
    client.accept();
    assert_eq!(client.admitted(), [second], "the one that waited longest, and no other");
    let newcomer = client.call();
    assert_eq!(client.handed_back(), [newcomer], "nobody passes by");
    client.comes_again(second);
    assert_eq!(client.sent(Lane::Commands), [ADD]);
    client.accept();
    assert_eq!(client.admitted(), [third]);
    assert_eq!(client.settled(), []);
}

#[test]
fn a_deadline_runs_while_a_call_waits_for_room() {
    let mut client = small(1, QueueFull::Wait);
    client.call();
    let second = client.call_within(secs(1));
    client.in_line();
    assert_eq!(client.timeout(), Some((secs(1), TimerReason::CallDeadline)));
    client.advance(secs(1));
    assert_eq!(client.outcome(second), Err(full(1, size(), None)));

    let mut client = small(1, QueueFull::Wait);
    client.call();
    let second = client.call_within(secs(2));
    client.in_line();
    client.advance(secs(1));
    client.accept();
    client.comes_again(second);
    client.accept();
    client.advance(secs(1));
    let Err(CallError::Timeout { after, .. }) = client.outcome(second) else { panic!() };
    assert_eq!(after, secs(2), "from when it was made");
}

#[test]
fn who_doesn_t_come_or_gives_up_leaves_the_room_to_the_next() {
    for gives_up in ["cancelled in line", "cancelled when let in", "never came"] {
        let mut client = small(1, QueueFull::Wait);
        client.call();
        let second = client.call_within(secs(1));
        let third = client.call();
        client.in_line();
        if gives_up == "cancelled in line" {
            client.input(ClientInput::Cancel(second));
        }
        client.accept();
        let admitted = client.admitted();
        if gives_up == "cancelled in line" {
            assert_eq!(admitted, [third]);
            continue;
        }
        assert_eq!(admitted, [second]);
        if gives_up == "never came" {
            client.advance(secs(1));
            assert!(matches!(client.outcome(second), Err(CallError::QueueFull { .. })));
        } else {
            client.input(ClientInput::Cancel(second));
        }
        assert_eq!(client.admitted(), [third], "{gives_up}");
    }
}

#[test]
fn a_stop_fails_those_in_line_and_one_that_waits_lets_them_finish() {
    let stopped = || Err(CallError::Stopped { may_have_executed: false });
    let mut client = small(1, QueueFull::Wait);
    let (_, second) = (client.call(), client.call());
    client.in_line();
    client.stop(Duration::ZERO);
    assert_eq!(client.settled().pop(), Some((second, stopped())));

    let mut client = small(1, QueueFull::Wait);
    let first = client.notify();
    let second = client.call();
    client.in_line();
    client.stop(secs(5));
    client.accept();
    assert_eq!(client.outcome(first), Ok(String::new()));
    assert_eq!(client.admitted(), [second]);
    let newcomer = client.call();
    assert_eq!(client.outcome(newcomer), stopped());
    client.comes_again(second);
    let id = client.accept();
    client.replies(&[&success(&id, "1")]);
    assert_eq!(client.outcome(second), Ok("1".to_owned()));
}
