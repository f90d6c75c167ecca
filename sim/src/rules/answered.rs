//! **Every call is answered, or a fault explains why not**: a timeout needs a reason, which is that its request or reply was taken
//! out of the store, that its handler takes or waits longer than its caller, or that something was wrong with a machine that it
//! needs; a lost connection needs a cut. And every request that the store has accepted, and that no fault has taken, is run to its end and acked.

use super::{Broken, Rule, broken};
use crate::book::{Book, Call};
use crate::event::{Event, Told};

/// Another connection is there within this, with a failed attempt.
const HASTY: u64 = 3_000_000_000;
/// A reply is read at once: a second is much more than any way takes here.
const READ: u64 = 1_000_000_000;
/// In a stream that was made anew below a client's place in it, since the store's clock went back, a reply is found by a look at the stream:
/// there is one after a blocked read (a second), unless there was one less than half a second before, so after two.
const FOUND: u64 = 3_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct Answered;

/// Whether a reply may have been trimmed unread: what a lost group had done runs again, and is replied to again, all at once. Clients see
/// to it that the replies that they wait for fit into their stream; those that they have had come on top.
fn crowded_out(book: &Book, it: &Call) -> bool {
    let around = it.replied_at.saturating_sub(READ)..=it.replied_at + READ;
    let mut services = 0..book.services.len();
    let node = book.lives[it.life].node;
    let near = book.calls.iter().filter(|other| {
        other.made && book.lives[other.life].node == node && around.contains(&other.replied_at)
    });
    services.any(|service| book.reset_between(service, it.at, *around.end()))
        && near.count() as u64 > book.reply_max_len
}

impl Rule for Answered {
    const NAME: &'static str = "a call is answered, or a fault explains why not";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Settled { call, told } = event else { return Ok(()) };
        let it = book.call(*call);
        let node = book.lives[it.life].node;
        let quiet = !book.troubled(node, it.at, book.now);
        // Replies are there and are read whatever the store's clock says.
        let in_reach = !book.cut_off(node, it.at, book.now);
        let unexplained = match told {
            Told::Timeout => {
                let read_within = if book.jumps.is_empty() { READ } else { FOUND };
                in_reach
                    && it.replies > 0
                    && it.taken.is_none()
                    && it.replied_at + read_within < book.now
                    && !crowded_out(book, it)
            }
            // A cut that came while nothing was sent is noticed by the next call, which may have no time for another connection.
            Told::Lost { may_have_executed } => {
                let hasty = it.timeout < HASTY && book.troubled(node, 0, book.now);
                // What had waited for a place may have left just before its deadline, and isn't answered yet.
                let on_its_way = *may_have_executed && book.now >= it.at + it.timeout;
                quiet && !hasty && !on_its_way && book.lives[it.life].stopping.is_none()
            }
            Told::NoService => {
                quiet
                    && book.was_served(it.service, it.at)
                    && !book.reset_between(it.service, 0, book.now)
            }
            Told::TooMany => quiet && book.calls.len() as u64 <= book.reply_max_len / 2,
            _ => false,
        };
        if unexplained {
            let what = format!("{} gets {told:?}, and nothing was wrong", book.call_name(*call));
            return broken(*call, what);
        }
        Ok(())
    }

    fn end(&mut self, book: &Book) -> Result<(), Broken> {
        for (number, call) in book.calls.iter().enumerate() {
            let number = number as u32;
            if call.entries.is_empty() || call.taken.is_some() {
                continue;
            }
            let ran = call.runs.iter().any(|run| book.runs[*run].ended.is_some());
            if !ran && !call.put_aside {
                return broken(
                    number,
                    format!("{} was accepted, and never ran to its end", book.call_name(number)),
                );
            }
            if !call.acked {
                return broken(number, format!("{} was never acked", book.call_name(number)));
            }
            if !call.notification && call.replies == 0 {
                return broken(number, format!("{} was never replied to", book.call_name(number)));
            }
        }
        Ok(())
    }
}
