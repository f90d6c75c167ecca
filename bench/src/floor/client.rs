//! The floor's client: two connections, one for commands and one that reads replies.

use std::io;
use std::time::Instant;

use super::names::{self, ID_LEN, between, caller, id};
use super::resp::{Wire, command};
use crate::order::{Order, Permits, Tally, Times};

const COUNT: &[u8] = b"1024";
const BLOCK: &[u8] = b"5000";

pub(crate) struct Client {
    commands: Wire,
    replies: Wire,
    prefix: String,
    stream: String,
    /// The id of the last reply that was read.
    last: Vec<u8>,
    made: u64,
}

impl Client {
    pub(crate) fn connect(address: &str, prefix: &str) -> io::Result<Client> {
        Ok(Client {
            commands: Wire::connect(address)?,
            replies: Wire::connect(address)?,
            prefix: prefix.to_owned(),
            stream: names::reply_stream(prefix),
            last: b"0-0".to_vec(),
            made: 0,
        })
    }

    pub(crate) fn run(&mut self, order: &Order) -> io::Result<Tally> {
        let (request, at) = names::request(&self.prefix, order.payload());
        let permits = Permits::of(order);
        let mut times = Times::new();
        let began = Instant::now();
        // Since when each caller waits, and for which of all calls.
        let mut callers = vec![(began, 0); order.window];
        let mut out = Vec::new();
        let mut under_way = 0;
        for (number, waits) in callers.iter_mut().enumerate() {
            let now = Instant::now();
            if permits.take(now) {
                self.made += 1;
                *waits = (now, self.made);
                push(&mut out, &request, at, number, self.made);
                under_way += 1;
            }
        }
        self.commands.send(&out)?;
        while under_way > 0 {
            self.read()?;
            out.clear();
            let (mut arrived, mut unanswered) = (0_usize, 0_usize);
            let Client { replies, last, made, .. } = self;
            replies.entries(|wire, entry| {
                last.clear();
                last.extend_from_slice(wire.bytes(entry.id));
                arrived += 1;
                let envelope = wire.bytes(entry.envelope);
                let answered = between(envelope, b"\"id\":\"", b'"').unwrap_or_default();
                let number = caller(answered).unwrap_or(usize::MAX);
                let waits = callers.get_mut(number);
                let mine = |waits: &&mut (Instant, u64)| id(number as u64, waits.1) == *answered;
                let Some(waits) = waits.filter(mine) else {
                    times.fail("a reply that nobody waits for");
                    return;
                };
                let now = Instant::now();
                match is_right(envelope, order.payload()) {
                    true => times.record(now - waits.0),
                    false => times.fail(String::from_utf8_lossy(envelope)),
                }
                if permits.take(now) {
                    *made += 1;
                    *waits = (now, *made);
                    push(&mut out, &request, at, number, *made);
                } else {
                    unanswered += 1;
                }
            })?;
            under_way -= unanswered;
            if !out.is_empty() {
                self.commands.send(&out)?;
            }
            // Each call that has its reply was accepted before: these answers are there.
            for _ in 0..arrived {
                self.commands.skip()?;
            }
        }
        Ok(times.tally(began))
    }

    fn read(&mut self) -> io::Result<()> {
        let mut out = Vec::with_capacity(128);
        let words = [&b"XREAD"[..], b"COUNT", COUNT, b"BLOCK", BLOCK, b"STREAMS"];
        command(&mut out, &[&words[..], &[self.stream.as_bytes(), &self.last]].concat());
        self.replies.send(&out)
    }
}

fn push(out: &mut Vec<u8>, request: &[u8], at: usize, number: usize, made: u64) {
    let start = out.len();
    out.extend_from_slice(request);
    out[start + at..start + at + ID_LEN].copy_from_slice(&id(number as u64, made));
}

fn is_right(envelope: &[u8], payload: usize) -> bool {
    match payload {
        0 => envelope.ends_with(br#""result":{"sum":5.0}}"#),
        bytes => envelope.len() > bytes,
    }
}
