//! What may go wrong.

use std::fmt;

use super::{MS, Plan, SECOND};
use crate::dice::Dice;
use crate::net::Refusing;

/// A fault. Machines are numbered: the store, the servers, the clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One of a machine's connections is cut, or all: `arrive` thousandths of what is on its way still arrive, the next pipeline in part
    /// if `torn`; the store doesn't notice for a while.
    Cut {
        node: usize,
        all: bool,
        arrive: u64,
        torn: bool,
        answers: bool,
        unnoticed: u64,
    },
    /// Nothing gets through to a machine for a while, and back.
    Stall {
        node: usize,
        lasts: u64,
    },
    /// A process stands still.
    Pause {
        node: usize,
        lasts: u64,
    },
    /// A process dies, and another one begins after a while.
    Crash {
        node: usize,
        arrive: u64,
        down: u64,
    },
    /// A process is asked to stop, and another one begins after a while.
    Stop {
        node: usize,
        down: u64,
    },
    /// A machine's clock jumps ahead.
    Jump {
        node: usize,
        by: u64,
    },
    /// The store's clock jumps, ahead or back.
    StoreJump {
        by: i64,
    },
    DestroyGroup {
        service: usize,
    },
    FlushAll,
    /// Somebody trims a command stream to so many entries.
    Trim {
        service: usize,
        keep: usize,
    },
    /// The store is gone for a while, and comes back with what it had some time ago, or empty.
    Restart {
        down: u64,
        empty: bool,
    },
    /// Somebody puts a string in the place of a stream, and takes it away after a while.
    Overwrite {
        what: Overwritten,
        lasts: u64,
    },
    /// The store answers, and refuses.
    Refuse {
        how: Refusing,
        lasts: u64,
    },
}

/// Which stream somebody puts something else in the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwritten {
    /// The requests to a service.
    Requests(usize),
    /// What was put aside of a service.
    PutAside(usize),
    /// The replies to the client on this machine.
    Replies(usize),
}

impl fmt::Display for Overwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Overwritten::Requests(service) => write!(f, "the requests to s{service}"),
            Overwritten::PutAside(service) => write!(f, "what was put aside of s{service}"),
            Overwritten::Replies(node) => write!(f, "the replies to machine {node}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FaultPlan {
    pub(crate) at: u64,
    pub(crate) what: Fault,
}

impl Fault {
    /// For how long it lasts itself.
    pub(crate) fn lasts(&self) -> u64 {
        match self {
            Fault::Stall { lasts, .. }
            | Fault::Pause { lasts, .. }
            | Fault::Overwrite { lasts, .. }
            | Fault::Refuse { lasts, .. } => *lasts,
            Fault::Cut { unnoticed, .. } => *unnoticed,
            Fault::Crash { down, .. } | Fault::Stop { down, .. } | Fault::Restart { down, .. } => {
                *down
            }
            _ => 0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |nanos: &u64| format!("{} ms", nanos / MS);
        match self {
            Fault::Cut { node, all, arrive, torn, answers, unnoticed } => {
                let which = if *all { "all connections" } else { "a connection" };
                write!(
                    f,
                    "{which} of machine {node} cut: {arrive}‰ of what is on its way arrives"
                )?;
                write!(f, "{}", if *torn { ", the next in part" } else { "" })?;
                write!(f, "{}", if *answers { "" } else { ", answers are lost" })?;
                write!(f, ", the store notices after {}", ms(unnoticed))
            }
            Fault::Stall { node, lasts } => {
                write!(f, "machine {node} is out of reach for {}", ms(lasts))
            }
            Fault::Pause { node, lasts } => {
                write!(f, "the process of machine {node} stands still for {}", ms(lasts))
            }
            Fault::Crash { node, down, .. } => {
                write!(
                    f,
                    "the process of machine {node} dies, the next one begins after {}",
                    ms(down)
                )
            }
            Fault::Stop { node, down } => {
                write!(
                    f,
                    "the process of machine {node} is to stop, the next one begins {} later",
                    ms(down)
                )
            }
            Fault::Jump { node, by } => {
                write!(f, "the clock of machine {node} jumps ahead by {}", ms(by))
            }
            Fault::StoreJump { by } => {
                write!(f, "the store's clock jumps by {} ms", by / MS as i64)
            }
            Fault::DestroyGroup { service } => write!(f, "the group of s{service} is destroyed"),
            Fault::FlushAll => f.write_str("the store is emptied"),
            Fault::Trim { service, keep } => {
                write!(f, "the stream of s{service} is trimmed to {keep} entries")
            }
            Fault::Restart { down, empty } => {
                let with = if *empty { "empty" } else { "with what it had some time ago" };
                write!(f, "the store is gone for {} and comes back {with}", ms(down))
            }
            Fault::Overwrite { what, lasts } => {
                write!(f, "for {} a string is in the place of {what}", ms(lasts))
            }
            Fault::Refuse { how, lasts } => {
                write!(f, "the store refuses for {}: {how:?}", ms(lasts))
            }
        }
    }
}

/// Which faults may be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Those that take data out of the store.
    pub(crate) losses: bool,
    /// Those that end clients.
    pub(crate) ends_of_clients: bool,
}

