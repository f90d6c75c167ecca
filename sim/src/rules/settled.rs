//! **A call settles exactly once, and by its deadline.** A process that stands still settles it when it goes on; one that
//! dies, never.

use super::{Broken, Rule, broken};
use crate::book::Book;
use crate::event::Event;

#[derive(Debug, Default)]
pub(crate) struct Settled {
    done: Vec<bool>,
}

impl Rule for Settled {
    const NAME: &'static str = "a call settles exactly once, by its deadline";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Settled { call, .. } = event else { return Ok(()) };
        let at = *call as usize;
        if self.done.len() <= at {
            self.done.resize(at + 1, false);
        }
        if std::mem::replace(&mut self.done[at], true) {
            return broken(*call, format!("{} settles a second time", book.call_name(*call)));
        }
        let it = book.call(*call);
        let deadline = it.at + it.timeout;
        let node = book.lives[it.life].node;
        if book.now > deadline && !book.troubled(node, it.at, book.now) {
            let late = (book.now - deadline) / 1000;
            return broken(
                *call,
                format!("{} settles {late} µs after its deadline", book.call_name(*call)),
            );
        }
        Ok(())
    }

    fn end(&mut self, book: &Book) -> Result<(), Broken> {
        for (number, call) in book.calls.iter().enumerate() {
            let number = number as u32;
            let died = book.lives[call.life].ended.is_some();
            if call.made && call.settled.is_none() && !call.forgotten && !died {
                return broken(number, format!("{} has never settled", book.call_name(number)));
            }
        }
        Ok(())
    }
}
