//! **Nothing begins after a stop**: once a server was told to stop, none of its handlers begins.

use super::{Broken, Rule, broken};
use crate::book::{Book, Role};
use crate::event::Event;

#[derive(Debug, Default)]
pub(crate) struct NothingAfterStop;

impl Rule for NothingAfterStop {
    const NAME: &'static str = "nothing begins after a stop";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Began { life, call, .. } = event else { return Ok(()) };
        let server = &book.lives[*life];
        match server.stopping {
            Some((at, _)) if server.role == Role::Server && at < book.now => {
                let what =
                    format!("{} begins on {}, which stops", book.call_name(*call), server.name);
                broken(*call, what)
            }
            _ => Ok(()),
        }
    }
}
