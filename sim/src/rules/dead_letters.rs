//! **Dead-lettered exactly when the limit says**: what is put aside was counted by the store more often than the limit says, and has so
//! many beginnings behind it, but for those that were counted in vain; nothing begins more often than that, unless the store's count was lost; without a limit nothing is put aside.

use clamator_core::{Command, Outcome, Reply, StreamId};
use rustc_hash::FxHashMap;

use super::{Broken, Rule, broken};
use crate::book::{Book, Role};
use crate::event::{End, Event, LifeId};
use crate::stage::STORE;

#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    /// What the store last told a server of how often an entry was delivered.
    counted: FxHashMap<(LifeId, usize, StreamId), u64>,
}

impl Rule for DeadLetters {
    const NAME: &'static str = "dead-lettered exactly when the limit says";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            Event::Executed {
                life,
                command: Command::CountDelivery { stream, id, .. },
                outcome: Outcome::Reply(Reply::Deliveries(Some(deliveries))),
                ..
            } => {
                if let Some(service) = book.service_of(stream) {
                    self.counted.insert((*life, service, *id), *deliveries);
                }
            }
            Event::Executed {
                life,
                command: Command::Append { stream, fields, .. },
                outcome: Outcome::Reply(Reply::Added(_)),
                ..
            } => {
                if !book.services.iter().any(|service| service.dead == *stream) {
                    return Ok(());
                }
                let Some(call) = book.call_of(fields) else { return Ok(()) };
                let it = book.call(call);
                let service = &book.services[it.service];
                let Some(limit) = service.limit else {
                    return broken(
                        call,
                        format!("{} is put aside without a limit", book.call_name(call)),
                    );
                };
                let counted = |id: &StreamId| self.counted.get(&(*life, it.service, *id)).copied();
                let counted = it.entries.iter().filter_map(counted).max().unwrap_or_default();
                if counted <= limit {
                    let what = format!(
                        "{} is put aside, counted {counted} times, at a limit of {limit}",
                        book.call_name(call)
                    );
                    return broken(call, what);
                }
                // A beginning may be counted in vain once for each time that something was wrong with a server, or the store.
                let serves = |node| {
                    let mut servers = book.lives.iter().filter(|life| life.role != Role::Client);
                    node == STORE || servers.any(|life| life.node == node)
                };
                let troubles = book.troubles.iter().filter(|trouble| {
                    trouble.from <= book.now && trouble.to >= it.added_at && serves(trouble.node)
                });
                let vain = troubles.count() as u64;
                let ends = |run: &usize| book.runs[*run].ended;
                let finished = it.runs.iter().filter_map(ends).any(|(_, how)| how != End::Dropped);
                if finished && vain == 0 {
                    return broken(
                        call,
                        format!("{} is put aside though it has ended", book.call_name(call)),
                    );
                }
                let begun = it.runs.len() as u64;
                let peers = book.lives.iter().filter(|life| life.role == Role::Peer).count();
                let stops = book.lives.iter().filter(|life| life.stopping.is_some()).count() as u64;
                if peers == 0 && begun + vain + stops < limit {
                    let what = format!(
                        "{} is put aside after {begun} of {limit} beginnings",
                        book.call_name(call)
                    );
                    return broken(call, what);
                }
            }
            Event::Began { call, life, .. } if book.lives[*life].role == Role::Server => {
                let it = book.call(*call);
                let service = &book.services[it.service];
                let Some(limit) = service.limit else { return Ok(()) };
                let begun = it.runs.len() as u64;
                let peer =
                    it.runs.iter().any(|run| book.lives[book.runs[*run].life].role == Role::Peer);
                if begun > limit && service.resets.is_empty() && !peer {
                    let what = format!(
                        "{} begins for the {begun}th time, at a limit of {limit}",
                        book.call_name(*call)
                    );
                    return broken(*call, what);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
