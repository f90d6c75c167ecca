//! After a reconnect: what the dead socket may still swallow, and what it was given without our knowing.

use super::*;
use crate::testing::{fault, ms, not_sent, refused, secs, unknown};

/// One whose reader was lost in a read, and is open again. The commands connection survived.
fn reader_lost() -> Server {
    let options = ServerOptions { retention: Retention::KeepAll, ..options() };
    let mut server = running_with(options, &["arith"]);
    server.lose(ARITH);
    server.ok("ping", Reply::Done);
    server.advance(ms(100));
    server
}

#[test]
fn the_old_connection_is_killed_then_the_own_pending_list_is_read_then_new_entries() {
    let mut server = reader_lost();
    server.connect(ARITH);
    assert_eq!(server.sent(ARITH), [""; 0], "its read may still take the next entry");
    server.ok("kill 2", Reply::Count(1));
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    server.deliver(vec![add(3), deleted(4)]);
    assert_eq!(server.sent(Lane::Commands), ["count 3", "ack 4"]);
    server.ok("count 3", counted(2));
    assert_eq!(server.told(), ["run 3"]);
    server.ok("ack 4", Reply::Count(1));
    server.settle(3);
    assert_eq!(server.sent(ARITH), ["read 2"], "one page was all");
    let events = server.take_events();
    assert!(matches!(events[..], [Event::Disconnected { .. }, Event::Reconnected { .. }]));
}

#[test]
fn the_own_pending_list_is_read_page_by_page() {
    let mut server = reader_lost();
    server.connect(ARITH);
    server.ok("kill 2", Reply::Count(0));
    let Command::ReadOwnPending { count: 16, .. } = server.oldest(ARITH) else { panic!() };
    server.deliver((1..=16).map(ping).collect());
    assert_eq!(server.sent(ARITH), ["own pending after 16-0"]);
    let Command::ReadOwnPending { count: 64, .. } = server.oldest(ARITH) else {
        panic!("they are small")
    };
    server.deliver((17..=80).map(ping).collect());
    assert_eq!(server.sent(ARITH), ["own pending after 80-0"]);
    server.deliver(vec![]);
    assert_eq!(server.core.services[0].held.len(), 80);
}

#[test]
fn what_still_runs_here_is_not_run_again() {
    let mut server = running();
    server.deliver(vec![add(9)]);
    server.settle(9);
    server.deliver(vec![add(1), add(2)]);
    assert_eq!(server.told(), ["run 1"]);
    server.advance(ms(10));
    server.finish(1);
    assert_eq!(server.told(), ["run 2"]);
    server.lose(Lane::Commands);
    server.advance(ms(100));
    server.connect(Lane::Commands);
    // One reply is lost and sent again, one handler runs, when the reader comes back as well.
    let mut server = server;
    while server.sent(ARITH).is_empty() {
        let (wait, _) = server.timeout().unwrap();
        server.advance(wait);
        while !server.sent(Lane::Commands).is_empty() {
            let answer = healthy_answer(server.oldest(Lane::Commands));
            server.answer(Lane::Commands, Outcome::Reply(answer));
        }
        if server.now > Time::ZERO + secs(1) {
            server.finish(2);
        }
    }
    server.lose(ARITH);
    server.advance(ms(100));
    server.connect(ARITH);
    while !server.sent(Lane::Commands).is_empty() {
        let answer = healthy_answer(server.oldest(Lane::Commands));
        server.answer(Lane::Commands, Outcome::Reply(answer));
    }
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    server.deliver(vec![]);
    assert_eq!(server.told(), [""; 0]);
}

#[test]
fn a_connection_that_can_not_be_killed_is_waited_out() {
    for can_not in ["no number", "refused"] {
        let mut server = if can_not == "refused" {
            reader_lost()
        } else {
            let mut server = idle(options(), &["arith"]);
            server.input(ServerInput::Start);
            server.opened(Lane::Commands, Ok(None));
            server.ok("create arith at 0", Reply::Done);
            server.opened(ARITH, Ok(None));
            server.ok("claim 1 from 0-0", claimed(0, vec![]));
            server.lose(ARITH);
            server.ok("ping", Reply::Done);
            server.advance(ms(100));
            server
        };
        if can_not == "refused" {
            server.connect(ARITH);
            server.answer_to("kill 2", refused("NOPERM"));
        } else {
            server.opened(ARITH, Ok(None));
        }
        server.advance(secs(2) - ms(1));
        assert_eq!(server.sent(ARITH), [""; 0], "{can_not}: a second of BLOCK, and one of slack");
        server.advance(ms(1));
        assert_eq!(server.sent(ARITH), ["own pending after 0-0"], "{can_not}");
    }
}

#[test]
fn a_store_that_was_restarted_counts_its_connections_anew_and_nobody_is_killed() {
    for number in [1, 2] {
        let mut server = reader_lost();
        server.opened(ARITH, Ok(Some(number)));
        assert_eq!(server.sent(Lane::Commands), [""; 0], "the number may be anybody's");
        assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    }
}

#[test]
fn a_kill_that_may_not_have_happened_is_repeated() {
    for outcome in [unknown(), not_sent()] {
        let mut server = reader_lost();
        server.connect(ARITH);
        server.answer_to("kill 2", outcome);
        server.advance(ms(100));
        server.connect(Lane::Commands);
        server.ok("kill 2", Reply::Count(0));
        assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    }
}

