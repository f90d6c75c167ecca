//! From the bytes of an input to decisions. When there are none left, everything is zero.

use std::time::Duration;

use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { rest: data }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *byte
    }

    pub(crate) fn bit(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { from.get(self.below(from.len())).copied() }
    }

    /// Small, or anything.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            0xff => u64::MAX,
            0xfe => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
            0xfd => u64::from(self.byte()) << 8 | u64::from(self.byte()),
            small => u64::from(small),
        }
    }

    /// From nothing to for ever.
    pub(crate) fn duration(&mut self) -> Duration {
        match self.byte() {
            0 => Duration::ZERO,
            0xff => Duration::MAX,
            0xfe => Duration::from_secs(self.number()),
            byte if byte < 0x80 => Duration::from_millis(u64::from(byte) * 7),
            byte => Duration::from_millis(u64::from(byte - 0x7f) * 700),
        }
    }

    /// Up to 255 bytes as they are.
    pub(crate) fn bytes(&mut self) -> Bytes {
        let length = usize::from(self.byte()).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Bytes::copy_from_slice(bytes)
    }

    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}
