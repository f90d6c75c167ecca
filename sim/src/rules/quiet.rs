//! **An idle pool is quiet**: while nothing is to be done and nothing goes wrong, a life sends no more than the commands of its clocks.
//!
//! A server sends, for each service, a read that waits for a second (`Shared::block`), a look for what others left behind each second
//! (`core/src/server/upkeep.rs`), a trim every ten and a look for idle consumers every claim idle (`core/src/server/retention.rs`). A client
//! sends a read that waits for a second, and at most one question about its stream for each that brought nothing
//! (`core/src/client/watch.rs`).

use clamator_core::{Command, Outcome, Reply, StreamId};

use super::bucket::Bucket;
use super::{Broken, Rule};
use crate::book::{Book, Role};
use crate::event::{Event, LifeId};

/// What the clocks of one service may send at the same time: a read and a question or a look, two trims (the last that comes a
/// second after an ack, and the first of those every ten), a look for consumers.
const AT_ONCE: f64 = 5.0;

#[derive(Debug, Default)]
pub(crate) struct Quiet {
    /// By life: what it has sent since it had something to do, and how many connections it has.
    lives: Vec<(Bucket, usize)>,
}

impl Rule for Quiet {
    const NAME: &'static str = "an idle pool is quiet";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            Event::Fault { .. } | Event::Calm => {
                self.lives.iter_mut().for_each(|(bucket, _)| *bucket = Bucket::default());
            }
            Event::Connecting { life, lane } => {
                let lanes = &mut self.of(*life).1;
                *lanes = (*lanes).max(lane.index() + 1);
                self.works(*life);
            }
            Event::Up { life } | Event::Called { life, .. } | Event::Began { life, .. } => {
                self.works(*life);
            }
            Event::Settled { call, .. } | Event::Forgotten { call } => {
                self.works(book.call(*call).life);
            }
            Event::Ended { run, .. } => self.works(book.runs[*run].life),
            Event::Executed { life, outcome, .. } if is_work(outcome) => self.works(*life),
            Event::Sent { life, command, .. } if is_upkeep(command) => {
                return self.sent(book, *life);
            }
            Event::Sent { life, .. } => self.works(*life),
            _ => {}
        }
        Ok(())
    }
}

impl Quiet {
    fn of(&mut self, life: LifeId) -> &mut (Bucket, usize) {
        if self.lives.len() <= life {
            self.lives.resize(life + 1, Default::default());
        }
        &mut self.lives[life]
    }

    /// What comes now may be because of that.
    fn works(&mut self, life: LifeId) {
        self.of(life).0 = Bucket::default();
    }

    fn sent(&mut self, book: &Book, life: LifeId) -> Result<(), Broken> {
        let it = &book.lives[life];
        if it.up.is_none() || it.stopping.is_some() || it.role == Role::Peer {
            return Ok(());
        }
        let (bucket, lanes) = self.of(life);
        let readers = lanes.saturating_sub(1).max(1) as f64;
        let rate = match it.role {
            Role::Client => 2.0,
            _ => readers * (2.0 + 0.1 + 1e9 / book.claim_idle as f64),
        };
        // The time to live of each reply stream that was written to, and pings to the other connections.
        let more = book.replies.len() as f64 + readers;
        if bucket.overflows(book.now, readers * AT_ONCE + more, rate) {
            let what = format!("{} is busy, and has nothing to do", it.name);
            return Err(what.into());
        }
        Ok(())
    }
}

/// What clocks send.
fn is_upkeep(command: &Command) -> bool {
    matches!(
        command,
        Command::ReadGroup { .. }
            | Command::Read { .. }
            | Command::AutoClaim { .. }
            | Command::TrimDone { .. }
            | Command::RemoveIdleConsumers { .. }
            | Command::Info { .. }
            | Command::Expire { .. }
            | Command::Ping
    )
}

/// Whether it brings something to be done, or isn't what was hoped for.
fn is_work(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Reply(Reply::Entries(entries)) => !entries.is_empty(),
        Outcome::Reply(Reply::Claimed { entries, cursor }) => {
            !entries.is_empty() || *cursor != StreamId::MIN
        }
        Outcome::Reply(_) => false,
        _ => true,
    }
}
