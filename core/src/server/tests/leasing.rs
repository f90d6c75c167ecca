//! Entries that are held are renewed in time, and one that was lost isn't begun.

use super::*;
use crate::testing::{ms, refused, secs, unknown};

fn lost(entry: u64, running: bool) -> Event {
    Event::LeaseLost { service: "arith".to_owned(), entry: id(entry), running }
}

/// Without the upkeep that these tests aren't about.
fn quiet() -> Server {
    running_with(ServerOptions { retention: Retention::KeepAll, ..options() }, &["arith"])
}

impl Server {
    /// The renewals that leave within `during`, with their times; all are granted.
    fn renewals(&mut self, during: Duration) -> Vec<(Duration, String)> {
        let (since, mut renewals) = (self.now, Vec::new());
        while self.now - since < during {
            self.advance(secs(1).min(during));
            while let Some(sent) = self.sent(Lane::Commands).first() {
                renewals.push((self.now - since, sent.clone()));
                let answer = healthy_answer(self.oldest(Lane::Commands));
                self.answer(Lane::Commands, Outcome::Reply(answer));
            }
            if !self.sent(ARITH).is_empty() {
                self.deliver(vec![]);
            }
        }
        renewals.retain(|(_, sent)| sent.starts_with("renew"));
        renewals
    }
}

#[test]
fn what_runs_and_what_waits_is_renewed_within_half_the_claim_idle() {
    let mut server = quiet();
    server.deliver(vec![add(1), add(2), ping(3)]);
    let renewals = server.renewals(secs(120));
    assert!(renewals.iter().all(|(_, sent)| sent == "renew 1 2 3"), "{renewals:?}");
    let mut last = Duration::ZERO;
    for (at, _) in renewals {
        assert!(at - last <= secs(30), "{at:?} after {last:?}");
        last = at;
    }
    assert!(last >= secs(90));
    assert_eq!(server.events, []);
}

#[test]
fn what_waits_for_its_reply_or_its_ack_to_be_taken_is_renewed_as_well() {
    let mut server = quiet();
    server.deliver(vec![add(1), ping(2)]);
    server.finish(1);
    server.finish(2);
    server.answer_to(REPLY, refused("OOM"));
    server.answer_to("ack 2", refused("MISCONF"));
    for _ in 0..30 {
        server.advance(secs(1));
        while let Some(sent) = server.sent(Lane::Commands).first().cloned() {
            if sent.starts_with("renew") {
                assert_eq!(sent, "renew 1 2");
                return;
            }
            server.answer(Lane::Commands, refused("OOM"));
        }
    }
    panic!("nothing was renewed");
}

#[test]
fn what_is_done_is_not_renewed() {
    let mut server = quiet();
    server.deliver(vec![add(1)]);
    server.settle(1);
    assert_eq!(server.renewals(secs(120)), []);
}

#[test]
fn a_young_entry_is_not_renewed() {
    let mut server = quiet();
    server.renewals(secs(9));
    server.deliver(vec![add(1)]);
    let renewals = server.renewals(secs(60));
    assert!(renewals[0].0 >= secs(20), "{renewals:?}");
}

#[test]
fn a_lost_entry_that_waits_is_left_to_its_new_owner() {
    let mut server = quiet();
    server.deliver(vec![add(1), add(2), add(3)]);
    server.told();
    server.advance(secs(20));
    server.ok("renew 1 2 3", Reply::Ids(vec![id(1), id(3)]));
    assert_eq!(server.take_events(), [lost(2, false)]);
    server.finish(1);
    assert_eq!(server.told(), ["run 3"]);
}

#[test]
fn a_lost_entry_that_runs_goes_on_and_is_told_once() {
    let mut server = quiet();
    server.deliver(vec![add(1), add(2)]);
    server.told();
    server.advance(secs(20));
    server.ok("renew 1 2", Reply::Ids(vec![id(2)]));
    assert_eq!(server.told(), ["lost 1"]);
    assert_eq!(server.take_events(), [lost(1, true)]);
    let renewals = server.renewals(secs(60));
    assert!(renewals.iter().all(|(_, sent)| sent == "renew 2"), "{renewals:?}");
    assert_eq!((server.events.len(), server.told().len()), (0, 0));
    server.finish(1);
    server.ok(REPLY, Reply::Added(id(1)));
    server.ok("expire p:replies:c", Reply::Count(1));
    server.ok("ack 1", Reply::Count(0));
}

