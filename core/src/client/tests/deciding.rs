//! What the store's answer, or its silence, means for a call.

use super::*;
use crate::command::Refusal;
use crate::error::NoReply;
use crate::options::MissingService;
use crate::testing::{fault, ms, not_sent, refused, secs, unknown};

fn nobody_made_it(waited: Duration) -> CallError {
    CallError::NoSuchService { stream: "p:cmds:arith".to_owned(), waited }
}

fn timeout(after: Duration) -> CallError {
    let (service, method) = ("arith".to_owned(), "add".to_owned());
    CallError::Timeout { service, method, after, why: NoReply::Unknown }
}

fn transport(cause: &str, may_have_executed: bool) -> CallError {
    CallError::Transport { fault: fault(cause), may_have_executed }
}

/// Answers what is under way in the same way again and again, for this long.
fn keep_answering(client: &mut Client, outcome: &Outcome, during: Duration) -> u32 {
    let (until, mut times) = (client.now + during, 0);
    while client.now < until {
        while !client.sent(Lane::Commands).is_empty() {
            client.answer(Lane::Commands, outcome.clone());
            times += 1;
        }
        client.advance(ms(1));
    }
    times
}

#[test]
fn without_a_stream_a_call_is_tried_again_until_there_is_one() {
    let mut client = running();
    let key = client.call();
    let mut waits = Vec::new();
    for _ in 0..7 {
        client.ok(ADD, Reply::Nil);
        let (wait, reason) = client.timeout().unwrap();
        assert_eq!(reason, TimerReason::Retry);
        waits.push(wait);
        client.advance(wait);
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 250, 250].map(ms));
    let id = client.accept();
    client.replies(&[&success(&id, "1")]);
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
    assert_eq!(client.core.pending.timeout(), None);
}

#[test]
fn a_call_that_is_given_up_while_another_one_asks_does_not_make_it_ask_more_often() {
    let mut client = running();
    client.call();
    client.ok(ADD, Reply::Nil);
    for wait in [10, 20, 40, 80, 160, 250, 250] {
        assert_eq!(client.timeout(), Some((ms(wait), TimerReason::Retry)));
        client.advance(ms(wait));
        let other = client.call();
        client.input(ClientInput::Cancel(other));
        client.ok(ADD, Reply::Nil);
    }
}

#[test]
fn of_all_the_calls_to_a_missing_service_one_at_a_time_asks_for_it_and_the_others_follow_in_order()
{
    let mut client = running();
    let mut first = vec![client.call(), client.call()];
    client.ok(ADD, Reply::Nil);
    client.ok(ADD, Reply::Nil);
    first.extend((0..98).map(|_| client.call()));
    for wait in [10, 20, 40, 80] {
        assert_eq!(client.sent(Lane::Commands), [""; 0]);
        assert_eq!(client.timeout(), Some((ms(wait), TimerReason::Retry)));
        client.advance(ms(wait));
        assert_eq!(client.sent(Lane::Commands), [ADD], "after {wait} ms");
        client.ok(ADD, Reply::Nil);
    }
    client.advance(ms(160));
    let ids: Vec<String> = (0..100).map(|_| client.accept()).collect();
    let replies: Vec<String> = ids.iter().map(|id| success(id, "1")).collect();
    client.replies(&replies.iter().map(String::as_str).collect::<Vec<_>>());
    let settled: Vec<CallKey> = client.settled().into_iter().map(|(key, _)| key).collect();
    assert_eq!(settled, first);
}

#[test]
fn a_call_that_never_asked_for_a_missing_service_is_told_of_it_too() {
    let mut client = running();
    client.call();
    client.ok(ADD, Reply::Nil);
    let second = client.call_within(secs(1));
    client.freeze(secs(1));
    assert_eq!(client.outcome(second), Err(nobody_made_it(secs(1))));
}

#[test]
fn when_the_one_that_asks_is_given_up_or_lost_another_one_does() {
    for what in ["cancelled", "not sent", "unknown", "refused"] {
        let mut client = running();
        let first = client.call();
        client.ok(ADD, Reply::Nil);
        client.call();
        client.advance(ms(10));
        let outcome = match what {
            "not sent" => not_sent(),
            "unknown" => unknown(),
            "refused" => refused("OOM"),
            _ => Outcome::Reply(Reply::Nil),
        };
        if what == "cancelled" {
            client.input(ClientInput::Cancel(first));
        }
        client.answer(Lane::Commands, outcome);
        if matches!(what, "cancelled" | "refused") {
            assert_eq!(client.sent(Lane::Commands), [ADD], "{what}");
        } else {
            client.advance(secs(1));
            client.connect(Lane::Commands);
            assert_eq!(client.sent(Lane::Commands), [ADD], "{what}");
        }
    }
}

