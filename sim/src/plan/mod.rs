//! What a seed stands for: who is there, who calls whom when, and what goes wrong when.
//!
//! A plan is drawn whole before anything happens, so that a part of it can be left out: that is how a failure is made small.

pub(crate) mod faults;
mod nested;

use std::time::Duration;

use crate::book::Discipline;
use crate::dice::Dice;
use crate::event::CallId;
pub(crate) use faults::{Fault, FaultPlan, Overwritten};

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const MS: u64 = 1_000_000;

/// How long a command may go unanswered in a world.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a notification may wait for the store.
pub(crate) const NOTE_TIMEOUT: u64 = 30 * SECOND;
/// The shortest and the longest wait between two attempts to connect.
pub(crate) const BACKOFF_MIN: Duration = Duration::from_millis(50);
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Within this all connections are there again: a silent one is given up after the response timeout on top of a blocked read.
pub(crate) const RECONNECTED: u64 =
    (RESPONSE_TIMEOUT.as_nanos() + 2 * BACKOFF_MAX.as_nanos()) as u64 + SECOND;

/// What the seed is mixed with for what is drawn beside the rest.
const LATER: u64 = 0x1a7e_0000_0000_0001;

#[derive(Clone, Debug)]
pub(crate) struct ServicePlan {
    pub(crate) name: String,
    pub(crate) discipline: Discipline,
    pub(crate) limit: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct ServerPlan {
    /// Which services it has.
    pub(crate) services: Vec<usize>,
    /// Whether it begins again under the same instance id.
    pub(crate) keeps_id: bool,
    /// Whether it is of another make.
    pub(crate) is_peer: bool,
    pub(crate) born_at: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    pub(crate) keeps_id: bool,
    pub(crate) born_at: u64,
}

/// How a handler ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Finish,
    Fail,
    Panic,
    /// Doesn't end by itself the first time, before the calm.
    Hang,
    /// Ends its server, as long as the faults last.
    Poison,
}

