//! What others left behind is taken over, one who is free at a time, and only what is still there to be taken.

use super::*;
use crate::testing::{ms, refused, secs, unknown};

fn quiet_with(claim_idle: Duration) -> Server {
    let options = ServerOptions {
        consumer_claim_idle: claim_idle,
        retention: Retention::KeepAll,
        ..options()
    };
    let mut server = running_with(options, &["arith"]);
    server.core.services[0].removal.never();
    server
}

fn quiet() -> Server {
    quiet_with(secs(60))
}

impl Server {
    /// Lets time pass until it looks for entries of others. How long that took.
    fn until_it_claims(&mut self) -> Duration {
        let since = self.now;
        while self.sent(Lane::Commands).is_empty() {
            if !self.sent(ARITH).is_empty() {
                self.deliver(vec![]);
            }
            let (wait, _) = self.timeout().unwrap();
            self.advance(wait.min(secs(1)));
        }
        self.now - since
    }
}

#[test]
fn it_looks_once_a_second_for_what_nobody_has_touched_for_the_claim_idle() {
    for claim_idle in [secs(60), ms(200)] {
        let mut server = quiet_with(claim_idle);
        for _ in 0..3 {
            assert_eq!(server.until_it_claims(), secs(1));
            let Command::AutoClaim { min_idle, consumer, .. } = server.oldest(Lane::Commands)
            else {
                panic!()
            };
            assert_eq!((*min_idle, consumer.as_str()), (claim_idle, "arith:me"));
            server.ok("claim 1 from 0-0", claimed(0, vec![]));
        }
    }
}

#[test]
fn it_goes_on_where_it_stopped() {
    let mut server = quiet();
    server.until_it_claims();
    server.ok("claim 1 from 0-0", claimed(7, vec![add(5)]));
    server.ok("count 5", counted(2));
    server.advance(secs(5));
    server.finish(5);
    let claim = |sent: &&String| sent.starts_with("claim");
    assert_eq!(server.sent(Lane::Commands).iter().find(claim).unwrap(), "claim 1 from 7-0");
}

#[test]
fn as_long_as_it_finds_some_it_takes_the_next_ones_as_soon_as_it_is_free() {
    let mut server = quiet();
    server.until_it_claims();
    let (since, mut left) = (server.now, 20);
    // 20 entries are to be had; each takes 50 ms.
    while left > 0 || !server.sent(Lane::Commands).is_empty() {
        while let Some(sent) = server.sent(Lane::Commands).first() {
            let answer = if sent.starts_with("claim") && left > 0 {
                left -= 1;
                claimed(0, vec![ping(20 - left)])
            } else {
                healthy_answer(server.oldest(Lane::Commands))
            };
            server.answer(Lane::Commands, Outcome::Reply(answer));
        }
        if let Some(told) = server.told().first() {
            let entry = told.strip_prefix("run ").unwrap().parse().unwrap();
            server.advance(ms(50));
            server.finish(entry);
        }
    }
    assert_eq!(server.now - since, secs(1), "not one a tick");
    assert_eq!(server.until_it_claims(), secs(1), "and none is left");
}

#[test]
fn empty_pages_with_more_behind_them_are_passed_at_once() {
    let mut server = quiet();
    server.until_it_claims();
    server.ok("claim 1 from 0-0", claimed(320, vec![]));
    server.ok("claim 1 from 320-0", claimed(640, vec![]));
    server.ok("claim 1 from 640-0", claimed(0, vec![]));
    assert_eq!(server.sent(Lane::Commands), [""; 0]);
}

#[test]
fn one_who_is_busy_leaves_them_to_others_until_there_is_room() {
    let mut server = quiet();
    server.deliver(vec![add(1)]);
    for _ in 0..100 {
        server.advance(secs(1));
        while let Some(sent) = server.sent(Lane::Commands).first() {
            assert!(sent.starts_with("renew"), "{sent}");
            server.answer(Lane::Commands, Outcome::Reply(Reply::Ids(vec![id(1)])));
        }
    }
    server.finish(1);
    // A tick has come meanwhile.
    assert_eq!(server.sent(Lane::Commands), [REPLY, "claim 1 from 0-0"]);
}

#[test]
fn one_who_is_never_idle_still_takes_over_what_others_left() {
    let mut server = quiet();
    let mut looked = 0;
    for entry in 1..60 {
        server.deliver(vec![ping(entry)]);
        server.advance(secs(1));
        server.finish(entry);
        while let Some(sent) = server.sent(Lane::Commands).first() {
            looked += usize::from(sent.starts_with("claim"));
            let answer = healthy_answer(server.oldest(Lane::Commands));
            server.answer(Lane::Commands, Outcome::Reply(answer));
        }
    }
    assert!(looked > 50, "{looked}");
}

#[test]
fn no_second_look_is_taken_while_one_is_under_way() {
    let mut server = quiet_with(secs(4));
    server.until_it_claims();
    server.advance(secs(3));
    assert_eq!(server.sent(Lane::Commands), ["claim 1 from 0-0"]);
}

