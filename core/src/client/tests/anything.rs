//! Whatever comes in, in whatever order: no panic, no spinning, and every call ends exactly once.

use std::collections::BTreeMap;

use super::*;
use crate::testing::{Lcg, fault, ms, not_sent, refused, secs, unknown};

const SEEDS: u64 = 12;
const STEPS: u64 = 300;

fn any_outcome(random: &mut Lcg, client: &Client) -> Outcome {
    let of_nobody = success("0b5c1ff4-9d5c-4e7e-8b0a-0123456789ab", "1");
    let replies = vec![entry(random.below(50), &[("envelope", &of_nobody)]), entry(1, &[])];
    if random.below(8) == 0 {
        return Outcome::Reply(Reply::Entries(last_requests(client)));
    }
    let answers = [
        Outcome::Reply(Reply::Added(id(1))),
        Outcome::Reply(Reply::Added(id(1))),
        Outcome::Reply(Reply::Added(id(1))),
        Outcome::Reply(Reply::Nil),
        Outcome::Reply(Reply::Done),
        Outcome::Reply(Reply::Entries(replies)),
        refused("OOM"),
        refused("UNBLOCKED"),
        refused("WRONGTYPE"),
        unknown(),
        not_sent(),
    ];
    random.pick(&answers).clone()
}

/// Replies to the requests that went out last.
fn last_requests(client: &Client) -> Vec<Entry> {
    let requests = client.trace.iter().rev().filter_map(|output| match output {
        Output::Send(_, Command::Append { fields, .. }) => {
            serde_json::from_slice::<Value>(&fields[1].1).ok()?["id"].as_str().map(str::to_owned)
        }
        _ => None,
    });
    requests.take(3).map(|id| entry(1, &[("envelope", &success(&id, "1"))])).collect()
}

fn any_input(random: &mut Lcg, client: &mut Client) {
    match random.below(12) {
        0..3 => {
            let timeout = ms(random.below(3000));
            match random.below(2) {
                0 => client.call_within(timeout),
                _ => client.notify(),
            };
        }
        3..8 => {
            let lane = *random.pick(&[Lane::Commands, REPLIES]);
            if client.opening().contains(&lane) {
                match random.below(3) {
                    0 => client.opened(lane, Err(fault("refused"))),
                    1 => client.opened(lane, Ok(None)),
                    _ => client.opened(lane, Ok(Some(random.below(9)))),
                }
            } else if !client.sent(lane).is_empty() {
                let outcome = any_outcome(random, client);
                client.answer(lane, outcome);
            }
        }
        8 => {
            let key = CallKey(random.below(client.last_key + 2));
            client.cancelled.insert(key);
            client.input(ClientInput::Cancel(key));
        }
        9 => client.freeze(ms(random.below(5000))),
        10 if random.below(40) == 0 => client.stop(ms(random.below(3000))),
        _ => client.advance(ms(random.below(500))),
    }
}

fn anything(seed: u64) -> Client {
    let mut random = Lcg(seed);
    let mut client = idle(options());
    client.input(ClientInput::Start);
    for _ in 0..STEPS {
        any_input(&mut random, &mut client);
        if client.core.phase() == Phase::Idle {
            client.input(ClientInput::Start);
        }
        assert!(client.sent(REPLIES).len() <= 1, "one read at a time");
    }
    client.stop(secs(1));
    client.advance(secs(3));
    client
}

#[test]
fn every_call_ends_at_most_once_and_a_stop_leaves_none_without_an_end() {
    for seed in 0..SEEDS {
        let mut client = anything(seed);
        assert_eq!(client.core.phase(), Phase::Stopped, "seed {seed}");
        assert_eq!((client.timeout(), client.core.pending.is_empty()), (None, true));
        let mut ends = BTreeMap::<CallKey, u32>::new();
        for (key, _) in client.settled() {
            *ends.entry(key).or_default() += 1;
        }
        assert!(ends.values().all(|times| *times == 1), "seed {seed}");
        let without_end = (1..=client.last_key)
            .map(CallKey)
            .find(|key| !ends.contains_key(key) && !client.cancelled.contains(key));
        assert_eq!(without_end, None, "seed {seed}");
    }
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    for seed in 0..SEEDS / 5 {
        assert!(anything(seed).trace == anything(seed).trace, "seed {seed}");
    }
}

#[test]
fn when_the_faults_end_every_new_call_succeeds() {
    for seed in 0..SEEDS {
        let mut random = Lcg(seed);
        let mut client = running();
        for _ in 0..STEPS / 2 {
            any_input(&mut random, &mut client);
            if matches!(client.core.phase(), Phase::Draining { .. } | Phase::Stopped) {
                break;
            }
        }
        if client.core.phase() != Phase::Running {
            continue;
        }
        // A healthy store from now on; within a minute all is well again.
        for _ in 0..60 {
            client.connect_all();
            while !client.sent(Lane::Commands).is_empty() {
                client.answer(Lane::Commands, Outcome::Reply(Reply::Added(id(1))));
            }
            if !client.sent(REPLIES).is_empty() {
                client.answer(REPLIES, Outcome::Reply(Reply::Entries(vec![])));
            }
            client.advance(secs(1));
        }
        assert!(client.core.pending.is_empty(), "seed {seed}");
        client.settled();
        let key = client.call();
        let replies = last_requests(&client);
        client.accept();
        client.answer(REPLIES, Outcome::Reply(Reply::Entries(replies)));
        assert_eq!(client.outcome(key), Ok("1".to_owned()), "seed {seed}");
    }
}
