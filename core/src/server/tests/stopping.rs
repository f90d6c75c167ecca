//! A stop finishes what runs, hands back what was not begun, and leaves nothing behind, in bounded time.

use super::*;
use crate::testing::{fault, ms, refused, secs, unknown};

const REMOVE: &str = "remove arith:me";

fn report(finished: u64, handed_back: u64, aborted: u64) -> StopReport {
    StopReport { finished, handed_back, aborted }
}

#[test]
fn an_idle_server_ends_its_read_removes_its_consumer_and_is_stopped() {
    let mut server = running();
    server.stop(secs(5));
    assert_eq!(server.sent(Lane::Commands), ["unblock 2"], "not cancelled: it may bring an entry");
    server.ok("unblock 2", Reply::Count(1));
    server.deliver(vec![]);
    server.ok(REMOVE, Reply::Count(1));
    assert_eq!(server.stopped, [report(0, 0, 0)]);
    assert_eq!((server.open_lanes(), server.timeout()), (vec![], None));
}

#[test]
fn a_read_that_has_not_begun_to_block_is_ended_again_after_20_ms() {
    let mut server = running();
    server.stop(secs(5));
    server.ok("unblock 2", Reply::Count(0));
    for _ in 0..3 {
        server.advance(ms(19));
        assert_eq!(server.sent(Lane::Commands), [""; 0]);
        server.advance(ms(1));
        server.ok("unblock 2", Reply::Count(0));
    }
    server.deliver(vec![]);
    server.ok(REMOVE, Reply::Count(1));
    assert_eq!(server.stopped.len(), 1);
}

#[test]
fn without_a_number_the_read_ends_by_itself() {
    let mut server = idle(options(), &["arith"]);
    server.input(ServerInput::Start);
    server.opened(Lane::Commands, Ok(None));
    server.ok("create arith at 0", Reply::Done);
    server.opened(ARITH, Ok(None));
    server.ok("claim 1 from 0-0", claimed(0, vec![]));
    server.stop(secs(5));
    assert_eq!(server.sent(Lane::Commands), [""; 0]);
    server.deliver(vec![]);
    server.ok(REMOVE, Reply::Count(1));
    assert_eq!(server.stopped.len(), 1);
}

#[test]
fn what_runs_is_finished_and_what_waits_is_handed_back() {
    let mut server = running();
    server.deliver(vec![add(1), add(2), ping(3)]);
    server.told();
    server.stop(secs(5));
    server.ok("release 2 3", Reply::Ids(vec![id(2), id(3)]));
    server.advance(secs(4));
    server.finish(1);
    assert_eq!(server.told(), [""; 0], "nothing begins after a stop");
    while server.sent(Lane::Commands)[0] != REPLY {
        server.answer(Lane::Commands, Outcome::Reply(Reply::Ids(vec![id(1)])));
    }
    server.ok(REPLY, Reply::Added(id(1)));
    server.ok("expire p:replies:c", Reply::Count(1));
    server.ok("ack 1", Reply::Count(1));
    assert_eq!(server.stopped, [report(1, 2, 0)]);
    let removed =
        |output: &Output<_>| matches!(output, Output::Send(_, Command::RemoveConsumer { .. }));
    assert!(!server.trace.iter().any(removed), "it would throw away what was handed back");
}

#[test]
fn an_entry_that_arrives_during_the_stop_is_handed_back() {
    let mut server = running();
    server.stop(secs(5));
    server.ok("unblock 2", Reply::Count(1));
    server.deliver(vec![add(1), entry(2, &[])]);
    assert_eq!(server.told(), [""; 0]);
    server.ok("release 1 2", Reply::Ids(vec![id(1), id(2)]));
    assert_eq!(server.stopped, [report(0, 2, 0)]);
}

#[test]
fn only_what_the_store_released_counts_as_handed_back() {
    let mut server = running();
    server.deliver(vec![add(1), add(2), add(3)]);
    server.stop(secs(5));
    server.ok("release 2 3", Reply::Ids(vec![id(3)]));
    server.settle(1);
    assert_eq!(server.stopped, [report(1, 1, 0)]);
}

