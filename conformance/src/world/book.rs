//! What the handlers of a case write down, and how the case holds them up.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// What became of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Began,
    Ended,
    /// It was dropped before it had ended.
    Dropped,
    /// It was told that its entry belongs to another server by now.
    Lost,
}

/// One note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) what: What,
    pub(crate) by: String,
    pub(crate) item: u64,
}

/// The notes of all handlers of a case, in order.
#[derive(Debug, Default)]
pub(crate) struct Book {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    notes: Vec<Note>,
    free: BTreeSet<u64>,
    all_free: bool,
    wakers: Vec<Waker>,
}

impl Book {
    pub(crate) fn note(&self, what: What, by: &str, item: u64) {
        self.lock().notes.push(Note { what, by: by.to_owned(), item });
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        self.lock().notes.clone()
    }

    /// The items to which this happened, in order.
    pub(crate) fn items(&self, what: What) -> Vec<u64> {
        let state = self.lock();
        state.notes.iter().filter(|note| note.what == what).map(|note| note.item).collect()
    }

    /// How often this happened to an item.
    pub(crate) fn count(&self, what: What, item: u64) -> usize {
        self.items(what).into_iter().filter(|its| *its == item).count()
    }

    /// Who began an item, in order.
    pub(crate) fn workers_of(&self, item: u64) -> Vec<String> {
        let notes = self.notes().into_iter();
        let began = notes.filter(|note| note.what == What::Began && note.item == item);
        began.map(|note| note.by).collect()
    }

    /// Lets every handler go on that holds this item, now and later.
    pub(crate) fn let_go(&self, item: u64) {
        self.free(|state| {
            state.free.insert(item);
        });
    }

    pub(crate) fn let_all_go(&self) {
        self.free(|state| state.all_free = true);
    }

    /// Waits until the case lets the item go.
    pub(crate) async fn held(&self, item: u64) {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.all_free || state.free.contains(&item) {
                return Poll::Ready(());
            }
            if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                state.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn free(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
