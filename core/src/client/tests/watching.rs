//! A reply stream that is lost and made anew under a client, and replies that are trimmed before it reads them.

use super::*;
use crate::command::{Refusal, StreamInfo};
use crate::error::NoReply;
use crate::testing::{ms, not_sent, refused, secs, unknown};

const INFO: &str = "info p:replies:me";
const EXPIRE: &str = "expire p:replies:me";

fn stream(last: u64, length: u64, added: u64) -> Outcome {
    let info = StreamInfo { last_id: id(last), length, added: Some(added) };
    Outcome::Reply(Reply::Stream(info))
}

fn gone() -> Outcome {
    Outcome::Refused(Refusal::new("ERR", "no such key"))
}

fn anew() -> Event {
    Event::ReplyStreamAnew { stream: "p:replies:me".to_owned() }
}

fn trimmed(replies: u64) -> Event {
    Event::RepliesTrimmed { stream: "p:replies:me".to_owned(), replies }
}

/// One that has had three replies, and whose read comes back with nothing while a call waits.
fn waiting() -> (Client, CallKey, String) {
    let mut client = running();
    for _ in 0..3 {
        let (key, id) = client.accepted_call();
        client.replies(&[&success(&id, "1")]);
        assert_eq!(client.outcome(key), Ok("1".to_owned()));
        if client.last_reply == 1 {
            client.ok(EXPIRE, Reply::Count(1));
        }
    }
    let (key, id) = client.accepted_call();
    client.advance(secs(1));
    client.replies(&[]);
    (client, key, id)
}

#[test]
fn a_read_that_brings_nothing_while_a_call_waits_makes_it_ask_about_the_stream() {
    let (client, ..) = waiting();
    assert_eq!(client.sent(Lane::Commands), [INFO]);
    assert_eq!(client.sent(REPLIES), [""; 0], "which is not read meanwhile");
}

#[test]
fn while_nobody_waits_it_asks_nothing() {
    let mut client = running();
    let (key, _) = client.accepted_call();
    client.input(ClientInput::Cancel(key));
    for _ in 0..10 {
        client.advance(secs(1));
        client.replies(&[]);
    }
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
}

#[test]
fn it_asks_once_a_second_too_while_reads_bring_something_that_is_not_waited_for() {
    let mut client = running();
    client.accepted_call();
    let mut asked = 0;
    for _ in 0..40 {
        client.advance(ms(100));
        client.replies(&["{}"]);
        assert_eq!(client.sent(REPLIES).len(), 1, "it reads on");
        for sent in client.sent(Lane::Commands) {
            match sent.as_str() {
                INFO => {
                    asked += 1;
                    let last = client.last_reply;
                    client.answer(Lane::Commands, stream(last, last, last));
                }
                _ => client.answer(Lane::Commands, Outcome::Reply(Reply::Count(1))),
            }
        }
    }
    assert_eq!(asked, 4);
}

#[test]
fn it_reads_from_the_start_where_the_stream_is_gone_or_another_one() {
    for (what, said) in [
        ("gone", gone()),
        ("a string in its place", refused("WRONGTYPE")),
        ("lower ids", stream(2, 5, 5)),
        ("fewer entries", stream(3, 1, 1)),
    ] {
        let (mut client, key, id) = waiting();
        client.answer_to(INFO, said);
        assert_eq!(client.sent(REPLIES), ["read after 0-0"], "{what}");
        assert_eq!(client.take_events(), [anew()], "{what}");
        client.last_reply = 0;
        client.replies(&[&success(&id, "1")]);
        assert_eq!(client.outcome(key), Ok("1".to_owned()), "{what}");
        client.ok(EXPIRE, Reply::Count(1));
    }
}

#[test]
fn it_reads_on_where_nothing_is_wrong() {
    let (mut client, ..) = waiting();
    client.answer_to(INFO, stream(3, 3, 3));
    // Once, to be sure: one that was made anew within a millisecond may look just like this.
    assert_eq!(client.sent(REPLIES), ["read after 0-0"]);
    client.last_reply = 0;
    client.replies(&["{}", "{}", "{}"]);
    client.ok(EXPIRE, Reply::Count(1));
    for _ in 0..3 {
        client.advance(secs(1));
        client.replies(&[]);
        client.answer_to(INFO, stream(3, 3, 3));
        assert_eq!(client.sent(REPLIES), ["read after 3-0"]);
    }
    client.take_events();
    assert_eq!(client.take_events(), []);
}

