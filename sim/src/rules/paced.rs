//! **Retries are paced**: however long a store is gone or refuses, no life comes back to it in a storm. Between two faults it tries to
//! connect, and repeats what was refused, at most as often as the waits of the core allow.
//!
//! Waits of a lane and of what was refused double from the least to the most, each less up to half of itself at random
//! (`core/src/backoff.rs`, `core/src/gate.rs`): `n` attempts in a row take at least as long as the halves of their waits. What isn't
//! made to wait by such a gate has an interval of its own: a look for what others left behind, a trim, a time to live and a question
//! about a stream come at most once or twice a second. A request that was refused waits 10 ms to 250 ms (`core/src/client/call.rs`).

use std::hash::Hash;

use clamator_core::{Command, Key, Lane, Outcome, Reply};
use rustc_hash::FxHashMap;

use super::bucket::Bucket;
use super::{Broken, Rule};
use crate::book::{Book, Role};
use crate::event::{CallId, Event, LifeId};
use crate::plan::{BACKOFF_MAX, BACKOFF_MIN};
use crate::story::verb;

/// More than a way there and back takes: what was sent before the first refusal was known isn't a repetition.
const ON_THE_WAY: u64 = 20_000_000;
/// A request is tried again every 250 ms, at the most, once its waits have grown.
const REQUESTS: f64 = 4.0;
/// Waits that grow from a 25th of the longest one allow four more at first than later, and one that was under way.
const FIRST: f64 = 6.0;

/// What is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    /// An addition to a stream, that of a call or of its reply. That there is no stream, and that the store refuses, are waited for
    /// each in its own way.
    Append(Key, Option<CallId>, bool),
    Other(&'static str, Option<Key>),
}

#[derive(Debug, Default)]
pub(crate) struct Paced {
    attempts: FxHashMap<LifeId, Bucket>,
    refusals: FxHashMap<(LifeId, What), (Bucket, u64)>,
    /// How many connections a life has.
    lanes: FxHashMap<LifeId, usize>,
}

impl Rule for Paced {
    const NAME: &'static str = "retries are paced";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            // What follows may be another outage.
            Event::Fault { .. } | Event::Calm => {
                self.attempts.clear();
                self.refusals.clear();
                Ok(())
            }
            Event::Connecting { life, lane } => self.connecting(book, *life, *lane),
            Event::Executed {
                life,
                command,
                outcome: outcome @ (Outcome::Refused(_) | Outcome::Reply(Reply::Nil)),
                ..
            } => self.refused(book, *life, command, matches!(outcome, Outcome::Reply(_))),
            Event::Executed { life, command, .. } if !self.refusals.is_empty() => {
                for nothing_there in [false, true] {
                    self.refusals.remove(&(*life, what(book, command, nothing_there)));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Paced {
    fn connecting(&mut self, book: &Book, life: LifeId, lane: Lane) -> Result<(), Broken> {
        let lanes = self.lanes.entry(life).or_default();
        *lanes = (*lanes).max(lane.index() + 1);
        if !is_ours(book, life) {
            return Ok(());
        }
        // Another connection that is open again ends the waits of the others, once.
        let lanes = *lanes as f64;
        let (burst, rate) = (lanes * FIRST, lanes * longest_waits_a_second());
        if self.attempts.entry(life).or_default().overflows(book.now, burst, rate) {
            let name = &book.lives[life].name;
            return Err(format!("{name} tries to connect again and again").into());
        }
        Ok(())
    }

    fn refused(
        &mut self,
        book: &Book,
        life: LifeId,
        command: &Command,
        nothing_there: bool,
    ) -> Result<(), Broken> {
        if !is_ours(book, life) {
            return Ok(());
        }
        let what = what(book, command, nothing_there);
        let is_request = matches!(command, Command::Append { create: false, .. });
        // Next to the gate there is the clock of the leases, six times a claim idle; and a connection that is open again, once for
        // each wait of its own.
        let leases = 6e9 / book.claim_idle as f64;
        let (burst, rate) = match is_request {
            true => (FIRST, REQUESTS),
            false => (2.0 * FIRST, 2.0 * longest_waits_a_second() + leases),
        };
        let (bucket, last) = self.refusals.entry((life, what.clone())).or_default();
        if *last > 0 && book.now < *last + ON_THE_WAY && !is_request {
            return Ok(());
        }
        *last = book.now;
        if bucket.overflows(book.now, burst, rate) {
            let (call, what) = match what {
                What::Append(stream, call, _) => (call, format!("append to {stream}")),
                What::Other(verb, _) => (None, verb.to_owned()),
            };
            let name = &book.lives[life].name;
            return Err(Broken { what: format!("{name} repeats again and again: {what}"), call });
        }
        Ok(())
    }
}

/// How many of the longest waits there are in a second, if chance makes each as short as it can be.
fn longest_waits_a_second() -> f64 {
    debug_assert!(BACKOFF_MAX <= BACKOFF_MIN * 25);
    2.0 / BACKOFF_MAX.as_secs_f64()
}

/// One that runs: a start that fails is tried again by whoever asked for it.
fn is_ours(book: &Book, life: LifeId) -> bool {
    let life = &book.lives[life];
    life.role != Role::Peer && life.up.is_some()
}

fn what(book: &Book, command: &Command, nothing_there: bool) -> What {
    let stream = match command {
        Command::Append { stream, fields, .. } => {
            return What::Append(stream.clone(), book.call_of(fields), nothing_there);
        }
        Command::CreateGroup { stream, .. }
        | Command::ReadGroup { stream, .. }
        | Command::ReadOwnPending { stream, .. }
        | Command::Read { stream, .. }
        | Command::Info { stream }
        | Command::Ack { stream, .. }
        | Command::AutoClaim { stream, .. }
        | Command::CountDelivery { stream, .. }
        | Command::Renew { stream, .. }
        | Command::Release { stream, .. }
        | Command::TrimDone { stream }
        | Command::RemoveConsumer { stream, .. }
        | Command::RemoveIdleConsumers { stream, .. } => Some(stream.clone()),
        Command::Delete { key } | Command::Expire { key, .. } => Some(key.clone()),
        Command::Unblock { .. } | Command::Kill { .. } | Command::Ping => None,
    };
    What::Other(verb(command), stream)
}