#[test]
fn a_call_keeps_its_id_when_it_is_tried_again() {
    let mut client = running();
    client.call();
    let first = client.request();
    client.ok(ADD, Reply::Nil);
    client.advance(ms(10));
    assert_eq!(client.request(), first);
}

#[test]
fn a_call_to_a_service_that_never_comes_says_so_at_its_deadline() {
    let mut client = running();
    let key = client.call_within(secs(2));
    let times = keep_answering(&mut client, &Outcome::Reply(Reply::Nil), secs(2));
    assert_eq!(client.outcome(key), Err(nobody_made_it(secs(2))));
    assert!((10..=14).contains(&times), "{times}");
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
}

#[test]
fn a_notification_to_a_service_that_never_comes_says_so_too() {
    let mut client = running();
    let outgoing = outgoing(MethodKind::Notification, "arith", "ping", &json!({}));
    let key = client.send(outgoing, Some(secs(1)), None);
    keep_answering(&mut client, &Outcome::Reply(Reply::Nil), secs(1));
    assert_eq!(client.outcome(key), Err(nobody_made_it(secs(1))));
}

#[test]
fn a_client_that_is_told_to_does_not_wait_for_a_service() {
    let mut client =
        running_with(ClientOptions { missing_service: MissingService::Fail, ..options() });
    let key = client.call();
    client.advance(ms(3));
    client.ok(ADD, Reply::Nil);
    assert_eq!(client.outcome(key), Err(nobody_made_it(ms(3))));
}

#[test]
fn a_refusal_that_passes_is_waited_for() {
    for code in ["LOADING", "OOM", "MISCONF"] {
        let mut client = running();
        let key = client.call();
        client.answer_to(ADD, refused(code));
        assert_eq!(client.settled(), []);
        client.advance(ms(10));
        let id = client.accept();
        client.replies(&[&success(&id, "1")]);
        assert_eq!(client.outcome(key), Ok("1".to_owned()));
    }
}

#[test]
fn a_refusal_that_does_not_pass_in_time_is_the_call_s_error() {
    let mut client = running();
    let key = client.call_within(secs(1));
    keep_answering(&mut client, &refused("OOM"), secs(1));
    assert_eq!(client.outcome(key), Err(CallError::Refused(Refusal::new("OOM", "says the store"))));
}

#[test]
fn a_refusal_that_is_final_is_the_call_s_error_at_once() {
    for code in ["WRONGTYPE", "NOPERM", "ERR"] {
        let mut client = running();
        let key = client.call();
        client.answer_to(ADD, refused(code));
        let error = CallError::Refused(Refusal::new(code, "says the store"));
        assert_eq!(client.outcome(key), Err(error));
    }
}

#[test]
fn a_request_that_may_have_left_is_never_sent_again_and_its_reply_still_counts() {
    let mut client = running();
    let key = client.call();
    let envelope: Value = serde_json::from_slice(&client.request()[1].1).unwrap();
    client.answer_to(ADD, unknown());
    client.advance(secs(1));
    client.connect(Lane::Commands);
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
    client.replies(&[&success(envelope["id"].as_str().unwrap(), "1")]);
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
}

#[test]
fn a_notification_that_may_have_left_says_so_at_once() {
    let mut client = running();
    let key = client.notify();
    client.answer(Lane::Commands, unknown());
    assert_eq!(client.outcome(key), Err(transport("reset", true)));
}

#[test]
fn what_certainly_did_not_leave_is_sent_again_in_the_old_order() {
    let mut client = running();
    let fields: Vec<Fields> = (0..3)
        .map(|n| {
            client.send(outgoing(MethodKind::Notification, "arith", "ping", &json!(n)), None, None);
            let Some(Output::Send(_, Command::Append { fields, .. })) = client.trace.last() else {
                panic!()
            };
            fields.clone()
        })
        .collect();
    client.answer(Lane::Commands, unknown());
    client.answer(Lane::Commands, not_sent());
    client.answer(Lane::Commands, not_sent());
    client.notify();
    client.advance(secs(1));
    client.connect(Lane::Commands);
    assert_eq!(client.sent(Lane::Commands).len(), 3);
    for expected in &fields[1..] {
        assert_eq!(client.request(), *expected);
        client.accept();
    }
}

