//! An entry that kills its server is begun so often and no oftener; its neighbours don't die with it.

use super::*;
use crate::testing::{ms, not_sent, refused, secs, unknown};

const DEAD: &str = "append to p:dead:arith";

/// One with a limit of 3 that does nothing in the background.
fn limited_with(services: &[&str]) -> Server {
    let options = ServerOptions { max_deliveries: Some(3), ..options() };
    let mut server = running_with(options, services);
    for service in &mut server.core.services {
        service.removal.never();
    }
    server
}

fn limited() -> Server {
    limited_with(&["arith"])
}

impl Server {
    /// Takes over these entries, which others have left behind.
    fn take_over(&mut self, entries: Vec<Entry>) {
        self.advance(secs(1));
        self.answer_to("claim 1 from 0-0", Outcome::Reply(claimed(0, entries)));
    }

    /// The fields of the dead letter that the store is to answer next.
    fn dead_letter(&self) -> Vec<(String, String)> {
        let Command::Append { fields, max_len, create, .. } = self.oldest(Lane::Commands) else {
            panic!()
        };
        assert_eq!((*max_len, *create), (Some(10_000), true));
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        fields.iter().map(|(name, value)| (text(name), text(value))).collect()
    }
}

#[test]
fn what_was_begun_before_is_begun_again_up_to_the_limit() {
    for deliveries in [2, 3] {
        let mut server = limited();
        server.take_over(vec![add(5)]);
        server.ok("count 5", counted(deliveries));
        assert_eq!(server.told(), ["run 5"]);
        assert_eq!(server.jobs[&5].deliveries, deliveries);
    }
}

#[test]
fn beyond_the_limit_it_is_put_aside_then_answered_then_acked() {
    let mut server = limited();
    server.take_over(vec![add(5)]);
    server.ok("count 5", counted(4));
    assert_eq!(server.told(), [""; 0], "it isn't begun once more");
    let Entry { fields: Some(original), .. } = add(5) else { panic!() };
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let mut expected: Vec<(String, String)> =
        original.iter().map(|(name, value)| (text(name), text(value))).collect();
    for (name, value) in [
        ("dead-entry", "5-0"),
        ("dead-reason", "add was begun 3 times and never ended"),
        ("dead-deliveries", "3"),
    ] {
        expected.push((name.to_owned(), value.to_owned()));
    }
    assert_eq!(server.dead_letter(), expected, "as it came, and why");
    assert_eq!(server.sent(Lane::Commands).iter().filter(|sent| *sent == REPLY).count(), 0);
    server.answer_to(DEAD, Outcome::Reply(Reply::Added(id(1))));
    assert!(matches!(server.take_events()[..], [Event::DeadLettered { deliveries: 3, .. }]));
    let reached = |server: &mut Server, what: &str| {
        while server.sent(Lane::Commands)[0] != what {
            let answer = healthy_answer(server.oldest(Lane::Commands));
            server.answer(Lane::Commands, Outcome::Reply(answer));
        }
    };
    reached(&mut server, REPLY);
    assert_eq!(server.reply()["error"]["code"], -32603);
    assert_eq!(server.reply()["error"]["data"]["name"], "DeliveryLimit");
    server.ok(REPLY, Reply::Added(id(2)));
    reached(&mut server, "ack 5");
    server.ok("ack 5", Reply::Count(1));
    assert!(server.core.services[0].held.is_empty());
}

#[test]
fn a_notification_is_put_aside_and_nobody_is_answered() {
    let mut server = limited();
    server.take_over(vec![ping(5)]);
    server.ok("count 5", counted(4));
    server.answer_to(DEAD, Outcome::Reply(Reply::Added(id(1))));
    assert!(!server.sent(Lane::Commands).contains(&REPLY.to_owned()));
    assert!(server.sent(Lane::Commands).contains(&"ack 5".to_owned()));
}

