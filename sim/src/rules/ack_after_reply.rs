//! **No ack leaves before its reply was accepted**: when a server sends the ack of a request, it has learned that the store took
//! in a reply to it; a notification is acked after its handler has ended.

use clamator_core::{Command, Outcome, Reply};
use rustc_hash::FxHashSet;

use super::{Broken, Rule, broken};
use crate::book::{Book, Role};
use crate::event::{About, CallId, Event, LifeId};

#[derive(Debug, Default)]
pub(crate) struct AckAfterReply {
    accepted: FxHashSet<(LifeId, CallId)>,
}

impl Rule for AckAfterReply {
    const NAME: &'static str = "no ack leaves before its reply was accepted";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            Event::Answered {
                life,
                about: About::Reply(call),
                outcome: Outcome::Reply(Reply::Added(_)) | Outcome::Refused(_),
                ..
            } => {
                self.accepted.insert((*life, *call));
            }
            Event::Sent { life, command: Command::Ack { stream, ids, .. }, .. } => {
                let Some(service) = book.service_of(stream) else { return Ok(()) };
                for id in ids {
                    let Some(entry) = book.services[service].entries.get(id) else { continue };
                    let (call, it) = (entry.call, book.call(entry.call));
                    // One that was trimmed under its server can't be answered any more.
                    if it.taken.is_some() || book.lives[*life].role == Role::Peer {
                        continue;
                    }
                    // An ack that is repeated may be one of an earlier entry with this id, which another server has now.
                    if entry.namesake && entry.owner.is_none_or(|owner| owner.life != *life) {
                        continue;
                    }
                    let ended = it.runs.iter().any(|run| {
                        book.runs[*run].life == *life && book.runs[*run].ended.is_some()
                    });
                    let may = if it.notification {
                        ended || it.put_aside
                    } else {
                        self.accepted.contains(&(*life, call))
                    };
                    if !may {
                        let what = format!(
                            "{} acks {id}, {}, before it knows that a reply is in the store",
                            book.lives[*life].name,
                            book.call_name(call)
                        );
                        return broken(call, what);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
