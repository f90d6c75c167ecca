//! Which fault happens when, to whom, and for how long: drawn from the seed, and from nothing else.

use std::time::Duration;

use crate::kind::Kind;
use crate::random::Random;
use crate::setup::{CLAIM_IDLE, CLIENTS, SERVERS, SERVICES};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToRedis,
    FromRedis,
    Both,
}

/// A fault to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// After the start of the load.
    pub(crate) at: Duration,
    pub(crate) kind: Kind,
    /// For a killed process or Redis: how long it stays away.
    pub(crate) lasts: Duration,
    /// The place of the process that it is done to: `s0`, `c2`.
    pub(crate) slot: Option<String>,
    pub(crate) service: Option<&'static str>,
    pub(crate) direction: Direction,
    /// What else there is to choose: bytes before a cut, milliseconds of delay, entries that stay.
    pub(crate) amount: u64,
}

/// The time between two faults.
const GAP: (u64, u64) = (250, 900);
/// After each round of all kinds there is a rest, in which nothing is excused any more.
const REST: (u64, u64) = (2500, 4500);

/// One in so many rounds has a poison, after what takes data.
const POISONING: u32 = 2;
const POISON_AT: usize = 6;
/// Until a poison has ended as many servers as it may, each after the claim idle.
const POISON_TAKES: Duration = Duration::from_secs(12);

/// One in so many rounds has faults that take data.
const TAKING: u32 = 3;
/// Where in the round they come, at the latest.
const EARLY: u64 = 5;

/// All faults of a run in which there is load for so long. Each kind comes once in each round, in an order of its own. All
/// have ended when the load ends.
pub(crate) fn draw(seed: u64, load: Duration) -> Vec<Planned> {
    let mut random = Random::new(seed);
    let mut planned = Vec::new();
    let mut at = Duration::from_millis(500);
    for number in 0.. {
        if at >= load {
            break;
        }
        for kind in round(&mut random, number) {
            let fault = one(&mut random, at, kind);
            if at + fault.lasts <= load {
                planned.push(fault);
                at += random.millis(GAP.0, GAP.1);
            }
        }
        at += random.millis(REST.0, REST.1);
    }
    planned
}

/// The kinds of a round in their order. What takes data explains why a call of some seconds before isn't answered, whatever
/// else is wrong with it: so it comes early in the first round, and in few others.
fn round(random: &mut Random, number: u32) -> Vec<Kind> {
    let takes = |kind: &Kind| matches!(kind, Kind::FlushAll | Kind::TrimStream);
    let (takers, mut round): (Vec<Kind>, Vec<Kind>) = Kind::ALL.into_iter().partition(takes);
    round.retain(|kind| *kind != Kind::Poison);
    random.shuffle(&mut round);
    if number.is_multiple_of(TAKING) {
        for kind in takers {
            round.insert(usize::try_from(random.below(EARLY)).unwrap_or(0), kind);
        }
    }
    if number.is_multiple_of(POISONING) {
        round.insert(POISON_AT.min(round.len()), Kind::Poison);
    }
    round
}

