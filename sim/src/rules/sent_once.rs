//! **A request is sent once**: the store never has two entries for one call.

use clamator_core::Command;

use super::{Broken, Rule, broken};
use crate::book::Book;
use crate::event::Event;

#[derive(Debug, Default)]
pub(crate) struct SentOnce;

impl Rule for SentOnce {
    const NAME: &'static str = "a request is sent once";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Executed { command: Command::Append { stream, fields, .. }, .. } = event else {
            return Ok(());
        };
        if book.service_of(stream).is_none() {
            return Ok(());
        }
        let Some(call) = book.call_of(fields) else { return Ok(()) };
        if book.call(call).entries.len() > 1 {
            let what = format!(
                "{} is in the stream as {:?}",
                book.call_name(call),
                book.call(call).entries
            );
            return broken(call, what);
        }
        Ok(())
    }
}