#[test]
fn a_running_entry_that_was_lost_and_comes_back_is_renewed_again_and_not_run_again() {
    let claim_idle = secs(12);
    let options = ServerOptions { consumer_claim_idle: claim_idle, ..options() };
    let mut server =
        running_with(ServerOptions { retention: Retention::KeepAll, ..options }, &["arith"]);
    server.deliver(vec![add(9)]);
    server.settle(9);
    server.deliver(vec![add(1)]);
    server.told();
    server.advance(secs(4));
    server.ok("renew 1", Reply::Ids(vec![]));
    server.deliver(vec![add(1)]);
    assert_eq!(server.told(), ["lost 1"]);
    assert!(!server.renewals(secs(6)).is_empty());
}

#[test]
fn a_renewal_that_may_not_have_happened_is_repeated_as_soon_as_there_is_a_connection() {
    let mut server = quiet();
    server.deliver(vec![add(1)]);
    server.advance(secs(20));
    server.answer_to("renew 1", unknown());
    server.advance(ms(100));
    server.connect(Lane::Commands);
    server.tick();
    assert_eq!(server.sent(Lane::Commands), ["renew 1"]);
}

#[test]
fn after_standing_still_for_long_nothing_begins_before_the_store_has_said_whose_it_is() {
    let mut server = quiet();
    server.deliver(vec![add(1), add(2), add(3)]);
    server.told();
    // A blocked executor, or a SIGSTOP: longer than the claim idle.
    server.now = server.now + secs(61);
    server.finish(1);
    assert_eq!(server.told(), [""; 0]);
    assert_eq!(server.sent(Lane::Commands), [REPLY, "renew 2"]);
    server.ok(REPLY, Reply::Added(id(1)));
    server.ok("renew 2", Reply::Ids(vec![]));
    assert_eq!(server.take_events(), [lost(2, false)]);
    assert_eq!(server.told(), [""; 0]);
    server.ok("expire p:replies:c", Reply::Count(1));
    server.ok("ack 1", Reply::Count(0));
    server.ok("renew 3", Reply::Ids(vec![id(3)]));
    assert_eq!(server.told(), ["run 3"]);
}

#[test]
fn a_renewal_counts_from_when_it_was_asked_for() {
    let mut server = quiet();
    server.deliver(vec![add(1), add(2)]);
    server.advance(secs(20));
    server.now = server.now + secs(45);
    server.ok("renew 1 2", Reply::Ids(vec![id(1), id(2)]));
    server.finish(1);
    assert_eq!(server.told(), [""; 0]);
    assert!(server.sent(Lane::Commands).contains(&"renew 2".to_owned()));
}

#[test]
fn without_a_connection_nothing_old_begins() {
    let mut server = quiet();
    server.deliver(vec![add(1), add(2)]);
    server.advance(secs(20));
    server.lose(Lane::Commands);
    server.now = server.now + secs(41);
    server.finish(1);
    assert_eq!(server.told(), [""; 0]);
    server.tick();
    server.connect(Lane::Commands);
    server.ok(REPLY, Reply::Added(id(1)));
    server.ok("renew 2", Reply::Ids(vec![id(2)]));
    assert_eq!(server.told(), ["run 2"]);
}

#[test]
fn refused_renewals_are_told_once_and_asked_for_again_after_a_while() {
    for outcome in [refused("MISCONF"), refused("ERR"), Outcome::Reply(Reply::Nil)] {
        let mut server = quiet();
        server.deliver(vec![add(1), add(2)]);
        server.now = server.now + secs(61);
        server.finish(1);
        server.ok(REPLY, Reply::Added(id(1)));
        let (since, mut times) = (server.now, 0);
        while server.now - since < secs(5) {
            while let Some(sent) = server.sent(Lane::Commands).first() {
                times += usize::from(sent.starts_with("renew"));
                server.answer(Lane::Commands, outcome.clone());
            }
            server.advance(ms(1));
        }
        assert!((5..=12).contains(&times), "{times}: not as fast as the store refuses");
        let events = server.take_events();
        let told = |event: &&Event| {
            matches!(event, Event::CommandRefused { what: "the renewal of entries", .. })
        };
        assert_eq!(events.iter().filter(told).count(), 1, "{events:?}");
        assert_eq!(server.told(), [""; 0]);
    }
}

#[test]
fn a_renewal_that_finds_no_group_loses_all_and_makes_the_group_anew() {
    let mut server = quiet();
    server.deliver(vec![add(1), add(2)]);
    server.told();
    server.advance(secs(20));
    server.answer_to("renew 1 2", refused("NOGROUP"));
    assert_eq!(server.take_events(), [lost(1, true), lost(2, false)]);
    assert_eq!(server.told(), ["lost 1"]);
    assert_eq!(server.sent(Lane::Commands), ["create arith after 0-18446744073709551615"]);
}