#[test]
fn an_answer_that_does_not_come_holds_up_reading_for_a_moment_only() {
    let (mut client, ..) = waiting();
    client.advance(ms(249));
    assert_eq!(client.sent(REPLIES), [""; 0]);
    client.advance(ms(1));
    assert_eq!(client.sent(REPLIES), ["read after 3-0"]);
    client.answer_to(INFO, stream(2, 5, 5));
    client.advance(secs(1));
    client.replies(&[]);
    assert_eq!(client.sent(REPLIES), ["read after 0-0"], "late, but not in vain");
}

#[test]
fn where_it_gets_no_answer_it_reads_on_and_asks_again() {
    for outcome in [unknown(), not_sent(), refused("LOADING"), Outcome::Reply(Reply::Done)] {
        let (mut client, ..) = waiting();
        client.answer_to(INFO, outcome);
        assert_eq!(client.sent(REPLIES), ["read after 3-0"]);
        client.advance(ms(500));
        client.connect_all();
        client.advance(ms(500));
        client.replies(&[]);
        assert_eq!(client.sent(Lane::Commands), [INFO]);
    }
}

#[test]
fn where_it_may_not_ask_it_says_so_once_and_does_without() {
    let (mut client, ..) = waiting();
    client.answer_to(INFO, refused("NOPERM"));
    assert!(matches!(client.take_events()[..], [Event::CommandRefused { .. }]));
    for _ in 0..5 {
        client.advance(secs(1));
        client.replies(&[]);
    }
    assert_eq!((client.sent(Lane::Commands), client.take_events()), (vec![], vec![]));
}

#[test]
fn a_trimmed_gap_is_told_once_and_calls_that_time_out_then_say_so() {
    let (mut client, ..) = waiting();
    let key = client.call_within(secs(2));
    client.answer_to(INFO, stream(9, 1, 9));
    client.accept();
    assert_eq!(client.take_events(), []);
    client.last_reply = 8;
    client.replies(&["{}"]);
    let events = client.take_events();
    assert!(events.contains(&trimmed(5)), "4 to 8: {events:?}");
    client.ok(EXPIRE, Reply::Count(1));
    client.advance(secs(1));
    let later = client.call_within(secs(2));
    client.accept();
    client.replies(&[]);
    client.answer_to(INFO, stream(9, 1, 9));
    assert_eq!(client.take_events(), [], "it was told");
    client.advance(secs(1));
    let error = client.outcome(key).unwrap_err();
    let CallError::Timeout { why, .. } = &error else { panic!("{error}") };
    assert_eq!(*why, NoReply::Trimmed);
    assert!(error.to_string().contains("reply_stream_max_len"), "{error}");
    client.advance(secs(1));
    let Err(CallError::Timeout { why, .. }) = client.outcome(later) else { panic!() };
    assert_eq!(why, NoReply::Unknown, "it was made after the gap");
}

#[test]
fn replies_that_were_all_trimmed_are_a_gap_too() {
    let mut client = running();
    client.accepted_call();
    client.advance(secs(1));
    client.replies(&[]);
    client.answer_to(INFO, stream(4, 0, 4));
    assert_eq!(client.take_events(), [trimmed(4)]);
}

#[test]
fn an_answer_from_before_the_reader_connected_again_is_not_taken_for_a_new_one() {
    let (mut client, ..) = waiting();
    client.advance(ms(250));
    client.lose(REPLIES);
    client.advance(ms(500));
    client.connect(REPLIES);
    client.replies(&[&success("another", "1")]);
    client.advance(ms(1000));
    client.replies(&[]);
    assert_eq!(client.sent(Lane::Commands), [INFO, "ping", EXPIRE, INFO]);
    client.take_events();
    client.answer(Lane::Commands, stream(3, 3, 3));
    client.ok("ping", Reply::Done);
    client.ok(EXPIRE, Reply::Count(1));
    assert_eq!(client.sent(REPLIES), [""; 0], "it still waits for the answer to the new question");
    client.answer(Lane::Commands, stream(4, 4, 4));
    assert_eq!(client.take_events(), []);
}