#[test]
fn a_claimed_entry_runs_once_the_store_has_said_how_often_it_was_delivered() {
    let mut server = quiet();
    server.until_it_claims();
    server.ok("claim 1 from 0-0", claimed(0, vec![add(5)]));
    assert_eq!(server.told(), [""; 0]);
    server.ok("count 5", counted(3));
    assert_eq!(server.told(), ["run 5"]);
    assert_eq!(server.jobs[&5].deliveries, 3);
}

#[test]
fn a_claimed_entry_that_is_somebody_else_s_by_now_does_not_run() {
    for reply in [Reply::Deliveries(None), Reply::Deliveries(None)] {
        let mut server = quiet();
        server.until_it_claims();
        server.ok("claim 1 from 0-0", claimed(0, vec![add(5)]));
        server.ok("count 5", reply);
        assert_eq!(server.told(), [""; 0]);
        assert!(server.core.services[0].held.is_empty());
        assert!(matches!(server.take_events()[..], [Event::LeaseLost { running: false, .. }]));
    }
}

#[test]
fn a_claimed_entry_runs_even_if_the_store_does_not_say_how_often_it_was_delivered() {
    let mut server = quiet();
    server.until_it_claims();
    server.ok("claim 1 from 0-0", claimed(0, vec![add(5)]));
    server.answer_to("count 5", refused("NOPERM"));
    assert_eq!(server.told(), ["run 5"]);
    assert_eq!(server.jobs[&5].deliveries, 2, "more than once, at any rate");
}

#[test]
fn a_question_that_was_lost_is_asked_again() {
    let mut server = quiet();
    server.until_it_claims();
    server.ok("claim 1 from 0-0", claimed(0, vec![add(5)]));
    server.answer_to("count 5", unknown());
    server.advance(ms(100));
    server.connect(Lane::Commands);
    server.ok("count 5", counted(2));
    assert_eq!(server.told(), ["run 5"]);
}

#[test]
fn a_claim_whose_answer_is_late_does_not_make_the_entries_young() {
    let mut server = quiet();
    server.until_it_claims();
    // A SIGSTOP between the question and the answer: others may have claimed it by now.
    server.now = server.now + secs(61);
    server.ok("claim 1 from 0-0", claimed(0, vec![add(5)]));
    server.ok("renew 5", Reply::Ids(vec![]));
    assert_eq!(server.told(), [""; 0]);
}

#[test]
fn a_claimed_entry_that_is_held_here_is_not_run_again() {
    let mut server = quiet();
    server.until_it_claims();
    server.deliver(vec![add(5)]);
    server.told();
    server.ok("claim 1 from 0-0", claimed(0, vec![add(5)]));
    assert_eq!(server.told(), [""; 0]);
}

#[test]
fn an_entry_that_was_deleted_while_it_was_pending_is_acked() {
    let mut server = quiet();
    server.until_it_claims();
    server.ok("claim 1 from 0-0", claimed(0, vec![deleted(5)]));
    server.ok("claim 1 from 0-0", claimed(0, vec![]));
    server.ok("ack 5", Reply::Count(1));
    assert_eq!(server.events, []);
}

#[test]
fn a_claim_that_may_have_happened_is_looked_up() {
    let mut server = quiet();
    server.until_it_claims();
    server.answer_to("claim 1 from 0-0", unknown());
    assert_eq!(server.sent(ARITH), ["read 1"], "after the read that is under way");
    server.deliver(vec![]);
    assert_eq!(server.sent(ARITH), ["own pending after 0-0"]);
    server.deliver(vec![add(5)]);
    server.advance(ms(100));
    server.connect(Lane::Commands);
    server.ok("count 5", counted(2));
    assert_eq!(server.told(), ["run 5"]);
}

#[test]
fn a_refused_claim_is_told_and_tried_again() {
    let mut server = quiet();
    server.until_it_claims();
    server.answer_to("claim 1 from 0-0", refused("LOADING"));
    assert!(matches!(server.take_events()[..], [Event::CommandRefused { .. }]));
    assert_eq!(server.sent(ARITH), ["read 1"], "reads have nothing to do with it");
    server.until_it_claims();
    server.answer_to("claim 1 from 0-0", refused("LOADING"));
    assert!(server.take_events().is_empty(), "told once");
    assert!(server.until_it_claims() <= secs(1));
}

#[test]
fn without_a_connection_it_looks_as_soon_as_there_is_one() {
    let mut server = quiet();
    server.deliver(vec![ping(1)]);
    server.finish(1);
    server.lose(Lane::Commands);
    server.advance(secs(8));
    server.advance(secs(8));
    assert!(server.opening().contains(&Lane::Commands));
    server.connect(Lane::Commands);
    server.ok("claim 4 from 0-0", claimed(0, vec![]));
    server.ok("ack 1", Reply::Count(1));
    assert!(server.until_it_claims() <= secs(1));
}
