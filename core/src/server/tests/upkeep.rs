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

/// One whose first reply was just taken in.
fn replied() -> Server {
    let mut server = undisturbed();
    server.deliver(vec![add(1)]);
    server.finish(1);
    server.ok(REPLY, Reply::Added(id(1)));
    server
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
    let mut server = undisturbed();
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
    let mut server = replied();
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
fn a_time_to_live_that_is_refused_for_now_is_set_again_a_second_later_and_told_once() {
    let mut server = replied();
    server.answer_to(EXPIRE, refused("MISCONF"));
    server.ok("ack 1", Reply::Count(1));
    server.advance(secs(1));
    server.answer_to(EXPIRE, refused("MISCONF"));
    assert_eq!(server.sent(Lane::Commands), [""; 0]);
    assert_eq!(server.take_events().len(), 1);
    server.advance(secs(1));
    server.ok(EXPIRE, Reply::Count(1));
    server.advance(secs(3));
    assert_eq!(server.sent(Lane::Commands), [""; 0]);
}

#[test]
fn a_time_to_live_that_is_due_without_a_connection_is_set_with_a_later_one() {
    let mut server = undisturbed();
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

#[test]
fn a_removal_that_is_refused_again_and_again_is_told_once() {
    let mut server = running();
    for _ in 0..30 {
        server.advance(secs(1));
        server.deliver(vec![]);
        while let Some(sent) = server.sent(Lane::Commands).first() {
            let refused = refused("NOPERM");
            let answer = match sent.starts_with("trim") || sent.starts_with("remove") {
                true => refused,
                false => Outcome::Reply(healthy_answer(server.oldest(Lane::Commands))),
            };
            server.answer(Lane::Commands, answer);
        }
    }
    assert!(matches!(server.take_events()[..], [Event::CommandRefused { .. }]), "the trim's");
}

/// The store keeps `len` entries, from this one on, for the group `g`.
fn pinned(entry: u64, len: u64) -> Reply {
    Reply::Trimmed(Trimmed { removed: 0, len, kept: Some((id(entry), "g".to_owned())) })
}

impl Server {
    /// Lets `during` pass in a store that answers every trim like this. What is told of the stream.
    fn told_of_the_stream(&mut self, during: u64, trimmed: &Reply) -> Vec<Event> {
        for _ in 0..during {
            self.advance(secs(1));
            self.deliver(vec![]);
            while !self.sent(Lane::Commands).is_empty() {
                let answer = match self.oldest(Lane::Commands) {
                    Command::TrimDone { .. } => trimmed.clone(),
                    command => healthy_answer(command),
                };
                self.answer(Lane::Commands, Outcome::Reply(answer));
            }
        }
        self.take_events()
    }
}

#[test]
fn a_stream_that_one_entry_keeps_from_being_trimmed_is_told_once_for_each_such_entry() {
    let mut server = running();
    assert_eq!(server.told_of_the_stream(110, &pinned(5, 1000)), []);
    let told = |entry| Event::StreamPinned {
        stream: "p:cmds:arith".to_owned(),
        group: "g".to_owned(),
        entry: id(entry),
        len: 1000,
    };
    assert_eq!(
        server.told_of_the_stream(600, &pinned(5, 1000)),
        [told(5)],
        "after two claim idles"
    );
    assert_eq!(server.told_of_the_stream(100, &pinned(6, 1000)), [], "it has moved on");
    assert_eq!(server.told_of_the_stream(100, &pinned(6, 1000)), [told(6)]);
}

#[test]
fn a_short_stream_or_one_that_moves_on_is_not_told() {
    let mut server = running();
    assert_eq!(server.told_of_the_stream(600, &pinned(5, 999)), []);
    let nothing = Reply::Trimmed(Trimmed { removed: 0, len: 5000, kept: None });
    assert_eq!(server.told_of_the_stream(600, &nothing), []);
    for entry in 0..10 {
        assert_eq!(server.told_of_the_stream(100, &pinned(entry, 5000)), []);
    }
}

#[test]
fn consumers_of_servers_that_are_gone_are_removed_every_claim_idle() {
    let mut server = running();
    let before = server.trace.len();
    server.idle_for(secs(185));
    let remove = |output: &Output<_>| match output {
        Output::Send(_, Command::RemoveIdleConsumers { min_idle, except, .. }) => {
            Some((*min_idle, except.clone()))
        }
        _ => None,
    };
    let removed: Vec<_> = server.trace[before..].iter().filter_map(remove).collect();
    assert_eq!(removed, vec![(secs(600), "arith:me".into()); 3], "silent for ten of them");
}
