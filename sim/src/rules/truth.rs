//! **What a caller is told is true**: an answer is its own call's, and comes after its handler has finished; what is said not
//! to have been executed never began; what was put aside is in the stream for that, or was taken out by a fault.

use super::{Broken, Rule, broken};
use crate::book::Book;
use crate::event::{CallId, End, Event, Told};
use crate::stage::STORE;

#[derive(Debug, Default)]
pub(crate) struct Truth;

impl Rule for Truth {
    const NAME: &'static str = "what a caller is told is true";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        let told_unsent = |told: Told| {
            matches!(
                told,
                Told::NoService
                    | Told::TooMany
                    | Told::Refused
                    | Told::Reentrant
                    | Told::Lost { may_have_executed: false }
            )
        };
        let (call, lie) = match event {
            Event::Settled { call, told } => {
                let it = book.call(*call);
                let ran = |how: &[End]| {
                    let ends = it.runs.iter().filter_map(|run| book.runs[*run].ended);
                    ends.map(|(_, end)| end).any(|end| how.contains(&end))
                };
                let lie = match told {
                    Told::Answered { right: false } => "answered with the result of another call",
                    Told::Answered { .. } if !ran(&[End::Finished]) => {
                        "answered, but no handler has finished"
                    }
                    Told::Failed if !ran(&[End::Failed, End::Panicked]) => {
                        "said to have failed, but no handler has"
                    }
                    Told::GivenUp if !it.put_aside => "said to be put aside, but it isn't",
                    Told::Reentrant if !waits_for_itself(book, *call) => {
                        "said to wait for itself, which it doesn't"
                    }
                    Told::Answered { .. } | Told::Failed | Told::Timeout | Told::GivenUp
                        if waits_for_itself(book, *call) =>
                    {
                        "not said to wait for itself, which it does"
                    }
                    Told::Refused if !book.troubled(STORE, it.at, book.now) => {
                        "said to be refused by a store that refuses nothing"
                    }
                    Told::Strange => "an outcome that nothing here can cause",
                    told if told_unsent(*told) && !it.entries.is_empty() => {
                        "said not to have been executed, but it is in the stream"
                    }
                    _ => return Ok(()),
                };
                (*call, lie)
            }
            Event::Began { call, .. } => match book.call(*call).settled {
                Some((_, told)) if told_unsent(told) => {
                    (*call, "said not to have been executed, and begins now")
                }
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        broken(call, format!("{}: {lie}", book.call_name(call)))
    }
}

/// Whether it was made by a handler of the same serial service on the same server.
fn waits_for_itself(book: &Book, call: CallId) -> bool {
    let it = book.call(call);
    let Some(outer) = it.within.filter(|_| !it.notification) else { return false };
    book.call(outer).service == it.service && book.services[it.service].discipline.slots() == 1
}
