//! What the fuzz targets throw bytes at. Not part of what is promised.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use clamator_core::{Command, Outcome};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::batch::Batch;
use crate::directory::Directory;
use crate::pipe::Pipe;
use crate::resp::{Found, Scan};
use crate::words::{Cmds, Packed};

/// How far an answer is there: its length, or how many bytes it will have at least. `None`: it is none.
pub type Scanned = Option<Result<usize, usize>>;

/// Looks for the end of an answer that comes in pieces: after so many bytes, and so many more.
pub fn scan(bytes: &[u8], pieces: impl Iterator<Item = usize>) -> Scanned {
    let (mut scan, mut at) = (Scan::default(), 0);
    for piece in pieces.chain([bytes.len()]) {
        at = bytes.len().min(at + piece);
        match scan.go_on(&bytes[..at]) {
            Ok(Found::Whole(length)) => return Some(Ok(length)),
            Ok(Found::Part(length)) if at == bytes.len() => return Some(Err(length)),
            Ok(Found::Part(_)) => {}
            Err(_) => return None,
        }
    }
    None
}

/// The outcome of a command from whole answers to it, as the connection reads them.
#[must_use]
pub fn outcome(command: &Command, scripts: bool, answers: &[Bytes]) -> Option<Outcome> {
    let commands = vec![command.clone()];
    let mut batch = Batch::pack(commands, &Directory::default(), scripts, &mut Cmds::default());
    for answer in answers {
        if batch.is_done() {
            break;
        }
        batch.answer(&mut BytesMut::from(&answer[..]), answer.len());
    }
    batch.is_done().then(|| batch.outcomes().remove(0))
}

/// What a connection that gets these pieces makes of pipelines.
#[must_use]
pub fn pipelines(pieces: Vec<Bytes>, pipelines: Vec<Vec<Command>>) -> Vec<Vec<Outcome>> {
    let pipe = Pipe::new(Box::new(Pieces(pieces.into())));
    let directory = Directory::default();
    let mut runs = Vec::new();
    for commands in pipelines {
        let pack = |out: &mut Packed| Batch::pack(commands, &directory, true, out);
        runs.push(pipe.run("here".into(), pack));
    }
    let mut context = Context::from_waker(Waker::noop());
    let outcomes = runs.iter_mut().map(|run| {
        loop {
            // Each time it isn't ready, a piece was an empty one.
            if let Poll::Ready(outcomes) = Future::poll(Pin::new(run), &mut context) {
                return outcomes;
            }
        }
    });
    outcomes.collect()
}

/// A peer that takes everything, says this, and closes the connection. At an empty piece it is silent once.
struct Pieces(VecDeque<Bytes>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.0.pop_front() else { return Poll::Ready(Ok(())) };
        if piece.is_empty() {
            return Poll::Pending;
        }
        into.put_slice(&piece.split_to(piece.len().min(into.remaining())));
        if !piece.is_empty() {
            self.0.push_front(piece);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