#[test]
fn when_both_connections_are_lost_the_kill_waits_for_the_commands_connection() {
    let mut server = running();
    server.lose(ARITH);
    server.answer_to("ping", unknown());
    server.advance(ms(100));
    server.connect(ARITH);
    assert_eq!(server.sent(ARITH), [""; 0]);
    server.connect(Lane::Commands);
    server.ok("kill 2", Reply::Count(0));
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
}

#[test]
fn a_reader_that_is_lost_while_it_reads_the_own_pending_list_starts_over() {
    let mut server = reader_lost();
    server.connect(ARITH);
    server.ok("kill 2", Reply::Count(1));
    server.deliver((1..=64).map(ping).collect());
    assert_eq!(server.sent(ARITH), ["own pending after 64-0"]);
    server.lose(ARITH);
    server.advance(ms(100));
    server.connect(ARITH);
    while let Some(sent) = server.sent(Lane::Commands).first().cloned() {
        let answer = healthy_answer(server.oldest(Lane::Commands));
        server.answer(Lane::Commands, Outcome::Reply(answer));
        if sent == "kill 3" {
            break;
        }
    }
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
}

#[test]
fn an_own_pending_list_that_is_refused_is_read_later() {
    for refusal in ["LOADING", "NOGROUP"] {
        let mut server = reader_lost();
        server.connect(ARITH);
        server.ok("kill 2", Reply::Count(1));
        server.answer(ARITH, refused(refusal));
        server.advance(ms(100));
        server.answer_to("create arith at 0", refused("BUSYGROUP"));
        assert_eq!(server.sent(ARITH), ["own pending after 0-0"], "{refusal}");
    }
}

#[test]
fn an_own_pending_list_that_is_to_be_read_survives_a_refused_read() {
    let mut server = running();
    server.core.services[0].scan_own_pending();
    server.answer(ARITH, refused("LOADING"));
    server.advance(ms(100));
    server.answer_to("create arith at 0", refused("BUSYGROUP"));
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
}

#[test]
fn an_own_pending_list_that_may_have_grown_below_the_page_is_read_again() {
    let mut server = reader_lost();
    server.connect(ARITH);
    server.ok("kill 2", Reply::Count(1));
    server.core.services[0].scan_own_pending();
    server.deliver((1..=64).map(ping).collect());
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    server.core.services[0].scan_own_pending();
    server.deliver(vec![]);
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    server.deliver(vec![]);
    assert!(!server.sent(ARITH).contains(&"own pending after 0-0".to_owned()));
}

#[test]
fn a_silent_reader_is_replaced_and_so_is_a_silent_commands_connection() {
    let mut server = undisturbed();
    server.advance(secs(10));
    assert!(server.open_lanes().contains(&ARITH));
    server.advance(secs(1));
    assert!(!server.open_lanes().contains(&ARITH), "its answer was due after 1 + 10 s");
    server.idle_for(ms(100));
    server.connect(ARITH);
    assert_eq!(server.sent(Lane::Commands), ["kill 2"]);
    server.advance(secs(10));
    assert!(!server.open_lanes().contains(&Lane::Commands));
    let lost = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert_eq!(server.take_events().iter().filter(|event| lost(event)).count(), 2);
}

#[test]
fn a_reader_that_falls_silent_makes_it_ask_for_the_commands_connection() {
    let mut server = undisturbed();
    server.advance(secs(11));
    assert_eq!(server.sent(Lane::Commands), ["ping"]);
}

#[test]
fn a_loss_is_told_once_and_tried_again_with_growing_waits() {
    let mut server = running();
    server.lose(ARITH);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let since = server.now;
        while !server.opening().contains(&ARITH) {
            let (wait, _) = server.timeout().unwrap();
            server.idle_for(wait);
        }
        waits.push(server.now - since);
        server.opened(ARITH, Err(fault("refused")));
    }
    for (wait, whole) in waits.iter().zip([100, 200, 400, 800, 1600, 3200, 6400]) {
        assert!(*wait <= ms(whole) && *wait >= ms(whole) / 2, "{waits:?}");
    }
    assert_eq!(server.take_events().len(), 1);
}

#[test]
fn the_first_connection_that_is_back_ends_the_waits_of_the_others() {
    let mut server = running_with(options(), &["arith", "other"]);
    for _ in 0..8 {
        for lane in [Lane::Commands, ARITH, Lane::Reader(1)] {
            server.lose(lane);
            if server.opening().contains(&lane) {
                server.opened(lane, Err(fault("gone")));
            }
        }
        server.advance(secs(30));
    }
    for lane in [ARITH, Lane::Reader(1)] {
        if server.opening().contains(&lane) {
            server.opened(lane, Err(fault("gone")));
        }
    }
    if !server.opening().contains(&Lane::Commands) {
        server.advance(secs(30));
    }
    server.connect(Lane::Commands);
    server.advance(Duration::ZERO);
    let waiting =
        [ARITH, Lane::Reader(1)].into_iter().filter(|lane| !server.opening().contains(lane));
    assert_eq!(waiting.count(), 0, "both are opened at once");
}
