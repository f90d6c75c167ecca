//! **A lane keeps order**: on one server, what is delivered for the first time begins in the order of the stream: all of a serial
//! service, and of an ordered one those of one key.

use clamator_core::StreamId;
use rustc_hash::FxHashMap;

use super::{Broken, Rule, broken};
use crate::book::{Book, Discipline, Role};
use crate::event::{Event, LifeId};

#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The last entry of each lane, and when it began.
    last: FxHashMap<(LifeId, usize, u64), (StreamId, u64)>,
}

impl Rule for Order {
    const NAME: &'static str = "a lane keeps order";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Began { life, call, entry, deliveries: 1, .. } = event else { return Ok(()) };
        let it = book.call(*call);
        let lane = match book.services[it.service].discipline {
            Discipline::Serial => 0,
            Discipline::Ordered(_) => it.key,
            Discipline::Concurrent(_) => return Ok(()),
        };
        if book.lives[*life].role != Role::Server {
            return Ok(());
        }
        // A server may find what an earlier life of it was given, and count that in vain.
        let known = book.services[it.service].entries.get(entry);
        if known.and_then(|entry| entry.owner).is_some_and(|owner| owner.life != *life) {
            return Ok(());
        }
        let place = (*life, it.service, lane);
        if let Some((before, _)) = self.last.insert(place, (*entry, book.now))
            && before >= *entry
            && book.services[it.service].resets.is_empty()
            && !known.is_some_and(|entry| entry.claimed)
        {
            return broken(
                *call,
                format!("{} begins after {before}, which came later", book.call_name(*call)),
            );
        }
        Ok(())
    }
}
