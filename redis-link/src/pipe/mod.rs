//! A connection of our own: pipelines go in, answers come out in the same order, and whoever waits for the first of them does
//! the reading and writing. There is no task, and nobody else is woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, BytesMut};
use clamator_core::{Fault, Outcome};
use tokio::io::AsyncWrite as _;
use tokio_util::io::{poll_read_buf, poll_write_buf};

use crate::batch::Batch;
use crate::link::BoxedStream;
use crate::resp::{Found, Scan};
use crate::words::Packed;

/// The room for what comes in: at first, and at most without a single value that is larger.
const ROOM: usize = 4 * 1024;
const MOST_ROOM: usize = 64 * 1024;
/// The most that is taken at once for a value of which only the length has come.
const LARGE: usize = 16 * 1024 * 1024;

/// A connection.
#[derive(Clone)]
pub(crate) struct Pipe(Arc<Mutex<Inside>>);

struct Inside {
    stream: BoxedStream,
    packed: Packed,
    input: BytesMut,
    scan: Scan,
    room: usize,
    /// Why it is lost.
    lost: Option<String>,
    /// How many pipelines were begun, and how many have ended: the one with that number is the first.
    begun: u64,
    ended: u64,
    /// Who asked before it was their turn.
    early: Vec<Waker>,
}

impl Pipe {
    /// Takes a stream on which everything that was sent is answered.
    pub(crate) fn new(stream: BoxedStream) -> Pipe {
        Pipe(Arc::new(Mutex::new(Inside {
            stream,
            packed: Packed::default(),
            input: BytesMut::new(),
            scan: Scan::default(),
            room: ROOM,
            lost: None,
            begun: 0,
            ended: 0,
            early: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a pipeline. Its bytes leave when it, or one before it, is polled.
    pub(crate) fn run(&self, address: Arc<str>, pack: impl FnOnce(&mut Packed) -> Batch) -> Run {
        let mut inside = self.lock();
        let (turn, begins) = (inside.begun, inside.packed.end());
        inside.begun += 1;
        let batch = Some(pack(&mut inside.packed));
        Run { pipe: self.clone(), turn, begins, batch, address }
    }
}

/// A pipeline under way.
pub(crate) struct Run {
    pipe: Pipe,
    turn: u64,
    /// How many bytes were to be written before its own.
    begins: u64,
    /// `None` once it has ended.
    batch: Option<Batch>,
    address: Arc<str>,
}

impl Future for Run {
    type Output = Vec<Outcome>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<Outcome>> {
        let run = &mut *self;
        let Some(mut batch) = run.batch.take() else { return Poll::Ready(Vec::new()) };
        let mut inside = run.pipe.lock();
        if inside.ended != run.turn {
            if let Some(cause) = inside.lost.clone() {
                return Poll::Ready(batch.lost(inside.loss(run.begins), &run.fault(cause)));
            }
            inside.early.push(context.waker().clone());
            run.batch = Some(batch);
            return Poll::Pending;
        }
        let is_new = inside.packed.written() <= run.begins;
        if is_new && !batch.is_done() {
            inside.look(context);
        }
        let outcomes = loop {
            if batch.is_done() {
                break batch.outcomes();
            }
            match inside.poll_answer(context, &mut batch) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(cause)) => {
                    break batch.lost(inside.loss(run.begins), &run.fault(cause));
                }
                Poll::Pending => {
                    run.batch = Some(batch);
                    return Poll::Pending;
                }
            }
        };
        inside.ended += 1;
        let early = std::mem::take(&mut inside.early);
        drop(inside);
        early.into_iter().for_each(Waker::wake);
        Poll::Ready(outcomes)
    }
}

impl Run {
    fn fault(&self, cause: String) -> Fault {
        Fault { address: self.address.to_string(), cause }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.batch.is_some() {
            // Its answers would be taken for those of the next one.
            let mut inside = self.pipe.lock();
            inside.lose("a pipeline was given up");
            let early = std::mem::take(&mut inside.early);
            drop(inside);
            early.into_iter().for_each(Waker::wake);
        }
    }
}

impl Inside {
    fn lose(&mut self, cause: impl ToString) {
        if self.lost.is_none() {
            self.lost = Some(cause.to_string());
        }
    }

    /// How what has no answer ends on a connection that is lost: whether its bytes may have left, those from `begins` on.
    fn loss(&self, begins: u64) -> fn(Fault) -> Outcome {
        if self.packed.written() > begins { Outcome::Unknown } else { Outcome::NotSent }
    }

    /// Gives the next answer to a batch that waits for one. An error is why there is none.
    fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
        batch: &mut Batch,
    ) -> Poll<Result<(), String>> {
        loop {
            if let Some(len) = self.next_answer() {
                batch.answer(&mut self.input, len);
                return Poll::Ready(Ok(()));
            }
            if let Some(cause) = &self.lost {
                return Poll::Ready(Err(cause.clone()));
            }
            self.write(context);
            ready!(self.poll_read(context));
        }
    }

    /// The length of the next answer, if all of it has come.
    fn next_answer(&mut self) -> Option<usize> {
        while !self.input.is_empty() {
            match self.scan.go_on(&self.input) {
                // RESP3 may say something that nobody asked for.
                Ok(Found::Whole(len)) if self.input[0] == b'>' => drop(self.input.split_to(len)),
                Ok(Found::Whole(len)) => return Some(len),
                Ok(Found::Part(len)) => {
                    let missing = len.saturating_sub(self.input.len());
                    self.input.reserve(missing.min(LARGE));
                    return None;
                }
                Err(_) => {
                    // Nothing that follows can be told from it any more.
                    self.input.clear();
                    self.lose("what came from there is no answer of Redis");
                    return None;
                }
            }
        }
        None
    }

    /// Before the first bytes leave on a connection that had nothing to do: is it still there?
    fn look(&mut self, context: &mut Context<'_>) {
        while self.lost.is_none() {
            if self.next_answer().is_some() {
                self.input.clear();
                self.lose("an answer came that nothing was asked for");
            } else if self.poll_read(context).is_pending() {
                return;
            }
        }
    }

    /// Writes as much as goes out.
    fn write(&mut self, context: &mut Context<'_>) {
        if !self.packed.has_remaining() {
            return;
        }
        while self.packed.has_remaining() {
            match poll_write_buf(Pin::new(&mut self.stream), context, &mut self.packed) {
                Poll::Ready(Ok(0)) => return self.write_failed(context, &"nothing can be written"),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return self.write_failed(context, &error),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.stream).poll_flush(context) {
            self.write_failed(context, &error);
        }
    }

    /// Answers may have come before the connection was lost.
    fn write_failed(&mut self, context: &mut Context<'_>, cause: &dyn ToString) {
        while self.lost.is_none() && self.poll_read(context).is_ready() {}
        self.lost = Some(cause.to_string());
    }

    /// Reads something, or learns that there will be nothing more.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.input.capacity() - self.input.len() < ROOM / 4 {
            self.input.reserve(self.room);
        }
        let free = self.input.capacity() - self.input.len();
        match ready!(poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input)) {
            Ok(0) => self.lose("the connection was closed"),
            Ok(count) if count == free => self.room = (self.room * 2).min(MOST_ROOM),
            Ok(_) => {}
            Err(error) => self.lose(error),
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;