#[test]
fn as_long_as_it_may_not_have_been_put_aside_it_is_not_acked() {
    let mut server = limited();
    server.take_over(vec![add(5)]);
    server.ok("count 5", counted(4));
    server.answer_to(DEAD, unknown());
    server.lose(Lane::Commands);
    server.idle_for(ms(100));
    server.connect(Lane::Commands);
    assert!(server.sent(Lane::Commands).contains(&DEAD.to_owned()), "twice rather than never");
    for _ in 0..5 {
        while server.sent(Lane::Commands)[0] != DEAD {
            let answer = healthy_answer(server.oldest(Lane::Commands));
            server.answer(Lane::Commands, Outcome::Reply(answer));
        }
        server.answer_to(DEAD, refused("WRONGTYPE"));
        server.idle_for(secs(1));
    }
    let events = server.take_events();
    let told =
        |event: &&Event| matches!(event, Event::CommandRefused { what: "a dead letter", .. });
    assert_eq!(events.iter().filter(told).count(), 1, "{events:?}");
    let settled = |output: &Output<_>| match output {
        Output::Send(_, Command::Ack { .. }) => true,
        Output::Send(_, Command::Append { stream, .. }) => stream.as_str() == "p:replies:c",
        _ => false,
    };
    assert!(!server.trace.iter().any(settled));
    assert!(!server.core.services[0].held.is_empty());
}

#[test]
fn without_a_limit_it_is_begun_for_ever() {
    let mut server = running();
    server.core.services[0].removal.never();
    server.take_over(vec![add(5)]);
    server.ok("count 5", counted(1000));
    assert_eq!(server.told(), ["run 5"]);
}

