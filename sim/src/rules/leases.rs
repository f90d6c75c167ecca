//! **A lease isn't renewed after it was lost**: once the store has told a server that an entry isn't its own any more, the server
//! doesn't ask for it again, unless it was delivered to it again.

use clamator_core::{Command, Outcome, Reply, StreamId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Broken, Rule, broken};
use crate::book::Book;
use crate::event::{About, Event, LifeId};

#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// Those of which the store has said so, though its answer may still be on its way.
    gone: FxHashSet<(LifeId, usize, StreamId)>,
    /// Those of which it has been told, and whether it has asked since: the answer and its clock may come at the same time.
    lost: FxHashMap<(LifeId, usize, StreamId), bool>,
}

impl Rule for Leases {
    const NAME: &'static str = "a lease isn't renewed after it was lost";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            Event::Answered {
                life,
                about: About::Renewal { service, ids },
                outcome: Outcome::Reply(Reply::Ids(own)),
                ..
            } => {
                for id in ids.iter().filter(|id| !own.contains(id)) {
                    // It may have been delivered again before the answer came.
                    let place = (*life, *service, *id);
                    if self.gone.remove(&place) {
                        self.lost.insert(place, false);
                    }
                }
            }
            Event::Executed {
                life,
                command: Command::Renew { stream, ids, .. },
                outcome: Outcome::Reply(Reply::Ids(own)),
                ..
            } => {
                let Some(service) = book.service_of(stream) else { return Ok(()) };
                let gone = ids.iter().filter(|id| !own.contains(id));
                self.gone.extend(gone.map(|id| (*life, service, *id)));
            }
            Event::Executed { life, command, outcome: Outcome::Reply(reply), .. } => {
                let (stream, entries) = match (command, reply) {
                    (
                        Command::ReadGroup { stream, .. } | Command::ReadOwnPending { stream, .. },
                        Reply::Entries(entries),
                    ) => (stream, entries),
                    (Command::AutoClaim { stream, .. }, Reply::Claimed { entries, .. }) => {
                        (stream, entries)
                    }
                    _ => return Ok(()),
                };
                if self.lost.is_empty() && self.gone.is_empty() {
                    return Ok(());
                }
                let Some(service) = book.service_of(stream) else { return Ok(()) };
                for entry in entries {
                    self.lost.remove(&(*life, service, entry.id));
                    self.gone.remove(&(*life, service, entry.id));
                }
            }
            Event::Sent { life, command: Command::Renew { stream, ids, .. }, .. } => {
                let Some(service) = book.service_of(stream) else { return Ok(()) };
                for id in ids {
                    let asked = self.lost.get_mut(&(*life, service, *id));
                    if asked.is_some_and(|asked| std::mem::replace(asked, true)) {
                        let entry = book.services[service].entries.get(id);
                        let what =
                            format!("{} renews {id}, which it has lost", book.lives[*life].name);
                        return entry.map_or(Ok(()), |entry| broken(entry.call, what));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
