//! **No call waits while the pool idles**: from when a request is in the stream until it is delivered, no server that has its service, and
//! with which nothing is wrong, does nothing of it for longer than it may take to notice; and none leaves what was delivered to it lying
//! for others to take over.

use clamator_core::{Command, Outcome, Reply, StreamId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Broken, Rule, broken};
use crate::book::{Book, Owner, Role};
use crate::event::{Event, LifeId};

/// A server that is idle waits in a read, which the next entry ends at once: a way, and what two of them may cross. Three seconds are
/// more than any way takes here, with a blocked read and a look for what others left.
const NOTICED: u64 = 3_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct Fairness {
    delivered: FxHashSet<(usize, StreamId)>,
    /// How many handlers a server runs of a service, and when it last had to do with it.
    busy: FxHashMap<(LifeId, usize), (usize, u64)>,
}

impl Rule for Fairness {
    const NAME: &'static str = "no call waits while the pool idles";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            Event::Began { life, call, .. } => {
                let busy = self.busy.entry((*life, book.call(*call).service)).or_default();
                *busy = (busy.0 + 1, book.now);
            }
            Event::Ended { run, .. } => {
                let run = &book.runs[*run];
                let busy = self.busy.entry((run.life, book.call(run.call).service)).or_default();
                *busy = (busy.0.saturating_sub(1), book.now);
            }
            Event::Executed { life, command: Command::Ack { stream, .. }, .. } => {
                if let Some(service) = book.service_of(stream) {
                    self.busy.entry((*life, service)).or_default().1 = book.now;
                }
            }
            Event::Executed {
                life,
                command: Command::ReadGroup { stream, .. },
                outcome: Outcome::Reply(Reply::Entries(entries)),
                ..
            } => {
                let Some(service) = book.service_of(stream) else { return Ok(()) };
                for entry in entries {
                    if self.delivered.insert((service, entry.id)) {
                        self.judge(book, service, entry.id)?;
                    }
                }
                self.busy.entry((*life, service)).or_default().1 = book.now;
            }
            Event::Executed {
                command: Command::AutoClaim { stream, .. },
                outcome: Outcome::Reply(Reply::Claimed { entries, .. }),
                ..
            } => {
                let Some(service) = book.service_of(stream) else { return Ok(()) };
                for entry in entries {
                    self.judge_owner(book, service, entry.id)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Fairness {
    /// Judges who had an entry that is taken over: a server with which nothing was wrong for long must not have left it lying.
    fn judge_owner(&self, book: &Book, service: usize, id: StreamId) -> Result<(), Broken> {
        let Some(entry) = book.services[service].entries.get(&id) else { return Ok(()) };
        // A command that waits in the network while its connection is given up may take over what its server never hears of.
        let previous = entry.previous.filter(|owner| !entry.namesake && !owner.unheard);
        let Some(Owner { life: owner, since: got_at, .. }) = previous else { return Ok(()) };
        let (life, since) = (&book.lives[owner], book.now.saturating_sub(book.claim_idle / 2));
        let (running, last) = self.busy.get(&(owner, service)).copied().unwrap_or_default();
        let did_nothing = running == 0 && last < since;
        let begun = book.call(entry.call).runs.iter().any(|run| book.runs[*run].life == owner);
        if life.role == Role::Server
            && life.stopping.is_none()
            && life.up.is_some_and(|up| up < got_at)
            && did_nothing
            && !begun
            && got_at < since
            && !book.troubled(life.node, since, book.now)
            && !book.reset_between(service, got_at, book.now)
        {
            let name = book.call_name(entry.call);
            return broken(
                entry.call,
                format!("{name} was left lying by {}, which did nothing", life.name),
            );
        }
        Ok(())
    }

    /// Judges how long an entry has waited that is delivered for the first time.
    fn judge(&self, book: &Book, service: usize, id: StreamId) -> Result<(), Broken> {
        let Some(entry) = book.services[service].entries.get(&id) else { return Ok(()) };
        let since = book.call(entry.call).added_at;
        let waited = book.now.saturating_sub(since);
        if waited <= NOTICED || book.reset_between(service, since, book.now) {
            return Ok(());
        }
        let idle = book.lives.iter().enumerate().find(|(at, life)| {
            let (running, last) = self.busy.get(&(*at, service)).copied().unwrap_or_default();
            life.role == Role::Server
                && life.services.contains(&service)
                && life.stopping.is_none()
                && life.up.is_some_and(|up| up < since)
                && (running, last < since) == (0, true)
                && !book.troubled(life.node, since, book.now)
        });
        let Some((_, idle)) = idle else { return Ok(()) };
        let name = book.call_name(entry.call);
        broken(
            entry.call,
            format!(
                "{name} has waited for {} ms, while {} did nothing",
                waited / 1_000_000,
                idle.name
            ),
        )
    }
}
