//! A service whose handlers do as the test tells them, and tell what becomes of them.

#![allow(unreachable_pub)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clamator_testkit::eventually;
use clamator_tokio::{CallContext, RpcError};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::site::SOON;

/// What a handler knew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub by: String,
    pub deliveries: u64,
    pub redelivery: bool,
    pub request_id: Option<String>,
}

#[clamator_tokio::contract(service = "work")]
pub trait Work {
    /// Ends at once.
    async fn quick(&self, context: &CallContext, item: u64) -> Result<Done, RpcError>;
    /// Ends once the test [lets](Book::let_go) one end.
    async fn hold(&self, context: &CallContext, item: u64) -> Result<Done, RpcError>;
    /// Lets others go first, several times.
    async fn nap(&self, context: &CallContext, item: u64) -> Result<Done, RpcError>;
    /// Panics: before its first await, or after it.
    async fn panic(&self, item: u64, late: bool) -> Result<(), RpcError>;
    #[notification]
    async fn tell(&self, item: u64);
}

/// What became of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Began,
    Ended,
    /// It was dropped before it had ended.
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub what: What,
    pub worker: &'static str,
    pub item: u64,
}

/// What all handlers of a test write down.
#[derive(Debug)]
pub struct Book {
    notes: Mutex<Vec<Note>>,
    gate: Semaphore,
}

impl Default for Book {
    fn default() -> Book {
        Book { notes: Mutex::default(), gate: Semaphore::new(0) }
    }
}

impl Book {
    /// Lets so many handlers of `hold` end.
    pub fn let_go(&self, handlers: usize) {
        self.gate.add_permits(handlers);
    }

    pub fn notes(&self) -> Vec<Note> {
        self.notes.lock().unwrap().clone()
    }

    fn note(&self, what: What, worker: &'static str, item: u64) {
        self.notes.lock().unwrap().push(Note { what, worker, item });
    }

    /// The items to which this happened, in order.
    pub fn items(&self, what: What) -> Vec<u64> {
        self.notes().iter().filter(|note| note.what == what).map(|note| note.item).collect()
    }

    /// Who began this item, in order.
    pub fn workers_of(&self, item: u64) -> Vec<&'static str> {
        let notes = self.notes();
        let began = notes.iter().filter(|note| note.what == What::Began && note.item == item);
        began.map(|note| note.worker).collect()
    }

    #[track_caller]
    pub fn eventually(&self, what: What, item: u64) {
        eventually(SOON, &format!("{item}: {what:?}"), || self.items(what).contains(&item));
    }
}

#[derive(Clone, Debug)]
pub struct Worker {
    name: &'static str,
    book: Arc<Book>,
}

impl Worker {
    pub fn new(name: &'static str, book: Arc<Book>) -> Worker {
        Worker { name, book }
    }

    fn done(&self, context: &CallContext) -> Done {
        Done {
            by: self.name.to_owned(),
            deliveries: context.deliveries(),
            redelivery: context.is_redelivery(),
            request_id: context.request_id(),
        }
    }

    fn begin(&self, item: u64) -> Running<'_> {
        self.book.note(What::Began, self.name, item);
        Running { worker: self, item, ended: false }
    }
}

/// Writes down how a handler ends.
struct Running<'a> {
    worker: &'a Worker,
    item: u64,
    ended: bool,
}

impl Running<'_> {
    fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let what = if self.ended { What::Ended } else { What::Dropped };
        self.worker.book.note(what, self.worker.name, self.item);
    }
}

impl Work for Worker {
    async fn quick(&self, context: &CallContext, item: u64) -> Result<Done, RpcError> {
        self.begin(item).end();
        Ok(self.done(context))
    }

    async fn hold(&self, context: &CallContext, item: u64) -> Result<Done, RpcError> {
        let running = self.begin(item);
        self.book.gate.acquire().await?.forget();
        running.end();
        Ok(self.done(context))
    }

    async fn nap(&self, context: &CallContext, item: u64) -> Result<Done, RpcError> {
        let running = self.begin(item);
        tokio::time::sleep(Duration::from_millis(2)).await;
        tokio::task::yield_now().await;
        running.end();
        Ok(self.done(context))
    }

    async fn panic(&self, item: u64, late: bool) -> Result<(), RpcError> {
        let _running = self.begin(item);
        if late {
            tokio::task::yield_now().await;
        }
        panic!("item {item} was too much");
    }

    async fn tell(&self, item: u64) {
        self.begin(item).end();
    }
}
