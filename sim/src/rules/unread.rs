//! **What is unread in a reply stream stays within its bound**: of the requests of one client, those with a reply that it hasn't read are never
//! more than the stream is trimmed to, so that none is trimmed unread; and each reply that a server adds has the stream trimmed.
//!
//! Second replies aren't counted: those of a request that runs again, because a group was lost, nobody can foresee. A request whose caller has gone keeps its place for a minute (`LATE` in `core/src/client/places.rs`): a reply that comes later doesn't count.

use clamator_core::{Command, Key, Outcome, Reply, StreamId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Broken, Rule, broken};
use crate::book::{Book, Role};
use crate::event::{CallId, Event, LifeId};

/// For how long the place of a request is kept for a late reply.
const LATE: u64 = 60_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// By stream: the replies that were not read, as far as is known.
    streams: FxHashMap<Key, Vec<(StreamId, CallId)>>,
}

impl Rule for Unread {
    const NAME: &'static str = "what is unread in a reply stream stays within its bound";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            // It may have taken streams away, or brought an earlier state back.
            Event::Fault { .. } => self.streams.clear(),
            Event::Executed { command: Command::Delete { key }, .. } => {
                self.streams.remove(key);
            }
            Event::Executed {
                life,
                command: Command::Append { stream, fields, max_len, .. },
                outcome: Outcome::Reply(Reply::Added(id)),
                ..
            } if book.is_reply_stream(stream) => {
                let Some(call) = book.call_of(fields) else { return Ok(()) };
                if book.lives[*life].role == Role::Server && *max_len != Some(book.reply_max_len) {
                    let name = &book.lives[*life].name;
                    return broken(call, format!("{name} trims to {max_len:?} as it replies"));
                }
                if book.call(call).replies > 1 {
                    return Ok(());
                }
                let unread = self.streams.entry(stream.clone()).or_default();
                unread.push((*id, call));
                if unread.len() as u64 > book.reply_max_len {
                    return judge(book, unread, book.call(call).life);
                }
            }
            Event::Executed {
                command: Command::Read { stream, .. },
                outcome: Outcome::Reply(Reply::Entries(entries)),
                ..
            } => {
                if let (Some(last), Some(unread)) = (entries.last(), self.streams.get_mut(stream)) {
                    unread.retain(|(id, _)| *id > last.id);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Judges how many requests of a life have an unread reply.
fn judge(book: &Book, unread: &[(StreamId, CallId)], life: LifeId) -> Result<(), Broken> {
    let has_place = |call: &CallId| {
        let it = book.call(*call);
        let late = it.settled.is_some_and(|(at, _)| at + LATE <= book.now);
        it.life == life && !late && !it.forgotten
    };
    let calls: FxHashSet<CallId> = unread.iter().map(|(_, call)| *call).filter(has_place).collect();
    let (most, Some((_, last))) = (book.reply_max_len, unread.last()) else { return Ok(()) };
    if calls.len() as u64 <= most {
        return Ok(());
    }
    let what = format!("{} replies are unread, in a stream of about {most}", calls.len());
    broken(*last, what)
}
