//! A group that is gone is made anew, and reads that are refused are tried again.

use super::*;
use crate::testing::{ms, refused, secs, unknown};

fn recreated() -> Event {
    Event::GroupRecreated { service: "arith".to_owned() }
}

#[test]
fn a_lost_group_is_made_anew_at_once_at_the_start_of_the_stream_and_told_once() {
    for word in ["NOGROUP", "UNBLOCKED"] {
        let mut server = running();
        server.deliver(vec![add(5)]);
        server.settle(5);
        server.answer(ARITH, refused(word));
        assert_eq!(server.sent(ARITH), [""; 0]);
        server.ok("create arith at 0", Reply::Done);
        assert_eq!(server.sent(ARITH), ["read 4"], "and goes on");
        assert_eq!(server.take_events(), [recreated()]);
        server.deliver(vec![]);
        assert_eq!(server.events, []);
    }
}

#[test]
fn where_the_group_starts_at_first_says_nothing_about_where_a_lost_one_starts() {
    let options = ServerOptions { group_start: crate::command::GroupStart::End, ..options() };
    let mut server = running_with(options, &["arith"]);
    server.answer(ARITH, refused("NOGROUP"));
    assert_eq!(server.sent(Lane::Commands), ["create arith at 0"]);
}

#[test]
fn without_retention_a_lost_group_starts_after_what_was_certainly_done() {
    let keep_all = || {
        let options = ServerOptions { retention: Retention::KeepAll, ..options() };
        running_with(options, &["arith"])
    };
    let mut server = keep_all();
    server.answer(ARITH, refused("NOGROUP"));
    assert_eq!(server.sent(Lane::Commands), ["create arith at 0"], "nothing was");

    let mut server = keep_all();
    server.deliver(vec![add(5)]);
    server.settle(5);
    server.answer(ARITH, refused("NOGROUP"));
    assert_eq!(server.sent(Lane::Commands), ["create arith after 5-0"]);

    let mut server = keep_all();
    server.deliver(vec![add(5)]);
    server.settle(5);
    server.deliver(vec![add(7)]);
    server.answer(ARITH, refused("NOGROUP"));
    let before_7 = "create arith after 6-18446744073709551615";
    assert_eq!(server.sent(Lane::Commands), [before_7], "7 is held here");
}

#[test]
fn what_a_new_group_delivers_again_is_not_run_again_while_it_is_held() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    server.finish(1);
    assert_eq!(server.told(), [""; 0]);
    server.answer(ARITH, refused("NOGROUP"));
    server.ok(REPLY, Reply::Added(id(1)));
    server.ok("create arith at 0", Reply::Done);
    server.deliver(vec![add(1), add(2)]);
    assert_eq!(server.told(), ["run 2"]);
}

#[test]
fn another_server_may_have_made_the_group() {
    let mut server = running();
    server.answer(ARITH, refused("NOGROUP"));
    server.answer_to("create arith at 0", refused("BUSYGROUP"));
    assert_eq!((server.sent(ARITH), server.events.len()), (vec!["read 1".to_owned()], 0));
}

#[test]
fn a_group_that_is_lost_again_and_again_is_made_with_growing_waits_up_to_a_second() {
    let mut server = undisturbed();
    let mut waits = Vec::new();
    for _ in 0..7 {
        server.answer(ARITH, refused("NOGROUP"));
        let since = server.now;
        while !server.sent(Lane::Commands).contains(&"create arith at 0".to_owned()) {
            let (wait, _) = server.timeout().unwrap();
            server.advance(wait);
        }
        waits.push(server.now - since);
        while !server.sent(Lane::Commands).is_empty() {
            server.answer(Lane::Commands, Outcome::Reply(Reply::Done));
        }
    }
    for (wait, whole) in waits.iter().zip([0, 100, 200, 400, 800, 1000, 1000]) {
        assert!(*wait <= ms(whole) && *wait >= ms(whole) / 2, "{waits:?}");
    }
    server.deliver(vec![]);
    server.answer(ARITH, refused("NOGROUP"));
    assert!(server.sent(Lane::Commands).contains(&"create arith at 0".to_owned()), "at once again");
}

#[test]
fn a_read_that_is_refused_is_told_once_and_tried_again_within_a_second() {
    for word in ["WRONGTYPE", "LOADING", "NOPERM"] {
        let mut server = running();
        for _ in 0..8 {
            server.answer(ARITH, refused(word));
            assert_eq!(server.sent(ARITH), [""; 0]);
            let since = server.now;
            while server.sent(ARITH).is_empty() {
                let (wait, _) = server.timeout().unwrap();
                server.advance(wait);
                while !server.sent(Lane::Commands).is_empty() {
                    server.answer(Lane::Commands, refused("BUSYGROUP"));
                }
            }
            assert!(server.now - since <= secs(1) && server.now > since);
        }
        let events = server.take_events();
        let refusals = events.iter().filter(|event| matches!(event, Event::ReadRefused { .. }));
        assert_eq!(refusals.count(), 1, "{events:?}");
    }
}

#[test]
fn another_key_in_the_stream_s_place_stops_nothing_for_good() {
    let mut server = running();
    server.answer(ARITH, refused("WRONGTYPE"));
    server.advance(ms(100));
    server.answer_to("create arith at 0", refused("WRONGTYPE"));
    server.advance(ms(200));
    server.ok("create arith at 0", Reply::Done);
    assert_eq!(server.sent(ARITH), ["read 1"]);
    assert_eq!(server.take_events().len(), 2, "refused, and recreated");
}

#[test]
fn an_answer_of_the_wrong_kind_does_not_make_it_spin() {
    let mut server = running();
    server.answer(ARITH, Outcome::Reply(Reply::Nil));
    assert_eq!(server.sent(ARITH), [""; 0]);
    server.advance(ms(100));
    server.answer_to("create arith at 0", refused("BUSYGROUP"));
    assert_eq!(server.sent(ARITH), ["read 1"]);
}

#[test]
fn a_group_that_may_not_have_been_made_is_made_again() {
    let mut server = running();
    server.answer(ARITH, refused("NOGROUP"));
    server.answer_to("create arith at 0", unknown());
    server.advance(ms(100));
    server.connect(Lane::Commands);
    server.ok("create arith at 0", Reply::Done);
    assert_eq!(server.sent(ARITH), ["read 1"]);
}

#[test]
fn a_group_lost_while_the_commands_connection_hangs_is_made_with_the_next_one() {
    let mut server = running();
    server.answer(ARITH, refused("NOGROUP"));
    server.advance(secs(10));
    assert!(!server.open_lanes().contains(&Lane::Commands));
    server.advance(ms(100));
    server.connect(Lane::Commands);
    server.ok("create arith at 0", Reply::Done);
    assert_eq!(server.sent(ARITH), ["read 1"]);
}

#[test]
fn however_the_making_of_the_group_is_refused_it_is_tried_again() {
    for word in ["LOADING", "NOPERM", "NOGROUP", "UNBLOCKED"] {
        let mut server = running();
        server.answer(ARITH, refused("NOGROUP"));
        server.answer_to("create arith at 0", refused(word));
        server.advance(ms(100));
        server.ok("create arith at 0", Reply::Done);
        assert_eq!(server.sent(ARITH), ["read 1"], "{word}");
    }
}