#[derive(Clone, Debug)]
pub(crate) struct CallPlan {
    pub(crate) at: u64,
    pub(crate) client: usize,
    pub(crate) service: usize,
    pub(crate) key: u64,
    pub(crate) notification: bool,
    pub(crate) timeout: u64,
    /// For how long its handler runs.
    pub(crate) takes: u64,
    pub(crate) how: How,
    /// When its caller loses interest.
    pub(crate) forgotten_after: Option<u64>,
    /// The call whose handler makes it, if it isn't a client's.
    pub(crate) within: Option<CallId>,
    /// The call that its handler makes.
    pub(crate) inner: Option<CallId>,
    /// Left out of a plan that was made smaller.
    pub(crate) skipped: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) claim_idle: u64,
    pub(crate) grace: u64,
    pub(crate) reply_max_len: u64,
    pub(crate) services: Vec<ServicePlan>,
    pub(crate) servers: Vec<ServerPlan>,
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) calls: Vec<CallPlan>,
    pub(crate) faults: Vec<FaultPlan>,
    pub(crate) calm_at: u64,
    /// For how long nothing happens any more before all stop: at least until everybody has their connections back.
    pub(crate) lingers: u64,
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let services = draw_services(&mut dice);
        let servers = draw_servers(&mut dice, services.len());
        let calm_at = dice.scaled(2 * SECOND..120 * SECOND);
        let claim_idle = dice.scaled(5 * SECOND..60 * SECOND);
        let clients: Vec<ClientPlan> = (0..dice.number(1..4))
            .map(|at| ClientPlan {
                keeps_id: dice.per_mille(500),
                born_at: if at == 0 { 0 } else { dice.number(0..SECOND) },
            })
            .collect();
        let mut plan = Plan {
            seed,
            claim_idle,
            grace: dice.scaled(10 * MS..10 * SECOND),
            reply_max_len: if dice.per_mille(200) { dice.number(4..40) } else { 1024 },
            services,
            servers,
            clients,
            calls: Vec::new(),
            faults: Vec::new(),
            calm_at,
            lingers: RECONNECTED,
        };
        plan.calls = plan.draw_calls(&mut dice);
        plan.faults = faults::draw(&mut dice, &plan);
        // So that worlds without the following stay what they are.
        if dice.per_mille(50) {
            plan.flood(&mut dice);
        }
        let mut later = Dice::new(seed ^ LATER);
        plan.faults.extend(faults::draw_more(&mut later, &plan));
        if later.per_mille(50) {
            // What takes many claim idles comes to its end, too.
            plan.lingers += 13 * claim_idle;
        }
        plan.faults.sort_by_key(|fault| fault.at);
        nested::add(&mut later, &mut plan);
        plan
    }

    fn draw_calls(&self, dice: &mut Dice) -> Vec<CallPlan> {
        let count = dice.scaled(5..300);
        // Some worlds are busy, some have bursts, in some every handler is slow.
        let slow = dice.number(0..400) as u32;
        let burst = dice.per_mille(300).then(|| dice.number(0..self.calm_at));
        let longest = dice.scaled(10 * MS..3 * self.claim_idle);
        let mut calls: Vec<CallPlan> =
            (0..count).map(|_| self.draw_call(dice, slow, burst, longest)).collect();
        calls.sort_by_key(|call| call.at);
        calls
    }

    /// So many quick calls at once that their replies don't fit into the reply stream: stores trim it by the hundred.
    fn flood(&mut self, dice: &mut Dice) {
        self.reply_max_len = dice.number(4..40);
        let (at, service) = (dice.number(0..self.calm_at), dice.index(self.services.len()));
        for _ in 0..dice.number(150..400) {
            self.calls.push(CallPlan {
                at: at + dice.number(0..MS),
                client: 0,
                service,
                key: dice.number(0..5),
                notification: false,
                timeout: dice.scaled(5 * SECOND..60 * SECOND),
                takes: 0,
                how: How::Finish,
                forgotten_after: None,
                within: None,
                inner: None,
                skipped: false,
            });
        }
        self.calls.sort_by_key(|call| call.at);
    }

    fn draw_call(&self, dice: &mut Dice, slow: u32, burst: Option<u64>, longest: u64) -> CallPlan {
        let service = dice.index(self.services.len());
        let at = match burst {
            Some(burst) if dice.per_mille(700) => burst + dice.number(0..20 * MS),
            _ => dice.number(0..self.calm_at),
        };
        let takes = match dice.per_mille(slow) {
            true => dice.scaled(MS..longest),
            false if dice.per_mille(500) => 0,
            false => dice.scaled(1000..20 * MS),
        };
        let has_limit = self.services[service].limit.is_some();
        let how = match dice.number(0..1000) {
            0..40 => How::Fail,
            40..70 => How::Panic,
            70..90 => How::Hang,
            90..110 if has_limit => How::Poison,
            _ => How::Finish,
        };
        let notification = dice.per_mille(150);
        let timeout = dice.scaled(20 * MS..120 * SECOND);
        CallPlan {
            at,
            client: dice.index(self.clients.len()),
            service,
            key: dice.number(0..5),
            notification,
            timeout: if notification { NOTE_TIMEOUT } else { timeout },
            takes,
            how,
            forgotten_after: dice.per_mille(30).then(|| dice.scaled(MS..10 * SECOND)),
            within: None,
            inner: None,
            skipped: false,
        }
    }

    /// The same plan with some of its faults and calls only, by their numbers.
    pub(crate) fn only(&self, faults: Option<&[usize]>, calls: Option<&[usize]>) -> Plan {
        let mut plan = self.clone();
        if let Some(faults) = faults {
            let kept = self.faults.iter().enumerate().filter(|(at, _)| faults.contains(at));
            plan.faults = kept.map(|(_, fault)| fault.clone()).collect();
        }
        if let Some(calls) = calls {
            for (at, call) in plan.calls.iter_mut().enumerate() {
                call.skipped = !calls.contains(&at);
            }
        }
        plan
    }

    /// How long everything may take to settle once nothing goes wrong any more.
    ///
    /// A connection that is silent is given up after the response timeout on top of a blocked read (a second), and opened again after
    /// the longest wait; what a dead server holds is taken over after the claim idle, looked for every second; a consumer may still
    /// have to wait for its lease to be known as lost. Then all that is left runs, one after the other at worst, and each once
    /// more if its server has lost it; callers wait no longer than that but for replies that were taken. A store whose clock
    /// goes back doesn't know for so long how idle an entry is, and nobody can take it over.
    pub(crate) fn settles_within(&self) -> u64 {
        let reconnect = RECONNECTED + SECOND;
        let takeover = 2 * self.claim_idle + 2 * SECOND;
        // A handler may wait for a call of its own, too.
        let waits = |call: &CallPlan| if call.within.is_some() { call.timeout } else { 0 };
        let work: u64 = self.calls.iter().map(|call| call.takes + waits(call) + 100 * MS).sum();
        let patience = self.calls.iter().map(|call| call.timeout).max().unwrap_or(0);
        let back = self.faults.iter().map(|fault| match fault.what {
            Fault::StoreJump { by } => by.min(0).unsigned_abs(),
            _ => 0,
        });
        let back: u64 = back.sum();
        reconnect + takeover + 2 * work + patience + back + self.grace + 10 * SECOND
    }
}

fn draw_services(dice: &mut Dice) -> Vec<ServicePlan> {
    let count = dice.number(1..4);
    let service = |at| ServicePlan {
        name: format!("s{at}"),
        discipline: match dice.number(0..10) {
            0..5 => Discipline::Serial,
            5..8 => Discipline::Concurrent(dice.number(2..9) as usize),
            _ => Discipline::Ordered(dice.number(2..9) as usize),
        },
        limit: None,
    };
    let mut services: Vec<ServicePlan> = (0..count).map(service).collect();
    // A limit is an option of a server, so that all its services have it.
    if dice.per_mille(250) {
        let limit = dice.number(2..6);
        services.iter_mut().for_each(|service| service.limit = Some(limit));
    }
    services
}

fn draw_servers(dice: &mut Dice, services: usize) -> Vec<ServerPlan> {
    let all: Vec<usize> = (0..services).collect();
    let count = dice.number(1..4);
    let mut servers: Vec<ServerPlan> = (0..count)
        .map(|at| ServerPlan {
            // The first one has all, so that each service has a server.
            services: all.iter().copied().filter(|_| at == 0 || dice.per_mille(700)).collect(),
            keeps_id: dice.per_mille(500),
            is_peer: false,
            born_at: if dice.per_mille(700) { 0 } else { dice.scaled(MS..5 * SECOND) },
        })
        .filter(|server| !server.services.is_empty())
        .collect();
    if dice.per_mille(150) {
        let (keeps_id, born_at) = (true, dice.scaled(MS..SECOND));
        servers.push(ServerPlan { services: vec![0], keeps_id, is_peer: true, born_at });
    }
    servers
}
