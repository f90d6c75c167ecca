//! **Dead-lettered exactly when the limit says**: what is put aside has as many beginnings behind it as the limit says, at least
//! counted by the store; nothing begins more often than that, unless the store's count was lost; without a limit nothing is put aside.

use clamator_core::{Command, Outcome, Reply};

use super::{Broken, Rule, broken};
use crate::book::{Book, Role};
use crate::event::{End, Event};

#[derive(Debug, Default)]
pub(crate) struct DeadLetters;

impl Rule for DeadLetters {
    const NAME: &'static str = "dead-lettered exactly when the limit says";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            Event::Executed {
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
                // A beginning may be counted in vain once for each time that something was wrong.
                let ends = |run: &usize| book.runs[*run].ended;
                let finished = it.runs.iter().filter_map(ends).any(|(_, how)| how != End::Dropped);
                if finished && !book.troubles.iter().any(|it| it.from <= book.now) {
                    return broken(
                        call,
                        format!("{} is put aside though it has ended", book.call_name(call)),
                    );
                }
                let begun = it.runs.len() as u64;
                let vain =
                    book.troubles.iter().filter(|trouble| trouble.from <= book.now).count() as u64;
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
