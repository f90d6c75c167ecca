//! More calls than the reply stream has room for: they wait, each service in turn, and no reply is trimmed.

use super::*;
use crate::testing::{ms, refused, secs};

/// One whose reply stream holds this many replies.
fn narrow(limit: u64) -> Client {
    let mut options = options();
    options.common.reply_stream_max_len = limit;
    running_with(options)
}

fn sent_to(client: &Client, service: &str) -> usize {
    let append = format!("append if there is p:cmds:{service}");
    client.sent(Lane::Commands).iter().filter(|sent| **sent == append).count()
}

#[test]
fn no_more_requests_leave_than_replies_fit() {
    let mut client = narrow(8);
    for _ in 0..20 {
        client.call();
    }
    assert_eq!(sent_to(&client, "arith"), 4, "half of what fits is left to other services");
}

#[test]
fn each_reply_lets_the_next_request_go_in_the_order_of_the_calls() {
    let mut client = narrow(2);
    let keys = [(); 3].map(|()| client.call());
    for key in keys {
        assert_eq!(sent_to(&client, "arith"), 1);
        if client.sent(Lane::Commands)[0].starts_with("expire") {
            client.answer(Lane::Commands, Outcome::Reply(Reply::Count(1)));
        }
        let id = client.accept();
        client.replies(&[&success(&id, "1")]);
        assert_eq!(client.outcome(key), Ok("1".to_owned()));
    }
}

#[test]
fn a_service_that_never_answers_does_not_hold_up_another() {
    let mut client = narrow(1024);
    for _ in 0..1000 {
        client.call();
    }
    client.send(request("other"), None, None);
    assert_eq!(sent_to(&client, "arith"), 512);
    assert_eq!(sent_to(&client, "other"), 1, "at once");
}

#[test]
fn a_call_that_never_had_its_turn_was_not_executed() {
    let mut client = narrow(2);
    client.call();
    client.accept();
    let waits = client.call_within(secs(1));
    client.advance(secs(1));
    let error = CallError::TooManyCalls { service: "arith".to_owned(), limit: 2 };
    assert_eq!(client.outcome(waits), Err(error));
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
}

#[test]
fn a_call_that_is_given_up_keeps_its_place_until_its_reply_comes() {
    for gives_up in ["cancelled", "timed out"] {
        let mut client = narrow(2);
        let first = client.call_within(secs(1));
        let id = client.accept();
        client.call();
        if gives_up == "cancelled" {
            client.input(ClientInput::Cancel(first));
        } else {
            client.advance(secs(1));
        }
        assert_eq!(client.sent(Lane::Commands), [""; 0], "{gives_up}");
        client.replies(&[&success(&id, "1")]);
        assert_eq!(sent_to(&client, "arith"), 1, "{gives_up}");
    }
}

#[test]
fn a_reply_that_never_comes_is_given_up_after_a_minute() {
    let mut client = narrow(2);
    client.call_within(secs(1));
    client.accept();
    client.send(request("arith"), Some(secs(300)), None);
    let quiet = |client: &mut Client, during: Duration| {
        let until = client.now + during;
        while client.now < until {
            client.replies(&[]);
            if client.sent(Lane::Commands).iter().any(|sent| sent == "info p:replies:me") {
                client.answer(Lane::Commands, refused("LOADING"));
            }
            client.advance(secs(1));
        }
    };
    quiet(&mut client, secs(60));
    assert_eq!(sent_to(&client, "arith"), 0);
    quiet(&mut client, secs(1));
    assert_eq!(sent_to(&client, "arith"), 1);
}

#[test]
fn a_request_that_was_not_taken_gives_its_place_back() {
    let mut client = narrow(2);
    client.call();
    client.call();
    client.ok(ADD, Reply::Nil);
    assert_eq!(
        client.sent(Lane::Commands),
        [""; 0],
        "the second one waits behind the first, which is to try again"
    );
    client.advance(ms(10));
    assert_eq!(client.sent(Lane::Commands), [ADD]);
    let id = client.accept();
    client.replies(&[&success(&id, "1")]);
    assert_eq!(sent_to(&client, "arith"), 1, "the second one");
}

#[test]
fn a_notification_needs_no_place_but_stays_behind_the_requests_before_it() {
    let mut client = narrow(2);
    client.notify();
    client.call();
    client.notify();
    assert_eq!(client.sent(Lane::Commands), [ADD; 3]);
    client.call();
    client.notify();
    assert_eq!(client.sent(Lane::Commands), [ADD; 3], "the last one waits behind a call");
}

#[test]
fn services_that_wait_take_turns() {
    let mut client = running();
    client.lose(Lane::Commands);
    client.call();
    client.lose(Lane::Commands);
    for service in ["a", "a", "b", "b", "c"] {
        client.send(request(service), None, None);
    }
    client.advance(ms(100));
    client.connect(Lane::Commands);
    let sent: Vec<String> = client.sent(Lane::Commands);
    let services: Vec<&str> = sent.iter().filter_map(|sent| sent.rsplit(':').next()).collect();
    assert_eq!(services, ["b", "c", "a", "b", "a"], "after arith, which had the last turn");
}