#[test]
fn when_others_have_taken_everything_the_consumer_is_removed() {
    let mut server = running();
    server.deliver(vec![add(1), add(2)]);
    server.stop(secs(5));
    server.ok("release 2", Reply::Ids(vec![]));
    server.settle(1);
    server.ok(REMOVE, Reply::Count(1));
    assert_eq!(server.stopped, [report(1, 0, 0)]);
}

#[test]
fn a_handler_that_outlasts_the_grace_is_dropped_and_its_entry_handed_back() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    server.told();
    server.stop(secs(5));
    server.advance(secs(5) - ms(1));
    assert_eq!(server.told(), [""; 0]);
    server.advance(ms(1));
    assert_eq!(server.told(), ["abort 1"]);
    server.ok("release 1", Reply::Ids(vec![id(1)]));
    assert_eq!(server.stopped, [report(0, 1, 1)]);
    server.end(1, JobOutcome::Done(None));
    assert_eq!(server.stopped.len(), 1, "its outcome isn't wanted any more");
}

#[test]
fn a_stop_without_grace_drops_what_runs_at_once() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    server.told();
    server.stop(Duration::ZERO);
    assert_eq!(server.told(), ["abort 1"]);
}

#[test]
fn the_option_says_how_long_a_stop_waits_if_nobody_else_does() {
    let mut server =
        running_with(ServerOptions { shutdown_grace: secs(3), ..options() }, &["arith"]);
    server.deliver(vec![add(1)]);
    server.told();
    server.input(ServerInput::Stop { grace: None });
    server.advance(secs(3) - ms(1));
    assert_eq!(server.told(), [""; 0]);
    server.advance(ms(1));
    assert_eq!(server.told(), ["abort 1"]);
}

#[test]
fn a_second_stop_may_only_shorten_the_grace() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    server.told();
    server.stop(secs(5));
    server.stop(secs(60));
    server.advance(secs(1));
    server.stop(secs(1));
    server.advance(secs(1));
    assert_eq!(server.told(), ["abort 1"]);
    server.ok("release 1", Reply::Ids(vec![id(1)]));
    assert_eq!(server.stopped.len(), 1, "one outcome for all who wait");
    server.stop(secs(1));
    assert_eq!(server.stopped, [report(0, 1, 1); 2]);
}

#[test]
fn leases_are_renewed_during_the_grace() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    server.stop(secs(3600));
    server.advance(secs(20));
    assert_eq!(server.sent(Lane::Commands), ["renew 1"]);
}

#[test]
fn a_silent_store_holds_up_a_stop_for_one_second_after_the_grace() {
    let mut server = running();
    server.stop(secs(5));
    server.advance(secs(6) - ms(1));
    assert_eq!(server.stopped, []);
    server.advance(ms(1));
    assert_eq!(server.stopped, [report(0, 0, 0)]);
    assert_eq!((server.open_lanes(), server.timeout()), (vec![], None));
}

#[test]
fn without_a_connection_and_with_nothing_in_hand_a_stop_is_over_at_once() {
    let mut server = running();
    server.lose(ARITH);
    server.answer_to("ping", unknown());
    server.stop(secs(5));
    assert_eq!(server.stopped, [report(0, 0, 0)]);
}

#[test]
fn without_a_connection_a_stop_waits_for_one_while_there_is_something_in_hand() {
    // (what is in hand, the entries, which of them ends before the connection is lost, what leaves with the next one)
    for (what, entries, ends, sent) in [
        ("an ack", vec![ping(1)], 1, "ack 1"),
        ("a reply", vec![add(1)], 1, REPLY),
        ("a hand-back", vec![ping(1), add(2), add(3)], 1, "release 3"),
    ] {
        let lost = || {
            let mut server = running();
            server.deliver(entries.clone());
            server.finish(ends);
            server.lose(Lane::Commands);
            server.stop(secs(5));
            server
        };
        let mut server = lost();
        assert_eq!(server.stopped, [], "{what}");
        server.advance(ms(100));
        server.connect(Lane::Commands);
        assert!(server.sent(Lane::Commands).contains(&sent.to_owned()), "{what}");

        let mut server = lost();
        for _ in 0..60 {
            for lane in server.opening() {
                server.opened(lane, Err(fault("refused")));
            }
            server.advance(ms(100));
        }
        assert_eq!(server.stopped.len(), 1, "{what}: in bounded time all the same");
    }
}