/// Draws faults of those that are allowed.
pub(crate) fn draw_allowed(dice: &mut Dice, plan: &Plan, allowed: Allowed) -> Vec<FaultPlan> {
    let mut faults = draw(dice, plan);
    faults.retain(|fault| match &fault.what {
        Fault::Crash { node, .. } | Fault::Stop { node, .. } | Fault::Jump { node, .. } => {
            allowed.ends_of_clients || *node <= plan.servers.len()
        }
        Fault::DestroyGroup { .. }
        | Fault::FlushAll
        | Fault::Trim { .. }
        | Fault::Restart { .. } => allowed.losses,
        // So long is nobody's test.
        Fault::StoreJump { .. } => allowed.losses,
        _ => true,
    });
    faults
}

/// Draws what goes wrong in a world: nothing in some, much in others.
pub(super) fn draw(dice: &mut Dice, plan: &Plan) -> Vec<FaultPlan> {
    let count = match dice.number(0..10) {
        0 => 0,
        1..6 => dice.number(1..4),
        _ => dice.number(4..16),
    };
    let mut faults: Vec<FaultPlan> = (0..count)
        .map(|_| FaultPlan { at: dice.number(0..plan.calm_at), what: draw_fault(dice, plan) })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// Draws what came later, from dice of its own: the other worlds stay as they are known.
pub(super) fn draw_more(dice: &mut Dice, plan: &Plan) -> Vec<FaultPlan> {
    let count = if dice.per_mille(300) { dice.number(1..4) } else { 0 };
    (0..count)
        .map(|_| FaultPlan { at: dice.number(0..plan.calm_at), what: draw_later_one(dice, plan) })
        .collect()
}

fn draw_later_one(dice: &mut Dice, plan: &Plan) -> Fault {
    let lasts = dice.scaled(10 * MS..2 * plan.claim_idle);
    if dice.per_mille(600) {
        return Fault::Refuse { how: Refusing::ALL[dice.index(Refusing::ALL.len())], lasts };
    }
    let service = dice.index(plan.services.len().max(1));
    let what = match dice.number(0..3) {
        0 => Overwritten::Requests(service),
        1 => Overwritten::PutAside(service),
        _ => Overwritten::Replies(1 + plan.servers.len() + dice.index(plan.clients.len().max(1))),
    };
    Fault::Overwrite { what, lasts }
}

fn draw_fault(dice: &mut Dice, plan: &Plan) -> Fault {
    let nodes = 1 + plan.servers.len() + plan.clients.len();
    let node = 1 + dice.index(nodes - 1);
    let service = dice.index(plan.services.len().max(1));
    // Long enough to lose a lease, in some worlds.
    let lasts = dice.scaled(10 * MS..2 * plan.claim_idle);
    let short = dice.scaled(MS..10 * SECOND);
    match dice.number(0..100) {
        0..30 => Fault::Cut {
            node,
            all: dice.per_mille(400),
            arrive: dice.number(0..4) * 333,
            torn: dice.per_mille(400),
            answers: dice.per_mille(300),
            unnoticed: if dice.per_mille(300) { short } else { 0 },
        },
        30..42 => Fault::Stall { node, lasts },
        42..52 => Fault::Pause { node, lasts },
        52..66 => Fault::Crash { node, arrive: dice.number(0..4) * 333, down: short },
        66..76 => Fault::Stop { node, down: short },
        76..80 => Fault::Jump { node, by: dice.scaled(MS..3600 * SECOND) },
        80..85 => {
            let by = dice.scaled(MS..3600 * SECOND) as i64;
            Fault::StoreJump { by: if dice.per_mille(700) { -by } else { by } }
        }
        85..89 => Fault::DestroyGroup { service },
        89..92 => Fault::FlushAll,
        92..95 => Fault::Trim { service, keep: dice.index(4) },
        _ => Fault::Restart { down: short, empty: dice.per_mille(500) },
    }
}
