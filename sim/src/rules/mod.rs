//! The rules: one file for each, with the sentence that it proves at its top. A rule looks at what happens, and at the book of
//! what has happened, and at nothing else.

mod ack_after_reply;
mod answered;
mod bucket;
mod dead_letters;
mod fairness;
mod lanes;
mod leases;
mod no_overlap;
mod nothing_after_stop;
mod order;
mod paced;
mod quiet;
mod reruns;
mod sent_once;
mod settled;
mod stops_in_time;
mod trims;
mod truth;
mod unread;

use crate::book::Book;
use crate::event::{CallId, Event};

/// How a rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) what: String,
    pub(crate) call: Option<CallId>,
}

impl From<String> for Broken {
    fn from(what: String) -> Broken {
        Broken { what, call: None }
    }
}

/// A rule was broken by what happened to a call.
pub(crate) fn broken(call: CallId, what: String) -> Result<(), Broken> {
    Err(Broken { what, call: Some(call) })
}

pub(crate) trait Rule {
    /// The sentence, in short.
    const NAME: &'static str;

    /// Looks at what happens. The book has it already.
    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken>;

    /// Looks at everything once it is over.
    fn end(&mut self, _book: &Book) -> Result<(), Broken> {
        Ok(())
    }
}

macro_rules! rules {
    ($($field:ident: $rule:ty,)+) => {
        /// All of them.
        #[derive(Debug, Default)]
        pub(crate) struct Rules {
            $($field: $rule,)+
        }

        impl Rules {
            pub(crate) fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), (&'static str, Broken)> {
                $(self.$field.see(book, event).map_err(|broken| (<$rule>::NAME, broken))?;)+
                Ok(())
            }

            pub(crate) fn end(&mut self, book: &Book) -> Result<(), (&'static str, Broken)> {
                $(self.$field.end(book).map_err(|broken| (<$rule>::NAME, broken))?;)+
                Ok(())
            }
        }
    };
}

rules! {
    settled: settled::Settled,
    sent_once: sent_once::SentOnce,
    truth: truth::Truth,
    answered: answered::Answered,
    ack_after_reply: ack_after_reply::AckAfterReply,
    no_overlap: no_overlap::NoOverlap,
    reruns: reruns::Reruns,
    lanes: lanes::Lanes,
    order: order::Order,
    leases: leases::Leases,
    nothing_after_stop: nothing_after_stop::NothingAfterStop,
    stops_in_time: stops_in_time::StopsInTime,
    dead_letters: dead_letters::DeadLetters,
    trims: trims::Trims,
    fairness: fairness::Fairness,
    paced: paced::Paced,
    quiet: quiet::Quiet,
    unread: unread::Unread,
}