/// A request to `other`, as `add` is one to `arith`.
fn other(at: u64) -> Entry {
    let envelope = format!(r#"{{"jsonrpc":"2.0","method":"other.add","id":{at}}}"#);
    entry(at, &[("envelope", &envelope), ("reply-to", "p:replies:c")])
}

impl Server {
    /// Of what it asks the store for: claims and counts.
    fn looks(&self) -> Vec<String> {
        let sent = self.sent(Lane::Commands).into_iter();
        sent.filter(|sent| sent.starts_with("c")).collect()
    }
}

#[test]
fn those_that_were_begun_before_are_taken_over_and_begin_one_at_a_time_on_a_whole_server() {
    let mut server = limited_with(&["arith", "other"]);
    server.take_over(vec![add(5)]);
    server.ok("count 5", counted(2));
    assert_eq!(server.told(), ["run 5"]);
    server.advance(ms(2500));
    assert_eq!(server.looks(), [""; 0], "what others left behind is left to neighbours meanwhile");
    server.finish(5);
    assert_eq!(server.looks(), ["claim 1 from 0-0"], "the other service's turn");
    server.ok(REPLY, Reply::Added(id(1)));
    server.answer_to("claim 1 from 0-0", Outcome::Reply(claimed(0, vec![other(6)])));
    while server.looks() != ["count 6"] {
        let answer = healthy_answer(server.oldest(Lane::Commands));
        server.answer(Lane::Commands, Outcome::Reply(answer));
    }
}

#[test]
fn one_that_runs_for_five_minutes_is_not_waited_for_any_longer() {
    let mut server = limited_with(&["arith", "other"]);
    server.take_over(vec![add(5)]);
    server.ok("count 5", counted(2));
    let claims = |server: &Server, since: usize| {
        let claim =
            |output: &&Output<_>| matches!(output, Output::Send(_, Command::AutoClaim { .. }));
        server.trace[since..].iter().filter(claim).count()
    };
    let since = server.trace.len();
    server.idle_for(secs(298));
    assert_eq!(claims(&server, since), 0);
    server.idle_for(secs(5));
    assert!(claims(&server, since) > 0);
}

#[test]
fn what_was_never_delivered_before_waits_for_nobody() {
    let mut server = limited_with(&["arith", "other"]);
    server.take_over(vec![add(5)]);
    server.ok("count 5", counted(2));
    let fresh = entry(6, &[("envelope", r#"{"jsonrpc":"2.0","method":"other.ping","params":{}}"#)]);
    server.answer(Lane::Reader(1), Outcome::Reply(Reply::Entries(vec![fresh])));
    assert_eq!(server.told(), ["run 5", "run 6"]);
}

#[test]
fn one_that_turns_out_to_be_somebody_else_s_or_is_put_aside_lets_the_next_one_be_taken_over() {
    for answer in [Reply::Deliveries(None), Reply::Deliveries(Some(4))] {
        let mut server = limited();
        server.take_over(vec![add(5)]);
        server.ok("count 5", answer);
        assert!(server.sent(Lane::Commands).contains(&"claim 1 from 0-0".to_owned()));
    }
}

#[test]
fn a_question_whose_answer_was_lost_is_asked_again_and_counted_once() {
    for (lost, again) in [(unknown(), false), (not_sent(), true)] {
        let mut server = limited();
        server.take_over(vec![add(5)]);
        assert!(matches!(
            server.oldest(Lane::Commands),
            Command::CountDelivery { raise: true, .. }
        ));
        server.answer_to("count 5", lost);
        server.lose(Lane::Commands);
        server.idle_for(ms(100));
        server.connect(Lane::Commands);
        while server.sent(Lane::Commands)[0] != "count 5" {
            let answer = healthy_answer(server.oldest(Lane::Commands));
            server.answer(Lane::Commands, Outcome::Reply(answer));
        }
        let Command::CountDelivery { raise, .. } = server.oldest(Lane::Commands) else { panic!() };
        assert_eq!(*raise, again);
    }
}

#[test]
fn a_count_that_is_refused_for_now_is_tried_again_and_one_that_is_refused_for_good_is_not_needed() {
    let mut server = limited();
    server.take_over(vec![add(5)]);
    server.answer_to("count 5", refused("OOM"));
    assert_eq!(server.told(), [""; 0], "it isn't begun uncounted");
    assert!(matches!(server.take_events()[..], [Event::CommandRefused { .. }]));
    server.advance(ms(100));
    server.answer_to("count 5", refused("NOPERM"));
    assert_eq!(server.told(), ["run 5"]);
}

#[test]
fn in_a_service_with_several_slots_suspects_still_begin_one_at_a_time_and_fresh_ones_next_to_them()
{
    let options = ServerOptions { max_deliveries: Some(3), ..options() };
    let four = Concurrency::Concurrent(4.try_into().unwrap());
    let mut server = running_at_once(options, &[("arith", four)]);
    server.core.services[0].removal.never();
    server.take_over(vec![ping(5)]);
    server.ok("count 5", counted(2));
    server.deliver(vec![ping(8), ping(9)]);
    assert_eq!(server.told(), ["run 5", "run 8", "run 9"]);
    assert_eq!(server.looks(), [""; 0]);
    server.finish(5);
    assert_eq!(server.looks(), ["claim 1 from 0-0"]);
}

#[test]
fn those_that_wait_for_their_turn_take_no_slot_from_what_comes_in() {
    let options = ServerOptions { max_deliveries: Some(3), ..options() };
    let four = Concurrency::Concurrent(4.try_into().unwrap());
    let mut server = running_at_once(options, &[("arith", four)]);
    server.core.services[0].claim_at = None;
    server.core.services[0].removal.never();
    server.lose(ARITH);
    server.idle_for(ms(100));
    server.connect(ARITH);
    server.ok("kill 2", Reply::Count(1));
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    server.deliver((1..=4).map(ping).collect());
    server.ok("count 1", counted(2));
    assert_eq!(server.told(), ["run 1"], "one of four that were delivered before");
    assert_eq!(server.sent(ARITH), ["read 3"], "and as many are read as there are free slots");
}