/// What the caller gets at the deadline follows from how far the call has come.
#[test]
fn every_way_of_running_out_of_time_has_its_error() {
    type Case = (&'static str, fn(&mut Client), CallError, bool);
    let cases: [Case; 8] = [
        ("it never left", |client| client.lose(Lane::Commands), transport("reset", false), false),
        ("it is on its way", |client| client.advance(ms(1)), timeout(secs(5)), true),
        (
            "it is in the stream",
            |client| client.answer(Lane::Commands, Outcome::Reply(Reply::Added(id(1)))),
            timeout(secs(5)),
            true,
        ),
        (
            "it may have left",
            |client| client.answer(Lane::Commands, unknown()),
            transport("reset", true),
            true,
        ),
        (
            "it waits for a connection again",
            |client| client.answer(Lane::Commands, not_sent()),
            transport("reset", false),
            false,
        ),
        (
            "there is no stream",
            |client| client.answer(Lane::Commands, Outcome::Reply(Reply::Nil)),
            nobody_made_it(secs(5)),
            false,
        ),
        (
            "it is refused",
            |client| client.answer(Lane::Commands, refused("OOM")),
            CallError::Refused(Refusal::new("OOM", "says the store")),
            false,
        ),
        (
            "there was no stream, and then no connection",
            |client| {
                client.answer(Lane::Commands, Outcome::Reply(Reply::Nil));
                client.lose(REPLIES);
                client.answer_to("ping", unknown());
            },
            nobody_made_it(secs(5)),
            false,
        ),
    ];
    for (what, then, error, may_have_executed) in cases {
        // At the deadline ...
        let mut client = running();
        if what == "it never left" {
            client.notify();
            client.lose(Lane::Commands);
            client.settled();
        }
        let key = client.call_within(secs(5));
        then(&mut client);
        // ... with the timer late, so that nothing else happens before.
        client.freeze(secs(5));
        assert_eq!(client.outcome(key), Err(error), "{what}");

        // At a stop.
        let mut client = running();
        if what == "it never left" {
            client.notify();
            client.lose(Lane::Commands);
            client.settled();
        }
        let key = client.call_within(secs(5));
        then(&mut client);
        client.stop(Duration::ZERO);
        assert_eq!(client.outcome(key), Err(CallError::Stopped { may_have_executed }), "{what}");
    }
}

#[test]
fn a_notification_that_the_store_does_not_answer_in_time_may_be_in_the_stream() {
    let mut client = running();
    client.notify();
    client.freeze(secs(30));
    let (_, outcome) = client.settled().remove(0);
    // Its connection is given up as well, and says so first.
    assert_eq!(outcome, Err(transport("the connection gives no answer", true)));

    let mut client = running();
    let outgoing = outgoing(MethodKind::Notification, "arith", "ping", &json!({}));
    let key = client.send(outgoing, Some(secs(1)), None);
    client.advance(secs(1));
    assert_eq!(client.outcome(key), Err(transport("no answer in time", true)));
}

#[test]
fn a_call_has_the_default_timeout_unless_it_brings_its_own() {
    let mut client = running_with(ClientOptions { default_timeout: secs(3), ..options() });
    let (default, own) = (client.call(), client.call_within(secs(2)));
    client.accept();
    client.accept();
    client.advance(secs(2) - ms(1));
    assert_eq!(client.settled(), []);
    assert_eq!(client.timeout(), Some((ms(1), TimerReason::CallDeadline)));
    client.advance(ms(1));
    assert_eq!(client.outcome(own), Err(timeout(secs(2))));
    client.advance(secs(1));
    assert_eq!(client.outcome(default), Err(timeout(secs(3))));
}

#[test]
fn a_timeout_without_end_is_one() {
    let mut client = running();
    client.call_within(Duration::MAX);
    client.call_within(Duration::ZERO);
    client.tick();
    assert_eq!(client.settled().len(), 1);
}
