//! Done entries are removed, and reply streams get their time to live.

use super::*;
use crate::testing::{ms, refused, secs, unknown};

impl Server {
    /// Lets `during` pass, a second at a time, in a healthy store. How often it trimmed.
    fn trims(&mut self, during: u64) -> usize {
        let before = self.trace.len();
        for _ in 0..during {
            self.idle_for(secs(1));
        }
        let trim =
            |output: &&Output<_>| matches!(output, Output::Send(_, Command::TrimDone { .. }));
        self.trace[before..].iter().filter(trim).count()
    }
}

#[test]
fn done_entries_are_removed_every_second_while_there_are_any() {
    let mut server = running();
    for at in 1..=5 {
        server.deliver(vec![ping(at)]);
        server.finish(at);
        server.ok(&format!("ack {at}"), Reply::Count(1));
        assert_eq!(server.trims(1), 1);
    }
}

#[test]
fn an_idle_server_removes_every_10_s_what_others_have_done() {
    let mut server = running();
    server.trims(20);
    assert_eq!(server.trims(100), 10);
}

#[test]
fn nothing_is_removed_where_all_is_to_be_kept() {
    let options = ServerOptions { retention: Retention::KeepAll, ..options() };
    let mut server = running_with(options, &["arith"]);
    assert_eq!(server.trims(60), 0);
}

#[test]
fn a_refused_removal_is_told_and_changes_nothing_else() {
    let mut server = running();
    server.advance(secs(1));
    server.answer_to("trim", refused("NOPERM"));
    assert!(matches!(server.take_events()[..], [Event::CommandRefused { .. }]));
    server.deliver(vec![add(1)]);
    assert_eq!(server.told(), ["run 1"]);
}

#[test]
fn nothing_is_removed_without_a_connection() {
    let mut server = running();
    server.lose(ARITH);
    server.answer_to("ping", unknown());
    server.advance(secs(5));
    assert!(!server.open_lanes().contains(&Lane::Commands));
    server.connect_all();
    server.idle_for(secs(12));
    assert!(server.open_lanes().contains(&Lane::Commands));
}

const EXPIRE: &str = "expire p:replies:c";

#[test]
fn a_reply_stream_gets_its_time_to_live_with_the_first_reply_and_then_once_a_second() {
    let options = ServerOptions { retention: Retention::KeepAll, ..options() };
    let mut server = running_with(options, &["arith"]);
    server.deliver((1..=9).map(add).collect());
    server.finish(1);
    server.ok(REPLY, Reply::Added(id(1)));
    let Command::Expire { ttl, .. } = server.oldest(Lane::Commands) else { panic!() };
    assert_eq!(*ttl, secs(3600));
    server.ok(EXPIRE, Reply::Count(1));
    server.ok("ack 1", Reply::Count(1));
    for at in 2..=4 {
        server.finish(at);
        server.ok(REPLY, Reply::Added(id(1)));
        server.ok(&format!("ack {at}"), Reply::Count(1));
    }
    server.advance(secs(1));
    server.ok(EXPIRE, Reply::Count(1));
    server.advance(secs(9));
    assert_eq!(server.sent(Lane::Commands), [""; 0], "nothing was written since");
    server.finish(5);
    server.ok(REPLY, Reply::Added(id(1)));
    server.ok(EXPIRE, Reply::Count(1));
}

#[test]
fn a_time_to_live_that_may_not_have_been_set_is_set_again() {
    let options = ServerOptions { retention: Retention::KeepAll, ..options() };
    let mut server = running_with(options, &["arith"]);
    server.deliver(vec![add(1)]);
    server.finish(1);
    server.ok(REPLY, Reply::Added(id(1)));
    server.answer_to(EXPIRE, unknown());
    server.answer_to("ack 1", unknown());
    server.advance(ms(100));
    server.connect(Lane::Commands);
    server.ok("ack 1", Reply::Count(1));
    server.advance(secs(1));
    server.ok(EXPIRE, Reply::Count(1));
    server.advance(secs(3));
    assert_eq!(server.sent(Lane::Commands), [""; 0]);
}

#[test]
fn a_time_to_live_that_is_due_without_a_connection_is_set_with_a_later_one() {
    let options = ServerOptions { retention: Retention::KeepAll, ..options() };
    let mut server = running_with(options, &["arith"]);
    server.deliver(vec![add(1), add(2)]);
    server.settle(1);
    server.finish(2);
    server.ok(REPLY, Reply::Added(id(1)));
    server.answer_to("ack 2", unknown());
    server.advance(secs(3));
    server.connect(Lane::Commands);
    server.ok("ack 2", Reply::Count(1));
    server.advance(secs(1));
    server.ok(EXPIRE, Reply::Count(1));
}
