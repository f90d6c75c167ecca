//! **A stop ends a second after its grace at the latest**, whatever the store does; a process that stands still, when it goes on.

use super::{Broken, Rule};
use crate::book::{Book, Role};
use crate::event::Event;

/// What a server may take for its farewell.
const FAREWELL: u64 = 1_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct StopsInTime;

impl Rule for StopsInTime {
    const NAME: &'static str = "a stop ends a second after its grace at the latest";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Stopped { life, .. } = event else { return Ok(()) };
        let it = &book.lives[*life];
        let Some((at, grace)) = it.stopping.filter(|_| it.role != Role::Peer) else {
            return Ok(());
        };
        let latest = at + grace + FAREWELL;
        if book.now > latest && !book.troubled(it.node, at, book.now) {
            let late = (book.now - latest) / 1_000_000;
            return Err(Broken {
                what: format!("{} stops {late} ms too late", it.name),
                call: None,
            });
        }
        Ok(())
    }
}
