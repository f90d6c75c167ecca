//! Connections that are lost, and those that only look alive.

use super::*;
use crate::testing::{fault, ms, refused, secs, unknown};

fn disconnected(lane: Lane, cause: &str) -> Event {
    Event::Disconnected { lane, fault: fault(cause) }
}

#[test]
fn a_lost_connection_is_told_once_and_tried_again_with_growing_waits_until_it_is_back() {
    let mut client = running();
    client.call();
    client.lose(Lane::Commands);
    let mut waits = Vec::new();
    for _ in 0..12 {
        waits.push(client.until_it_tries(Lane::Commands));
        client.opened(Lane::Commands, Err(fault("connection refused")));
    }
    for (wait, whole) in
        waits.iter().zip([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
    {
        assert!(*wait <= ms(whole) && *wait >= ms(whole) / 2, "{waits:?}");
    }
    assert_eq!(client.take_events(), [disconnected(Lane::Commands, "reset")]);
    client.until_it_tries(Lane::Commands);
    client.connect(Lane::Commands);
    assert_eq!(client.take_events(), [Event::Reconnected { lane: Lane::Commands }]);
}

impl Client {
    /// The reader is healthy.
    fn answer_reads(&mut self) {
        if !self.sent(REPLIES).is_empty() {
            self.replies(&[]);
        }
    }

    /// Lets time pass until it asks for a connection. How long that took.
    fn until_it_tries(&mut self, lane: Lane) -> Duration {
        let since = self.now;
        while !self.opening().contains(&lane) {
            self.answer_reads();
            let (wait, _) = self.timeout().unwrap();
            self.advance(wait.min(secs(1)));
        }
        self.now - since
    }
}

#[test]
fn a_store_that_accepts_connections_and_cuts_them_is_tried_ever_more_seldom() {
    let mut client = running();
    let mut waits = Vec::new();
    for _ in 0..6 {
        client.lose(REPLIES);
        let (wait, _) = client.timeout().unwrap();
        waits.push(wait);
        client.advance(wait);
        client.connect_all();
    }
    assert!(waits[5] >= ms(1600), "{waits:?}");
    client.replies(&[]);
    client.lose(REPLIES);
    assert!(client.timeout().unwrap().0 <= ms(100), "an answer shows that it works again");
}

#[test]
fn calls_made_without_a_connection_wait_for_it_and_leave_in_order() {
    let mut client = running();
    client.call();
    client.lose(Lane::Commands);
    let keys = [client.notify(), client.notify(), client.notify()];
    client.advance(secs(1));
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
    client.connect(Lane::Commands);
    for key in keys {
        client.accept();
        assert_eq!(client.outcome(key), Ok(String::new()));
    }
}

#[test]
fn a_new_reader_reads_from_the_start_because_the_store_may_have_come_back_with_lower_ids() {
    let mut client = running();
    let (key, request) = client.accepted_call();
    client.replies(&["{}", "{}", "{}"]);
    client.ok("expire p:replies:me", Reply::Count(1));
    assert_eq!(client.sent(REPLIES), ["read after 3-0"]);
    client.lose(REPLIES);
    client.ok("ping", Reply::Done);
    client.advance(ms(100));
    client.connect(REPLIES);
    assert_eq!(client.sent(REPLIES), ["read after 0-0"]);
    client.last_reply = 0;
    client.replies(&[&success(&request, "1")]);
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
    assert_eq!(client.sent(Lane::Commands), ["expire p:replies:me"], "it may be a new stream");
}

#[test]
fn the_loss_of_one_connection_makes_it_ask_for_the_other_one() {
    let mut client = running();
    client.lose(REPLIES);
    assert_eq!(client.sent(Lane::Commands), ["ping"]);
    client.answer(Lane::Commands, unknown());
    let lost = [disconnected(REPLIES, "reset"), disconnected(Lane::Commands, "reset")];
    assert_eq!(client.take_events(), lost);
    client.advance(ms(100));
    client.connect_all();
    assert_eq!(client.events.len(), 2);
    assert_eq!(client.sent(REPLIES), ["read after 0-0"]);
}

#[test]
fn a_connection_that_is_busy_is_asked_too_since_its_answer_may_be_older_than_its_loss() {
    let mut client = running();
    client.call();
    client.lose(REPLIES);
    assert_eq!(client.sent(Lane::Commands), [ADD, "ping"]);
}

#[test]
fn a_silent_connection_is_given_up_after_the_response_timeout() {
    let mut client = running();
    let key = client.call();
    for _ in 0..9 {
        client.advance(secs(1));
        client.answer_reads();
    }
    client.advance(secs(1) - ms(1));
    assert_eq!(client.open_lanes(), [Lane::Commands, REPLIES]);
    client.advance(ms(1));
    assert_eq!(client.open_lanes(), [REPLIES]);
    let cause = "the connection gives no answer";
    assert_eq!(client.take_events(), [disconnected(Lane::Commands, cause)]);
    client.answer_reads();
    client.advance(ms(100));
    client.connect(Lane::Commands);
    assert_eq!(client.sent(Lane::Commands), [""; 0], "the request may have left");
    for _ in 0..20 {
        client.answer_reads();
        client.advance(secs(1));
    }
    let fault = fault(cause);
    let error = CallError::Transport { fault, may_have_executed: true };
    assert_eq!(client.outcome(key), Err(error));
}

#[test]
fn a_silent_reader_is_given_up_later_because_it_was_asked_to_wait() {
    let mut client = running();
    client.advance(secs(11) - ms(1));
    assert_eq!(client.open_lanes(), [Lane::Commands, REPLIES]);
    client.advance(ms(1));
    assert_eq!(client.open_lanes(), [Lane::Commands]);
    assert_eq!(client.sent(Lane::Commands), ["ping"], "is the other one alive?");
}

#[test]
fn an_idle_commands_connection_is_left_alone() {
    let mut client = running();
    for _ in 0..100 {
        client.advance(secs(1));
        client.answer_reads();
    }
    assert_eq!(client.open_lanes(), [Lane::Commands, REPLIES]);
}

#[test]
fn an_attempt_to_connect_again_that_hangs_is_given_up_and_another_one_made() {
    let mut client = running();
    client.call();
    client.lose(Lane::Commands);
    client.until_it_tries(Lane::Commands);
    for _ in 0..10 {
        assert_eq!(client.opening(), [Lane::Commands]);
        client.answer_reads();
        client.advance(secs(1));
    }
    assert_eq!(client.opening(), []);
    assert!(client.until_it_tries(Lane::Commands) <= ms(200));
    client.connect(Lane::Commands);
    assert_eq!(client.take_events().len(), 2, "one loss, one return");
}

#[test]
fn where_a_command_is_executed_again_that_a_replica_refused_the_other_connection_is_tried_at_once()
{
    let mut client = running();
    client.lose(REPLIES);
    client.ok("ping", Reply::Done);
    for _ in 0..6 {
        client.until_it_tries(REPLIES);
        client.opened(REPLIES, Err(fault("connection refused")));
    }
    client.call();
    client.answer(Lane::Commands, refused("READONLY"));
    client.until_it_tries(Lane::Commands);
    client.connect(Lane::Commands);
    while client.sent(Lane::Commands).is_empty() {
        let (wait, _) = client.timeout().unwrap();
        client.advance(wait);
    }
    assert_eq!(client.opening(), [], "it may lead to a replica as before");
    client.accept();
    client.advance(Duration::ZERO);
    assert_eq!(client.opening(), [REPLIES]);
}
