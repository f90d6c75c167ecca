//! **No entry is trimmed that any group still needs**: when the store removes what is done from a stream, each entry below what it keeps
//! was acked, or a fault had taken it before.

use clamator_core::{Command, Outcome, Reply, StreamId};

use super::{Broken, Rule, broken};
use crate::book::Book;
use crate::event::Event;

#[derive(Debug, Default)]
pub(crate) struct Trims;

impl Rule for Trims {
    const NAME: &'static str = "no entry is trimmed that any group still needs";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Executed {
            command: Command::TrimDone { stream },
            outcome: Outcome::Reply(Reply::Trimmed(trimmed)),
            ..
        } = event
        else {
            return Ok(());
        };
        let Some(service) = book.service_of(stream).filter(|_| trimmed.removed > 0) else {
            return Ok(());
        };
        let below: StreamId = trimmed.kept.as_ref().map_or(StreamId::MIN, |(kept, _)| *kept);
        let entries = book.services[service].entries.iter();
        let needed = entries
            .filter(|(id, entry)| **id < below && !entry.acked)
            .find(|(_, entry)| book.call(entry.call).taken.is_none());
        let Some((id, entry)) = needed else { return Ok(()) };
        broken(
            entry.call,
            format!("{id}, {}, is trimmed without an ack", book.call_name(entry.call)),
        )
    }
}