fn one(random: &mut Random, at: Duration, kind: Kind) -> Planned {
    let idle = CLAIM_IDLE.as_millis() as u64;
    let lasts = match kind {
        Kind::KillServer | Kind::KillClient | Kind::KillRedis => random.millis(0, 1000),
        Kind::StopServer => random.millis(idle * 5 / 4, idle * 9 / 4),
        Kind::RollServers => random.millis(600, 1500),
        Kind::PauseClients => random.millis(200, 1500),
        Kind::Delay => random.millis(500, 2500),
        Kind::Stall => random.millis(300, idle * 2),
        // New connections meet it, too.
        Kind::CutFrame | Kind::Reset => random.millis(50, 400),
        Kind::Poison => POISON_TAKES,
        _ => Duration::ZERO,
    };
    let server = format!("s{}", random.below(SERVERS));
    let client = format!("c{}", random.below(CLIENTS));
    let any = if random.below(2) == 0 { server.clone() } else { client.clone() };
    let slot = match kind {
        Kind::KillServer | Kind::StopServer | Kind::CutServerCommands | Kind::CutServerReader => {
            Some(server)
        }
        Kind::KillClient | Kind::CutClientCommands | Kind::CutClientReader | Kind::Poison => {
            Some(client)
        }
        Kind::Delay | Kind::Stall | Kind::CutFrame | Kind::Reset => Some(any),
        _ => None,
    };
    let service = random.pick(&SERVICES).map(|(name, _)| *name);
    let service = service.filter(|_| matches!(kind, Kind::DestroyGroup | Kind::TrimStream));
    let directions = [Direction::ToRedis, Direction::FromRedis, Direction::Both];
    let direction = random.pick(&directions).copied().unwrap_or(Direction::Both);
    let amount = match kind {
        Kind::Delay => 20 + random.below(180),
        Kind::CutFrame => random.below(100),
        Kind::TrimStream => random.below(4),
        _ => random.below(1000),
    };
    Planned { at, kind, lasts, slot, service, direction, amount }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        assert_eq!(draw(7, MINUTE), draw(7, MINUTE));
        assert_ne!(draw(7, MINUTE), draw(8, MINUTE));
    }

    #[test]
    fn twenty_seconds_have_nearly_every_kind_whatever_the_seed() {
        for seed in 0..200 {
            let drawn = draw(seed, Duration::from_secs(20));
            let kinds = Kind::ALL.iter().filter(|kind| drawn.iter().any(|it| it.kind == **kind));
            assert!(kinds.count() >= 14, "seed {seed}");
        }
    }

    #[test]
    fn a_minute_has_every_kind_and_every_target() {
        let drawn: Vec<Planned> = (0..5).flat_map(|seed| draw(seed, MINUTE)).collect();
        for kind in Kind::ALL {
            assert!(drawn.iter().any(|it| it.kind == kind), "{kind:?}");
        }
        for slot in ["s0", "s1", "s2", "c0", "c1", "c2"] {
            assert!(drawn.iter().any(|it| it.slot.as_deref() == Some(slot)), "{slot}");
        }
    }

    #[test]
    fn faults_come_one_after_the_other_and_end_with_the_load() {
        for seed in 0..50 {
            let drawn = draw(seed, MINUTE);
            assert!(drawn.is_sorted_by_key(|it| it.at));
            assert!(drawn.iter().all(|it| it.at + it.lasts <= MINUTE));
        }
    }

    #[test]
    fn most_of_a_run_has_no_excuse_for_lost_data() {
        let takes = |it: &&Planned| matches!(it.kind, Kind::FlushAll | Kind::TrimStream);
        for seed in 0..50 {
            let drawn = draw(seed, Duration::from_secs(20));
            let last = drawn.iter().filter(takes).map(|it| it.at).max();
            assert!(last.is_some_and(|at| at < Duration::from_secs(8)), "seed {seed}: {last:?}");
        }
    }

    #[test]
    fn a_poison_comes_after_what_could_take_it_and_has_its_time() {
        let takes = |it: &&Planned| matches!(it.kind, Kind::FlushAll | Kind::TrimStream);
        for seed in 0..50 {
            let load = Duration::from_secs(20);
            let drawn = draw(seed, load);
            let poison = drawn.iter().find(|it| it.kind == Kind::Poison);
            let taken = drawn.iter().filter(takes).map(|it| it.at).max();
            let Some(poison) = poison else { panic!("seed {seed}: none") };
            assert!(taken < Some(poison.at) && poison.at + POISON_TAKES <= load, "seed {seed}");
        }
    }

    #[test]
    fn a_stopped_server_is_silent_for_longer_than_the_claim_idle() {
        let drawn = draw(3, MINUTE * 10);
        let mut stops = drawn.iter().filter(|it| it.kind == Kind::StopServer);
        assert!(stops.all(|it| it.lasts > CLAIM_IDLE));
    }
}
