//! Whatever comes in, in whatever order: no panic, no spinning, no growth without bound; and when it ends, all is well.

use super::*;
use crate::testing::{Lcg, fault, ms, not_sent, refused, secs, unknown};

const SEEDS: u64 = 12;
const STEPS: u64 = 400;

/// A new entry, one that was there already, a malformed one, or a deleted one.
fn any_entry(random: &mut Lcg, newest: &mut u64) -> Entry {
    *newest += 1;
    match random.below(8) {
        0 => deleted(*newest),
        1 => entry(*newest, &[("type", "rpc")]),
        2 => entry(*newest, &[("envelope", "{}"), ("reply-to", "p:replies:c")]),
        3 => ping(*newest),
        4 => add(random.below(*newest) + 1),
        _ => add(*newest),
    }
}

fn any_reply(random: &mut Lcg, command: &Command, newest: &mut u64) -> Reply {
    let mut entries: Vec<Entry> = (0..random.below(6)).map(|_| any_entry(random, newest)).collect();
    match (command, random.below(40)) {
        (_, 0) => Reply::Nil,
        (_, 1) => Reply::Count(random.below(3)),
        (_, 2) => Reply::Entries(entries),
        (_, 3) => Reply::Deliveries(None),
        (Command::CountDelivery { .. }, _) => counted(2 + random.below(2)),
        (Command::ReadGroup { .. } | Command::ReadOwnPending { .. }, _) => Reply::Entries(entries),
        (Command::AutoClaim { .. }, _) => {
            entries.push(deleted(0));
            claimed(random.below(2) * 5, entries)
        }
        (Command::Renew { ids, .. } | Command::Release { ids, .. }, _) => {
            Reply::Ids(ids.iter().copied().filter(|_| random.below(4) > 0).collect())
        }
        (command, _) => healthy_answer(command),
    }
}

fn any_outcome(random: &mut Lcg, command: &Command, newest: &mut u64) -> Outcome {
    match random.below(40) {
        0 => unknown(),
        1 => not_sent(),
        2 => refused(random.pick::<&str>(&["NOGROUP", "UNBLOCKED", "BUSYGROUP"])),
        3 => refused(random.pick::<&str>(&["LOADING", "OOM", "WRONGTYPE", "NOPERM"])),
        _ => Outcome::Reply(any_reply(random, command, newest)),
    }
}

fn any_step(random: &mut Lcg, server: &mut Server, newest: &mut u64) {
    match random.below(24) {
        0..12 => {
            let lane = *random.pick(&[Lane::Commands, ARITH, Lane::Reader(1)]);
            if server.opening().contains(&lane) {
                match random.below(4) {
                    0 => server.opened(lane, Err(fault("refused"))),
                    1 => server.opened(lane, Ok(None)),
                    2 => server.opened(lane, Ok(Some(random.below(9)))),
                    _ => drop(server.connect(lane)),
                }
            } else if !server.sent(lane).is_empty() {
                let command = server.oldest(lane).clone();
                let outcome = any_outcome(random, &command, newest);
                server.answer(lane, outcome);
            }
        }
        12..19 => end_any(random, server),
        19 if random.below(10) == 0 => server.freeze(ms(random.below(70_000))),
        _ => server.advance(ms(random.below(1000))),
    }
}

/// One of the handlers that run ends.
fn end_any(random: &mut Lcg, server: &mut Server) {
    let running: Vec<JobId> = server.take_jobs().iter().copied().collect();
    if running.is_empty() {
        return;
    }
    let outcome = match random.below(4) {
        0 => JobOutcome::Failed(RpcError::new(1, "no")),
        1 => JobOutcome::Panicked("oh".to_owned()),
        2 => JobOutcome::Done(None),
        _ => JobOutcome::Done(Some(Bytes::from_static(b"{}"))),
    };
    let job = *random.pick(&running);
    server.running.remove(&job);
    server.input(ServerInput::Finished(job, outcome));
}

fn both() -> [&'static str; 2] {
    ["arith", "other"]
}

fn anything(seed: u64) -> Server {
    let (mut random, mut newest) = (Lcg(seed), 0);
    let mut options = options();
    options.max_deliveries = (seed % 2 == 1).then_some(2);
    // Every fourth one meets the faults as early as at its start.
    let mut server = if seed.is_multiple_of(4) {
        let mut server = idle(options, &both());
        server.input(ServerInput::Start);
        server
    } else {
        running_with(options, &both())
    };
    for _ in 0..STEPS {
        any_step(&mut random, &mut server, &mut newest);
        if server.core.phase() == Phase::Idle {
            server.input(ServerInput::Start);
        }
        for service in &server.core.services {
            let most = usize::from(service.held.is_running());
            assert!(service.held.len() <= 1024 + 32 + 6 && most <= 1);
        }
        for lane in [ARITH, Lane::Reader(1)] {
            assert!(server.sent(lane).len() <= 1, "one read at a time");
        }
    }
    server.events.clear();
    server
}

#[test]
fn a_stop_ends_whatever_happened_before_and_happens_meanwhile() {
    for seed in 0..SEEDS {
        let (mut random, mut newest) = (Lcg(seed), 10_000);
        let mut server = anything(seed);
        server.stop(secs(5));
        let since = server.now;
        while server.stopped.is_empty() && server.now - since < secs(6) {
            any_step(&mut random, &mut server, &mut newest);
        }
        server.advance(ms(1));
        assert_eq!((server.stopped.len(), server.timeout()), (1, None), "seed {seed}");
    }
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    for seed in 0..SEEDS / 4 {
        assert!(anything(seed).trace == anything(seed).trace, "seed {seed}");
    }
}

#[test]
fn when_the_faults_end_everything_settles_and_new_entries_are_served() {
    for seed in 0..SEEDS {
        let mut server = anything(seed);
        // A healthy store and handlers that end, from now on.
        for _ in 0..120 {
            server.connect_all();
            server.serve();
            server.idle_for(secs(1));
        }
        assert_eq!(server.core.phase(), Phase::Running, "seed {seed}");
        for at in 0..2 {
            let service = &server.core.services[at];
            assert!(service.held.is_empty(), "seed {seed}: {:?}", service.held);
            assert!(service.outbox.is_empty() && service.acks.is_empty(), "seed {seed}");
            assert!(service.dead.is_empty(), "seed {seed}");
            let lane = Lane::Reader(u16::try_from(at).unwrap());
            let reads = server.sent(lane);
            assert!(reads.len() == 1 && reads[0].starts_with("read"), "seed {seed}: {reads:?}");
            server.answer(lane, Outcome::Reply(Reply::Entries(vec![add(1_000_000)])));
            assert_eq!(server.take_jobs().len(), 1, "seed {seed}");
            server.serve();
        }
    }
}

impl Server {
    /// The handlers that run.
    fn take_jobs(&mut self) -> &BTreeSet<JobId> {
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                ServerOutput::Run(job) => assert!(self.running.insert(job.id)),
                ServerOutput::Abort(job) => assert!(self.running.remove(&job)),
                ServerOutput::LeaseLost(job) => assert!(self.running.contains(&job)),
            }
        }
        &self.running
    }

    /// Every handler ends well, and the store takes the replies.
    fn serve(&mut self) {
        loop {
            while !self.sent(Lane::Commands).is_empty() {
                let answer = healthy_answer(self.oldest(Lane::Commands));
                self.answer(Lane::Commands, Outcome::Reply(answer));
            }
            self.take_jobs();
            let Some(job) = self.running.pop_first() else { return };
            self.input(ServerInput::Finished(job, JobOutcome::Done(None)));
        }
    }
}
