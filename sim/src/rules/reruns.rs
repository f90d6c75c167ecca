//! **Nothing runs again without a reason**: a request that was run to its end, or begun, runs again only if something was wrong with
//! the server of the earlier run, or with the store, since the request came, or that server has stopped or died.

use super::{Broken, Rule, broken};
use crate::book::{Book, Role};
use crate::event::Event;

#[derive(Debug, Default)]
pub(crate) struct Reruns;

impl Rule for Reruns {
    const NAME: &'static str = "nothing runs again without a reason";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Began { run, life, call, .. } = event else { return Ok(()) };
        let it = book.call(*call);
        for earlier in it.runs.iter().filter(|earlier| *earlier != run) {
            let earlier = &book.runs[*earlier];
            let server = &book.lives[earlier.life];
            let reset = book.reset_between(it.service, it.added_at, book.now);
            let gone = server.ended.is_some() || server.stopping.is_some();
            // Its own read was still on its way to it when a clock that jumped let it take the entry over from itself.
            let from_itself = book.jumps.iter().any(|at| *at >= it.added_at)
                && book.troubled(server.node, it.added_at, book.now);
            let excused = reset
                || from_itself
                // It renews nothing, and begins what others have taken over long ago.
                || server.role == Role::Peer
                || book.lives[*life].role == Role::Peer
                || earlier.life != *life && (gone || book.troubled(server.node, it.added_at, book.now));
            if !excused {
                let what = format!(
                    "{} begins again on {} after {}, and nothing was wrong there",
                    book.call_name(*call),
                    book.lives[*life].name,
                    server.name
                );
                return broken(*call, what);
            }
        }
        Ok(())
    }
}
