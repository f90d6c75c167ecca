//! Commands of Redis, word by word: packed into what is written to a connection of our own, or as `redis` takes them.

use std::collections::VecDeque;
use std::io::{IoSlice, Write as _};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use clamator_core::StreamId;
use redis::Cmd;

/// What takes commands of Redis.
pub(crate) trait Words {
    /// A command of so many words begins.
    fn begin(&mut self, words: usize);

    /// Its next word.
    fn word(&mut self, word: &[u8]);

    /// Its next word, which may be large.
    fn payload(&mut self, payload: &Bytes) {
        self.word(payload);
    }

    /// Its next word is a number.
    fn number(&mut self, number: u64) {
        self.word(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Its next word is the id of an entry.
    fn id(&mut self, id: StreamId) {
        let mut digits = itoa::Buffer::new();
        // Two numbers of 20 digits, and what is between them.
        let mut text = [0; 41];
        let mut rest = &mut text[..];
        let free = rest.len();
        // There is room for both.
        let _ = rest.write_all(digits.format(id.ms).as_bytes());
        let _ = rest.write_all(b"-");
        let _ = rest.write_all(digits.format(id.seq).as_bytes());
        let len = free - rest.len();
        self.word(&text[..len]);
    }

    /// A command of words that are texts.
    fn texts(&mut self, texts: &[&str]) {
        self.begin(texts.len());
        texts.iter().for_each(|text| self.word(text.as_bytes()));
    }
}

/// Commands as `redis` takes them.
#[derive(Default)]
pub(crate) struct Cmds(pub(crate) Vec<Cmd>);

impl Words for Cmds {
    fn begin(&mut self, _: usize) {
        self.0.push(Cmd::new());
    }

    fn word(&mut self, word: &[u8]) {
        if let Some(cmd) = self.0.last_mut() {
            cmd.arg(word);
        }
    }
}

/// Payloads of this size and more aren't copied.
const LARGE: usize = 16 * 1024;

/// Packed commands that wait to be written: pieces, of which the last still grows.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pieces: VecDeque<Bytes>,
    last: BytesMut,
    /// How many bytes were ever put in, and how many of them were written.
    end: u64,
    written: u64,
}

impl Packed {
    /// How many bytes were ever put in.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// How many of them were written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    fn length(&mut self, kind: u8, length: usize) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(length).as_bytes();
        self.last.reserve(digits.len() + 3);
        self.last.put_u8(kind);
        self.last.put_slice(digits);
        self.last.put_slice(b"\r\n");
        self.end += digits.len() as u64 + 3;
    }

    fn end_word(&mut self) {
        self.last.put_slice(b"\r\n");
        self.end += 2;
    }
}

/// What is to be written next.
impl Buf for Packed {
    fn remaining(&self) -> usize {
        usize::try_from(self.end - self.written).unwrap_or(usize::MAX)
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&self.last, |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.pieces.iter().map(|piece| &piece[..]).chain([&self.last[..]]);
        let mut count = 0;
        for (slice, piece) in into.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        self.written += count as u64;
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
        if count < self.last.len() {
            self.last.advance(count);
        } else {
            // Its room is used again.
            self.last.clear();
        }
    }
}

impl Words for Packed {
    fn begin(&mut self, words: usize) {
        self.length(b'*', words);
    }

    fn word(&mut self, word: &[u8]) {
        self.length(b'$', word.len());
        self.last.put_slice(word);
        self.end += word.len() as u64;
        self.end_word();
    }

    fn payload(&mut self, payload: &Bytes) {
        if payload.len() < LARGE {
            return self.word(payload);
        }
        self.length(b'$', payload.len());
        self.pieces.push_back(self.last.split().freeze());
        self.pieces.push_back(payload.clone());
        self.end += payload.len() as u64;
        self.end_word();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(out: &mut impl Words, large: &Bytes) {
        out.texts(&["PING"]);
        out.begin(4);
        out.word(b"XADD");
        out.number(u64::MAX);
        out.payload(large);
        out.id(StreamId::new(u64::MAX, u64::MAX));
        out.begin(2);
        out.payload(&Bytes::from_static(b"small"));
        out.id(StreamId::MIN);
    }

    /// All that is to be written, so many bytes at a time.
    fn written(mut packed: Packed, at_once: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while packed.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 3];
            let count = packed.chunks_vectored(&mut slices);
            assert_eq!(&slices[0][..], packed.chunk());
            let next: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            let count = next.len().min(at_once);
            all.extend(&next[..count]);
            packed.advance(count);
        }
        assert_eq!(packed.written(), all.len() as u64);
        all
    }

    #[test]
    fn what_is_packed_is_what_redis_packs() {
        for size in [0, LARGE - 1, LARGE, 3 * LARGE] {
            let large = Bytes::from(vec![b'x'; size]);
            let mut cmds = Cmds::default();
            commands(&mut cmds, &large);
            let expected: Vec<u8> = cmds.0.iter().flat_map(Cmd::get_packed_command).collect();
            for at_once in [1, 7, 1000, usize::MAX] {
                let mut packed = Packed::default();
                commands(&mut packed, &large);
                assert_eq!(written(packed, at_once), expected, "{size} {at_once}");
            }
        }
    }
}
