//! What is to go wrong, and what went wrong so far.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clamator_core::{Command, ConnectionId, Lane, Outcome, Reply};

use super::line::Line;

macro_rules! kinds {
    ($($kind:ident)*) => {
        /// The kind of a [`Command`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "named as the commands are")]
        pub enum Kind { $($kind,)* Ping }

        impl Kind {
            /// The kind of this command.
            #[must_use]
            pub fn of(command: &Command) -> Kind {
                match command { $(Command::$kind { .. } => Kind::$kind,)* Command::Ping => Kind::Ping }
            }
        }
    };
}

kinds! {
    Append CreateGroup ReadGroup ReadOwnPending Read Info Ack AutoClaim CountDelivery Renew Release TrimDone RemoveConsumer RemoveIdleConsumers Delete Expire
    Unblock Kill
}

/// What becomes of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The connection is lost before the bytes leave: certainly not executed.
    NotSent,
    /// The connection is lost after the bytes left; it was not executed, but nobody can know.
    Lost,
    /// It is executed, and the connection is lost before the answer comes. For a read or a claim: once it brings something.
    Executed,
    /// The store refuses it, with this code.
    Refused(&'static str),
}

/// How a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Both sides notice.
    Closed,
    /// Only this side notices: the store goes on serving what it was asked, to nobody.
    HalfOpen,
}

/// One command that something is to become of.
#[derive(Debug)]
struct Plan {
    kind: Kind,
    fate: Fate,
    /// How many of its kind are let through first.
    skip: u32,
}

#[derive(Debug, Default)]
pub(super) struct State {
    plans: Vec<Plan>,
    is_away: bool,
    refused: Vec<Lane>,
    lines: Vec<(Lane, Arc<Line>)>,
    sent: BTreeMap<Kind, usize>,
    /// The bytes of the largest answers.
    largest: BTreeMap<Kind, usize>,
    pub(super) ids: Vec<ConnectionId>,
    /// What the store still believes in.
    zombies: Vec<Zombie>,
}

/// Something that is kept alive, and no more.
struct Zombie(#[allow(dead_code, reason = "it is there to be there")] Box<dyn Any + Send>);

impl std::fmt::Debug for Zombie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a zombie")
    }
}

/// Says what is to go wrong on the connections of one client or server. Clones are handles on the same.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

impl Faults {
    /// No faults so far.
    #[must_use]
    pub fn new() -> Faults {
        Faults::default()
    }

    /// The next command of this kind has this fate.
    pub fn next(&self, kind: Kind, fate: Fate) {
        self.nth(1, kind, fate);
    }

    /// The `nth` command of this kind from now on has this fate; the first is number 1.
    pub fn nth(&self, nth: u32, kind: Kind, fate: Fate) {
        self.lock().plans.push(Plan { kind, fate, skip: nth.saturating_sub(1) });
    }

    /// Whether everything that was planned has happened.
    #[must_use]
    pub fn happened(&self) -> bool {
        self.lock().plans.is_empty()
    }

    /// The store can't be reached: no connection is opened, until it [comes back](Faults::come_back). Open ones stay.
    pub fn go_away(&self) {
        self.lock().is_away = true;
    }

    /// Connections can be opened again.
    pub fn come_back(&self) {
        let mut state = self.lock();
        state.is_away = false;
        state.refused.clear();
    }

    /// Whether an attempt to connect this lane has failed since the store [went away](Faults::go_away).
    #[must_use]
    pub fn has_noticed(&self, lane: Lane) -> bool {
        self.lock().refused.contains(&lane)
    }

    /// The store is gone at once and for good: every connection is lost, and none is opened.
    pub fn crash(&self) {
        self.go_away();
        self.cut_all();
    }

    /// Loses the connections of one lane.
    pub fn cut(&self, lane: Lane, loss: Loss) {
        let lines = self.lines(|line| line == lane);
        lines.iter().for_each(|line| line.cut(loss));
    }

    /// Loses every connection.
    pub fn cut_all(&self) {
        self.lines(|_| true).iter().for_each(|line| line.cut(Loss::Closed));
    }

    /// The connections of one lane give no answer any more, and aren't lost either.
    pub fn stall(&self, lane: Lane) {
        self.lines(|line| line == lane).iter().for_each(|line| line.stall());
    }

    /// Nothing goes wrong from now on; what is lost stays lost.
    pub fn heal(&self) {
        let zombies = {
            let mut state = self.lock();
            state.plans.clear();
            state.is_away = false;
            std::mem::take(&mut state.zombies)
        };
        drop(zombies);
    }

    /// How many commands of this kind were sent.
    #[must_use]
    pub fn sent(&self, kind: Kind) -> usize {
        self.lock().sent.get(&kind).copied().unwrap_or(0)
    }

    /// How many bytes of entries the largest answer to a command of this kind has brought.
    #[must_use]
    pub fn largest(&self, kind: Kind) -> usize {
        self.lock().largest.get(&kind).copied().unwrap_or(0)
    }

    /// The store's numbers of all connections that were opened.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.lock().ids.clone()
    }

    /// Whether the store is away for somebody who wants to connect.
    pub(super) fn refuses(&self, lane: Lane) -> bool {
        let mut state = self.lock();
        if state.is_away {
            state.refused.push(lane);
        }
        state.is_away
    }

    pub(super) fn opened(&self, lane: Lane, id: Option<ConnectionId>) -> Arc<Line> {
        let line = Arc::new(Line::default());
        let mut state = self.lock();
        state.lines.retain(|(_, line)| !line.is_cut());
        state.lines.push((lane, line.clone()));
        state.ids.extend(id);
        line
    }

    /// A command is about to be sent: what becomes of it, if that is known before.
    pub(super) fn before(&self, command: &Command) -> Option<Fate> {
        let kind = Kind::of(command);
        let mut state = self.lock();
        *state.sent.entry(kind).or_default() += 1;
        state.take(kind, |fate| *fate != Fate::Executed)
    }

    /// A command was executed: whether its answer gets lost.
    pub(super) fn after(&self, kind: Kind, outcome: &Outcome) -> bool {
        if let Outcome::Reply(Reply::Entries(entries)) = outcome {
            let fields = entries.iter().flat_map(|entry| entry.fields.iter().flatten());
            let bytes: usize = fields.map(|(name, value)| name.len() + value.len()).sum();
            let mut state = self.lock();
            let largest = state.largest.entry(kind).or_default();
            *largest = bytes.max(*largest);
        }
        let brings_something = match outcome {
            Outcome::Reply(Reply::Entries(entries) | Reply::Claimed { entries, .. }) => {
                !entries.is_empty()
            }
            Outcome::Reply(_) => true,
            _ => false,
        };
        brings_something && self.lock().take(kind, |fate| *fate == Fate::Executed).is_some()
    }

    pub(super) fn keep(&self, zombie: impl Any + Send) {
        self.lock().zombies.push(Zombie(Box::new(zombie)));
    }

    fn lines(&self, which: impl Fn(Lane) -> bool) -> Vec<Arc<Line>> {
        let state = self.lock();
        state.lines.iter().filter(|(lane, _)| which(*lane)).map(|(_, line)| line.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The fate that is planned for this command, if it is one of `these`.
    fn take(&mut self, kind: Kind, these: impl Fn(&Fate) -> bool) -> Option<Fate> {
        let plan = self.plans.iter().position(|plan| plan.kind == kind && these(&plan.fate))?;
        if self.plans[plan].skip > 0 {
            self.plans[plan].skip -= 1;
            return None;
        }
        Some(self.plans.remove(plan).fate)
    }
}
