//! **Nothing runs twice at the same time without a legal takeover**: a run that begins while another one of the same entry is
//! under way was taken over after its owner had been in trouble for long enough that the claim idle could pass, or its group was
//! made anew. On one server it never happens.

use super::{Broken, Rule, broken};
use crate::book::{Book, Role};
use crate::event::Event;

#[derive(Debug, Default)]
pub(crate) struct NoOverlap;

impl Rule for NoOverlap {
    const NAME: &'static str = "nothing runs twice at the same time without a legal takeover";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let Event::Began { run, life, call, .. } = event else { return Ok(()) };
        for other in &book.call(*call).runs {
            let other_run = &book.runs[*other];
            if *other == *run || other_run.ended.is_some() {
                continue;
            }
            let holder = &book.lives[other_run.life];
            if other_run.life == *life {
                let what =
                    format!("{} begins on {} next to itself", book.call_name(*call), holder.name);
                return broken(*call, what);
            }
            let service = book.call(*call).service;
            let from = book.call(*call).added_at;
            if book.reset_between(service, from, book.now)
                || holder.role == Role::Peer
                || book.lives[*life].role == Role::Peer
                || holder.stopping.is_some()
            {
                continue;
            }
            // A lease is renewed at a third of the claim idle, looked at every sixth: its last renewal may be half of it old.
            let enough = book.claim_idle / 2;
            let longest = book.longest_trouble(holder.node, from, book.now);
            if longest.is_none_or(|longest| longest < enough) {
                let what = format!(
                    "{} begins on {} while it runs on {}, which was never out of reach for long",
                    book.call_name(*call),
                    book.lives[*life].name,
                    holder.name
                );
                return broken(*call, what);
            }
        }
        Ok(())
    }
}