#[test]
fn a_read_under_way_is_awaited_even_without_a_commands_connection() {
    let mut server = running();
    server.deliver(vec![ping(1)]);
    server.settle_ping(1);
    server.deliver(vec![ping(2)]);
    server.finish(2);
    server.lose(Lane::Commands);
    assert_eq!(server.sent(ARITH).len(), 1);
    server.stop(secs(5));
    server.deliver(vec![add(3)]);
    server.advance(ms(100));
    server.connect(Lane::Commands);
    server.ok("release 3", Reply::Ids(vec![id(3)]));
    server.ok("ack 2", Reply::Count(1));
    assert_eq!(server.stopped, [report(0, 1, 0)]);
}

impl Server {
    fn settle_ping(&mut self, entry: u64) {
        self.finish(entry);
        self.ok(&format!("ack {entry}"), Reply::Count(1));
    }
}

#[test]
fn a_hand_back_that_may_not_have_happened_is_repeated() {
    let mut server = running();
    server.deliver(vec![add(1), add(2)]);
    server.stop(secs(5));
    server.answer_to("release 2", unknown());
    server.advance(ms(100));
    server.connect(Lane::Commands);
    server.ok("release 2", Reply::Ids(vec![id(2)]));
    server.settle(1);
    assert_eq!(server.stopped, [report(1, 1, 0)]);
}

#[test]
fn a_refused_hand_back_leaves_the_entries_to_the_claim_idle_and_the_consumer_where_it_is() {
    let mut server = running();
    server.deliver(vec![add(1), add(2)]);
    server.stop(secs(5));
    server.answer_to("release 2", refused("NOPERM"));
    server.settle(1);
    assert_eq!(server.stopped, [report(1, 0, 0)]);
}

#[test]
fn a_removal_that_may_not_have_happened_is_repeated_if_that_is_possible() {
    let mut server = running();
    server.stop(secs(5));
    server.ok("unblock 2", Reply::Count(1));
    server.deliver(vec![]);
    server.answer_to(REMOVE, unknown());
    assert_eq!(server.stopped.len(), 1, "nothing else is in hand");
}

#[test]
fn an_entry_claimed_during_the_stop_is_handed_back() {
    let mut server = running();
    server.core.services[0].removal.never();
    server.advance(secs(1));
    server.stop(secs(5));
    server.ok("claim 1 from 0-0", claimed(9, vec![add(5)]));
    server.ok("unblock 2", Reply::Count(1));
    server.deliver(vec![]);
    assert_eq!(server.sent(Lane::Commands), ["release 5"], "and no further page is claimed");
    server.ok("release 5", Reply::Ids(vec![id(5)]));
    assert_eq!(server.stopped, [report(0, 1, 0)]);
}

#[test]
fn a_stop_ends_all_services_before_it_is_over() {
    let mut server = running_with(options(), &["arith", "other"]);
    server.stop(secs(5));
    assert_eq!(server.sent(Lane::Commands), ["unblock 2", "unblock 3"]);
    server.ok("unblock 2", Reply::Count(1));
    server.ok("unblock 3", Reply::Count(1));
    server.deliver(vec![]);
    server.ok(REMOVE, Reply::Count(1));
    assert_eq!(server.stopped, []);
    server.answer(Lane::Reader(1), Outcome::Reply(Reply::Entries(vec![])));
    server.ok("remove other:me", Reply::Count(1));
    assert_eq!(server.stopped.len(), 1);
}

#[test]
fn a_start_during_the_stop_is_an_error() {
    let mut server = running();
    server.stop(secs(5));
    server.input(ServerInput::Start);
    assert_eq!(server.started, [Err(StartError::Stopped)]);
}

#[test]
fn reply_streams_written_to_again_get_their_time_to_live_before_the_stop_is_over() {
    let mut server = running();
    server.deliver(vec![add(1), add(2)]);
    server.settle(1);
    server.finish(2);
    server.ok(REPLY, Reply::Added(id(1)));
    server.stop(secs(5));
    server.ok("ack 2", Reply::Count(1));
    server.ok("unblock 2", Reply::Count(1));
    server.deliver(vec![]);
    server.ok(REMOVE, Reply::Count(1));
    server.ok("expire p:replies:c", Reply::Count(1));
    assert_eq!(server.stopped.len(), 1);
}
