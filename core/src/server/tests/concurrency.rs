//! Services that run several requests at once, and those that keep some of them in order.

use super::*;
use crate::testing::{ms, refused, secs};

/// Without the upkeep that these tests aren't about.
fn with(concurrency: Concurrency) -> Server {
    let options = ServerOptions { retention: Retention::KeepAll, ..options() };
    running_at_once(options, &[("arith", concurrency)])
}

fn concurrent(slots: usize) -> Server {
    with(Concurrency::Concurrent(slots))
}

fn ordered(slots: usize) -> Server {
    with(Concurrency::Ordered(slots))
}

/// A request with that parameter `a`.
fn add_of(at: u64, a: &str) -> Entry {
    let envelope =
        format!(r#"{{"jsonrpc":"2.0","method":"arith.add","params":{{"a":"{a}"}},"id":{at}}}"#);
    entry(at, &[("envelope", &envelope), ("reply-to", "p:replies:c")])
}

impl Server {
    /// A healthy store with nothing new, until a command of this kind is the next to be answered.
    fn until(&mut self, wanted: &str) {
        for _ in 0..200 {
            match self.sent(Lane::Commands).first() {
                Some(sent) if sent.starts_with(wanted) => return,
                Some(_) => {
                    let answer = healthy_answer(self.oldest(Lane::Commands));
                    self.answer(Lane::Commands, Outcome::Reply(answer));
                }
                None => {
                    if !self.sent(ARITH).is_empty() {
                        self.deliver(vec![]);
                    }
                    self.advance(ms(500));
                }
            }
        }
        panic!("never: {wanted}");
    }

    /// A healthy store answers all that is under way.
    fn settle_all(&mut self) {
        while !self.sent(Lane::Commands).is_empty() {
            let answer = healthy_answer(self.oldest(Lane::Commands));
            self.answer(Lane::Commands, Outcome::Reply(answer));
        }
    }

    fn key(&mut self, entry: u64, key: Keyed) {
        self.input(ServerInput::Keyed { service: 0, entry: id(entry), key });
    }

    /// Delivers requests, and gives each the key that its params name.
    fn deliver_keyed(&mut self, entries: &[(u64, &str)]) {
        self.deliver(entries.iter().map(|(at, a)| add_of(*at, a)).collect());
        self.told();
        for (at, a) in entries {
            self.key(*at, Keyed::Key(Bytes::copy_from_slice(a.as_bytes())));
        }
    }
}

#[test]
fn how_many_may_run_at_once_is_checked_when_a_service_is_registered() {
    let mut server = idle(options(), &[]);
    for slots in [0, 513, usize::MAX] {
        for concurrency in [Concurrency::Concurrent(slots), Concurrency::Ordered(slots)] {
            let service = contract("arith").service().clone();
            let refused = RegisterError::Concurrency { service, asked: slots, most: 512 };
            let outcome = server.core.register_with(contract("arith"), concurrency);
            assert_eq!(outcome, Err(refused));
        }
    }
    for (name, concurrency, serial) in [
        ("one", Concurrency::Serial, true),
        ("two", Concurrency::Concurrent(1), true),
        ("three", Concurrency::Ordered(1), true),
        ("four", Concurrency::Concurrent(512), false),
        ("five", Concurrency::Ordered(2), false),
    ] {
        let at = server.core.register_with(contract(name), concurrency).unwrap();
        assert_eq!(server.core.is_serial(at), serial, "{concurrency:?}");
    }
}

#[test]
fn a_concurrent_service_runs_as_many_as_it_may_and_the_next_one_when_any_ends() {
    let mut server = concurrent(2);
    server.deliver(vec![add(1), ping(2), add(3), add(4)]);
    assert_eq!(server.told(), ["run 1", "run 2"]);
    server.finish(2);
    assert_eq!(server.told(), ["run 3"], "1 still runs");
    server.finish(1);
    assert_eq!(server.told(), ["run 4"]);
}

#[test]
fn replies_and_acks_follow_the_end_of_each_handler_whatever_the_order_of_the_stream() {
    let mut server = concurrent(3);
    server.deliver(vec![add(1), add(2), add(3)]);
    server.settle(3);
    server.finish(1);
    server.finish(2);
    assert_eq!(server.sent(Lane::Commands), [REPLY, REPLY], "no ack before its reply");
    server.ok(REPLY, Reply::Added(id(2)));
    assert_eq!(server.sent(Lane::Commands), [REPLY, "ack 1"]);
}

#[test]
fn the_keys_of_an_ordered_service_are_asked_for_and_each_keys_requests_run_in_order() {
    let mut server = ordered(3);
    server.deliver(vec![add_of(1, "x"), add_of(2, "x"), ping(3), add_of(4, "y")]);
    assert_eq!(server.told(), ["key 1", "key 2", "key 3", "key 4"]);
    let keying = &server.keyings[1];
    assert_eq!((keying.service, keying.method.as_str()), (0, "add"));
    assert_eq!(&keying.params[..], br#"{"a":"x"}"#);
    for (entry, key) in [(4, "y"), (2, "x"), (1, "x")] {
        server.key(entry, Keyed::Key(Bytes::from(key)));
    }
    assert_eq!(server.told(), ["run 1"], "what follows 3 may have its key");
    server.key(3, Keyed::Free);
    assert_eq!(server.told(), ["run 3", "run 4"]);
    server.finish(4);
    server.finish(3);
    assert_eq!(server.told(), [""; 0], "2 has the key of 1");
    server.finish(1);
    assert_eq!(server.told(), ["run 2"], "it doesn't wait for the reply to be accepted");
}

#[test]
fn a_key_that_nobody_waits_for_changes_nothing() {
    let mut server = ordered(2);
    server.input(ServerInput::Keyed { service: 9, entry: id(1), key: Keyed::Free });
    server.key(1, Keyed::Free);
    server.deliver_keyed(&[(1, "x"), (2, "x")]);
    assert_eq!(server.told(), ["run 1"]);
    server.key(2, Keyed::Free);
    server.key(1, Keyed::Panicked("late".to_owned()));
    assert_eq!((server.told(), server.sent(Lane::Commands)), (vec![], vec![]));

    // Nor for a service that has no keys.
    let mut server = running();
    server.deliver(vec![add(1), add(2)]);
    server.key(2, Keyed::Panicked("why".to_owned()));
    assert_eq!((server.told(), server.events.len()), (vec!["run 1".to_owned()], 0));
}

#[test]
fn a_key_that_panics_costs_its_own_request_and_no_other() {
    let mut server = ordered(2);
    server.deliver(vec![add(1), add(2), ping(3)]);
    server.key(2, Keyed::Key(Bytes::from_static(b"x")));
    server.key(3, Keyed::Panicked("no".to_owned()));
    server.key(1, Keyed::Panicked("bad key".to_owned()));
    assert_eq!(server.told(), ["key 1", "key 2", "key 3", "run 2"]);
    let panics = server.take_events();
    assert!(
        matches!(panics[..], [
        Event::HandlerPanicked { .. },
        Event::NotificationFailed { .. },
        Event::HandlerPanicked { .. }
    ] if panics.len() == 3),
        "{panics:?}"
    );
    server.ok("ack 3", Reply::Count(1));
    assert_eq!(server.reply()["error"]["code"], json!(-32603));
    assert_eq!(server.reply()["error"]["data"]["message"], json!("bad key"));
    server.ok(REPLY, Reply::Added(id(1)));
    assert_eq!(server.sent(Lane::Commands), ["expire p:replies:c", "ack 1"]);
}

#[test]
fn an_entry_that_the_store_must_be_asked_about_holds_up_its_own_lane_only() {
    let mut server = ordered(2);
    server.until("claim");
    let taken = vec![add_of(1, "x"), add_of(2, "x")];
    server.answer(Lane::Commands, Outcome::Reply(claimed(0, taken)));
    server.key(1, Keyed::Key(Bytes::from_static(b"x")));
    server.key(2, Keyed::Key(Bytes::from_static(b"x")));
    assert_eq!(server.told(), ["key 1", "key 2"]);
    server.deliver_keyed(&[(3, "y")]);
    assert_eq!(server.told(), ["run 3"], "nobody knows yet how often 1 was delivered");
    let asked = server.sent(Lane::Commands);
    assert_eq!(asked.iter().filter(|sent| sent.starts_with("count")).count(), 1, "{asked:?}");
    server.until("count");
    server.ok("count 1", counted(2));
    assert_eq!(server.told(), ["run 1"]);
    assert_eq!(server.jobs[&1].deliveries, 2);
}

#[test]
fn without_a_connection_to_ask_over_what_need_not_be_asked_about_runs() {
    let mut server = concurrent(2);
    server.until("claim");
    server.answer(Lane::Commands, Outcome::Reply(claimed(0, vec![add(1)])));
    server.lose(Lane::Commands);
    server.deliver(vec![add(2), add(3)]);
    assert_eq!(server.told(), ["run 2", "run 3"]);
    server.finish(2);
    assert_eq!(server.told(), [""; 0], "nobody can be asked about 1");
    server.advance(ms(100));
    server.connect_all();
    server.until("count");
    server.ok("count 1", counted(2));
    assert_eq!(server.told(), ["run 1"]);
}

#[test]
fn leases_that_may_have_run_out_are_renewed_together_before_their_entries_run() {
    let mut server = concurrent(2);
    server.deliver(vec![add(1), add(2), add(3), add(4)]);
    assert_eq!(server.told(), ["run 1", "run 2"]);
    server.lose(ARITH);
    server.freeze(secs(50));
    server.until("renew");
    assert_eq!(server.sent(Lane::Commands)[0], "renew 1 2 3 4");
    server.answer(Lane::Commands, refused("OOM"));
    server.finish(1);
    server.finish(2);
    assert_eq!(server.told(), [""; 0], "3 and 4 may be somebody else's");
    server.until("renew");
    assert_eq!(server.sent(Lane::Commands)[0], "renew 3 4");
    server.settle_all();
    assert_eq!(server.told(), ["run 3", "run 4"]);
}

#[test]
fn every_running_entry_is_renewed_and_one_that_is_lost_touches_no_other() {
    let mut server = concurrent(3);
    server.deliver(vec![add(1), add(2), add(3)]);
    assert_eq!(server.told(), ["run 1", "run 2", "run 3"]);
    server.until("renew");
    assert_eq!(server.sent(Lane::Commands)[0], "renew 1 2 3");
    server.answer(Lane::Commands, Outcome::Reply(Reply::Ids(vec![id(1), id(3)])));
    assert_eq!(server.told(), ["lost 2"]);
    server.settle_all();
    for entry in [3, 2, 1] {
        server.finish(entry);
        server.settle_all();
    }
    assert!(server.core.services[0].held.is_empty());
    assert_eq!(server.events.len(), 1, "{:?}", server.events);
}

#[test]
fn a_stop_lets_all_finish_that_run_and_hands_back_the_rest_whatever_it_waits_for() {
    let mut server = ordered(2);
    server.deliver(vec![add_of(1, "x"), add_of(2, "y"), add_of(3, "x"), add_of(4, "z"), add(5)]);
    for (entry, key) in [(1, "x"), (2, "y"), (3, "x"), (4, "z")] {
        server.key(entry, Keyed::Key(Bytes::from(key)));
    }
    server.told();
    server.stop(secs(5));
    let commands = server.sent(Lane::Commands);
    assert!(commands.contains(&"release 3 4 5".to_owned()), "{commands:?}");
    server.key(5, Keyed::Free);
    server.finish(1);
    assert_eq!(server.told(), [""; 0], "nothing is begun any more");
    server.advance(secs(5));
    assert_eq!(server.told(), ["abort 2"]);
    assert!(server.sent(Lane::Commands).contains(&"release 2".to_owned()));
}

#[test]
fn when_the_grace_is_over_all_handlers_are_dropped_and_their_entries_handed_back() {
    let mut server = concurrent(3);
    server.deliver(vec![add(1), add(2), add(3), add(4)]);
    server.told();
    server.stop(secs(1));
    server.advance(secs(1));
    assert_eq!(server.told(), ["abort 1", "abort 2", "abort 3"]);
    let commands = server.sent(Lane::Commands);
    assert!(commands.contains(&"release 4".to_owned()), "{commands:?}");
    assert!(commands.contains(&"release 1 2 3".to_owned()), "{commands:?}");
}

#[test]
fn what_is_delivered_again_comes_after_what_waits() {
    let mut server = ordered(2);
    server.deliver_keyed(&[(1, "x"), (2, "x")]);
    assert_eq!(server.told(), ["run 1"]);
    server.lose(ARITH);
    server.settle_all();
    server.advance(ms(100));
    server.connect(ARITH);
    server.settle_all();
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    server.deliver(vec![add_of(0, "x"), add_of(1, "x"), add_of(2, "x")]);
    assert_eq!(server.told(), ["key 0"], "1 and 2 are held");
    server.key(0, Keyed::Key(Bytes::from_static(b"x")));
    server.finish(1);
    assert_eq!(server.told(), ["run 2"]);
    server.finish(2);
    server.settle_all();
    assert_eq!(server.told(), ["run 0"]);
}

#[test]
fn free_slots_are_asked_for_and_none_when_all_are_taken() {
    let mut server = concurrent(4);
    assert_eq!(server.sent(ARITH), ["read 4"]);
    server.deliver(vec![add(1)]);
    assert_eq!(server.sent(ARITH), ["read 3"]);
    server.advance(ms(100));
    server.deliver(vec![add(2), add(3)]);
    assert_eq!(server.sent(ARITH), ["read 1"], "though 1 takes long");
    server.deliver(vec![add(4)]);
    assert_eq!(server.sent(ARITH), [""; 0], "a neighbour may have a slot free");
    server.advance(ms(100));
    server.settle(2);
    assert_eq!(server.sent(ARITH), ["read 1"]);
}

#[test]
fn what_is_held_is_bounded_with_many_slots_too() {
    let mut server = concurrent(512);
    let mut next = 0;
    for _ in 0..2000 {
        if server.sent(ARITH).is_empty() {
            break;
        }
        let Command::ReadGroup { count, .. } = server.oldest(ARITH) else { panic!() };
        let entries = (0..*count).map(|n| add(next + u64::from(n))).collect::<Vec<_>>();
        next += u64::from(*count);
        server.deliver(entries);
        for told in server.told() {
            let entry = told.strip_prefix("run ").unwrap().parse().unwrap();
            server.finish(entry);
            while !server.sent(Lane::Commands).is_empty() {
                server.answer(Lane::Commands, refused("OOM"));
            }
        }
    }
    let service = &server.core.services[0];
    assert_eq!((service.held.len(), server.sent(ARITH).len()), (1024, 0));
}

#[test]
fn an_unknown_answer_about_one_entry_holds_up_nobody_for_ever() {
    let mut server = concurrent(2);
    server.until("claim");
    server.answer(Lane::Commands, Outcome::Reply(claimed(0, vec![add(1), add(2), add(3)])));
    let sent = server.sent(Lane::Commands);
    assert!(sent.contains(&"count 1".to_owned()) && sent.contains(&"count 2".to_owned()));
    assert!(!sent.contains(&"count 3".to_owned()), "it couldn't run yet");
    server.lose(Lane::Commands);
    server.advance(ms(100));
    server.connect_all();
    server.settle_all();
    assert_eq!(server.told(), ["run 1", "run 2"]);
}
